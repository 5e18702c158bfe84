// Components from outside: files of a project's plugins/, packages, and what a config lists.
export { discoverPlugins } from "./discover.ts";
export type { PluginProblem, PluginSource } from "./discover.ts";
export { loadPlugins } from "./load.ts";
export type { LoadPluginsOptions, LoadedPlugin } from "./load.ts";
