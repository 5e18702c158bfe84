// What the section `hydra` tells of a composition: choices, overrides, the search path, the job's name.
import {
  type ConfigNode,
  type MapNode,
  type Origin,
  listNode,
  mapNode,
  nodeOf,
  scalarNode,
  valueOf,
} from "../node.ts";
import { isMissing } from "../omega/kinds.ts";
import type { ComposeOptions, Composition } from "./compose.ts";
import { hydraVersion, hydraVersionBase } from "./hydra-config.ts";
import { type Override, isHydraOverride } from "./override.ts";
import { problemAt } from "./problem.ts";

interface FillOptions extends Pick<ComposeOptions, "jobName" | "configName" | "versionBase"> {
  /** The option of each group, by its override key. */
  choices: ReadonlyMap<string, string | null>;
}

/** Writes what is known once a config is composed: choices, overrides, search path, job. */
export function fillHydra(
  { hydra, overrides, repository }: Composition,
  { choices, jobName = "app", configName, versionBase = hydraVersionBase }: FillOptions,
): void {
  const origin: Origin = { source: "hydra" };
  const job = section(hydra, "job");
  const runtime = section(hydra, "runtime");
  const lines = section(hydra, "overrides");
  const setText = (map: MapNode, key: string, value: string | null): void => {
    map.entries.set(key, { origin, node: scalarNode(origin, value) });
  };
  for (const override of overrides)
    appendText(lines, isHydraOverride(override) ? "hydra" : "task", override.text, origin);
  const known = section(runtime, "choices");
  for (const [key, option] of choices) setText(known, key, option);
  copyEnvironment(job);
  setText(runtime, "version", hydraVersion);
  setText(runtime, "version_base", versionBase);
  setText(runtime, "cwd", process.cwd());
  const sources = repository.sources.map(({ path, scheme, provider }) => ({
    path,
    schema: scheme,
    provider,
  }));
  runtime.entries.set("config_sources", { origin, node: nodeOf(sources, origin) });
  const name = job.entries.get("name")?.node;
  if (name === undefined || isMissing(name)) setText(job, "name", jobName);
  setText(job, "override_dirname", overrideDirname(overrides, job));
  setText(job, "config_name", configName ?? null);
}

function appendText(map: MapNode, key: string, text: string, origin: Origin): void {
  const node = map.entries.get(key)?.node;
  if (node?.kind === "list") node.items.push(scalarNode(origin, text));
  else map.entries.set(key, { origin, node: listNode(origin, [scalarNode(origin, text)]) });
}

function copyEnvironment(job: MapNode): void {
  const names = job.entries.get("env_copy")?.node;
  if (names?.kind !== "list" || names.items.length === 0) return;
  const set = section(job, "env_set");
  for (const item of names.items) {
    const name = String(valueOf(item));
    const value = process.env[name];
    if (value === undefined)
      throw problemAt(
        item.origin,
        `the environment has no variable ${name} to copy. Set it, or take it out.`,
        "missing",
        "hydra.job.env_copy",
      );
    set.entries.set(name, { origin: item.origin, node: scalarNode(item.origin, value) });
  }
}

/** Joins the overrides of the job to a name for a folder, `db=mysql,seed=1`. */
function overrideDirname(overrides: readonly Override[], job: MapNode): string {
  const settings = childAt(job, "config", "override_dirname");
  const read = (key: string, fallback: string): string =>
    String(valueOf(childAt(settings, key) ?? scalarNode(job.origin, fallback)));
  const excluded = childAt(settings, "exclude_keys");
  const excludedKeys = excluded?.kind === "list" ? excluded.items.map((item) => String(valueOf(item))) : [];
  const lines = overrides
    .filter((override) => !isHydraOverride(override) && !excludedKeys.includes(override.keyOrGroup))
    .map(({ text }) => text)
    .sort(byCodePoint);
  return lines.join(read("item_sep", ",")).replaceAll("=", read("kv_sep", "="));
}

function byCodePoint(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** Returns the node below keys, or undefined. */
export function childAt(node: ConfigNode | undefined, ...keys: string[]): ConfigNode | undefined {
  return keys.reduce(
    (below, key) => (below?.kind === "map" ? below.entries.get(key)?.node : undefined),
    node,
  );
}

/** Returns a mapping of the section `hydra`, made anew where an override took it out. */
function section(map: MapNode, key: string): MapNode {
  const node = map.entries.get(key)?.node;
  if (node?.kind === "map") return node;
  if (node !== undefined && !isMissing(node))
    throw problemAt(node.origin, "must be a mapping.", "type", `hydra.${key}`);
  const made = mapNode(map.origin);
  map.entries.set(key, { origin: map.origin, node: made });
  return made;
}
