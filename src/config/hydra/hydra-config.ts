// Hydra's own part of every composed config, `hydra`, and the groups `hydra/...` that it is made of.
// Keys and values are those of Hydra 1.3, so that its tools read our run folders; the help texts are ours.
import type { ConfigMap } from "../value.ts";
import { ConfigStore } from "./config-store.ts";

/** Is the release of Hydra whose configs, names and files are followed. */
export const hydraVersion = "1.3.8";

/** Is the `version_base` of Hydra whose rules are followed. */
export const hydraVersionBase = "1.3";

/** Names Hydra's own launcher, which runs jobs one after the other. */
export const basicLauncher = "hydra._internal.core_plugins.basic_launcher.BasicLauncher";

/** Names Hydra's own sweeper, which tries all combinations. */
export const basicSweeper = "hydra._internal.core_plugins.basic_sweeper.BasicSweeper";

let store: ConfigStore | undefined;

/** Returns the store that holds Hydra's own configs. */
export function hydraConfigs(): ConfigStore {
  if (store !== undefined) return store;
  store = new ConfigStore();
  store.store({ name: "_dummy_empty_config_", node: {}, provider: "hydra" });
  store.store({ group: "hydra", name: "config", node: hydraNode, provider: "hydra" });
  for (const [group, options] of Object.entries(groups))
    for (const [name, node] of Object.entries(options))
      store.store({
        group: `hydra/${group}`,
        name,
        node,
        provider: "hydra",
        ...(group === "output" ? { package: "hydra" } : {}),
      });
  return store;
}

const hydraNode: ConfigMap = {
  defaults: [
    { output: "default" },
    { launcher: "basic" },
    { sweeper: "basic" },
    { help: "default" },
    { hydra_help: "default" },
    { hydra_logging: "default" },
    { job_logging: "default" },
    { callbacks: null },
    { env: "default" },
  ],
  mode: null,
  searchpath: [],
  run: { dir: "???" },
  sweep: { dir: "???", subdir: "???" },
  hydra_logging: "???",
  job_logging: "???",
  sweeper: "???",
  launcher: "???",
  callbacks: {},
  help: { app_name: "???", header: "???", footer: "???", template: "???" },
  hydra_help: { hydra_help: "???", template: "???" },
  output_subdir: ".hydra",
  overrides: { hydra: [], task: [] },
  job: {
    name: "???",
    chdir: null,
    override_dirname: "???",
    id: "???",
    num: "???",
    config_name: "???",
    env_set: {},
    env_copy: [],
    config: { override_dirname: { kv_sep: "=", item_sep: ",", exclude_keys: [] } },
  },
  runtime: {
    version: "???",
    version_base: "???",
    cwd: "???",
    config_sources: "???",
    output_dir: "???",
    choices: {},
  },
  verbose: false,
};

const console_ = { class: "logging.StreamHandler", formatter: "simple", stream: "ext://sys.stdout" };
const disabledLogging = { version: 1, root: { level: "ERROR" }, disable_existing_loggers: true };
const noLogging = { version: 1, root: null, disable_existing_loggers: false };

const groups: Record<string, Record<string, ConfigMap>> = {
  output: {
    default: {
      run: { dir: "outputs/${now:%Y-%m-%d}/${now:%H-%M-%S}" },
      sweep: { dir: "multirun/${now:%Y-%m-%d}/${now:%H-%M-%S}", subdir: "${hydra.job.num}" },
    },
  },
  launcher: { basic: { _target_: basicLauncher } },
  sweeper: { basic: { _target_: basicSweeper, max_batch_size: null, params: null } },
  help: {
    default: {
      app_name: "${hydra.job.name}",
      header: "${hydra.help.app_name} takes its config from files and from the command line.\n",
      footer: "--hydra-help lists the flags and the groups of the section hydra.\n",
      template: `\${hydra.help.header}
Groups, to choose from as GROUP=OPTION:

$APP_CONFIG_GROUPS

The config, to change as KEY=VALUE:

$CONFIG

\${hydra.help.footer}
`,
    },
  },
  hydra_help: {
    default: {
      template: `Flags:
$FLAGS_HELP

Groups of the section hydra, to choose from as hydra/GROUP=OPTION:

$HYDRA_CONFIG_GROUPS

--cfg hydra shows the section.
`,
    },
  },
  hydra_logging: {
    default: {
      version: 1,
      formatters: { simple: { format: "[%(asctime)s][HYDRA] %(message)s" } },
      handlers: { console: console_ },
      root: { level: "INFO", handlers: ["console"] },
      loggers: { logging_example: { level: "DEBUG" } },
      disable_existing_loggers: false,
    },
    disabled: disabledLogging,
    hydra_debug: {
      version: 1,
      formatters: { simple: { format: "[%(asctime)s][%(name)s][%(levelname)s] - %(message)s" } },
      handlers: {
        file: {
          class: "logging.FileHandler",
          mode: "w",
          formatter: "simple",
          filename: "hydra-${hydra.job.name}.log",
          delay: true,
        },
      },
      root: { level: "ERROR", handlers: ["file"] },
      loggers: { hydra: { level: "DEBUG" } },
      disable_existing_loggers: false,
    },
    none: noLogging,
  },
  job_logging: {
    default: {
      version: 1,
      formatters: { simple: { format: "[%(asctime)s][%(name)s][%(levelname)s] - %(message)s" } },
      handlers: {
        console: console_,
        file: {
          class: "logging.FileHandler",
          formatter: "simple",
          filename: "${hydra.runtime.output_dir}/${hydra.job.name}.log",
        },
      },
      root: { level: "INFO", handlers: ["console", "file"] },
      disable_existing_loggers: false,
    },
    disabled: disabledLogging,
    none: noLogging,
    stdout: {
      version: 1,
      formatters: { simple: { format: "%(message)s" } },
      handlers: { console: console_ },
      root: { level: "INFO", handlers: ["console"] },
      disable_existing_loggers: false,
    },
  },
  env: { default: {} },
};
