// Overrides of a use case's config: its schema decides which keys may exist, so a=v may set one that the file leaves out.
import type { ConfigIssue } from "../base/index.ts";
import { suggestion } from "../base/index.ts";
import { OverrideError } from "./hydra/override-error.ts";
import { type Override, keyElement } from "./hydra/override.ts";
import { parseOverride } from "./hydra/parse-override.ts";
import { valueOf } from "./node.ts";
import {
  type ConfigMap,
  type ConfigPath,
  type ConfigValue,
  formatPath,
  formatValue,
  isConfigMap,
} from "./value.ts";

/** Holds a config after its overrides, and which override wrote what. */
export interface OverrideResult {
  value: ConfigValue;
  written: readonly { path: ConfigPath; override: Override }[];
  issues: readonly ConfigIssue[];
}

/**
 * Applies overrides in their order to a copy of a config; every one that cannot be applied is an issue.
 * Whether a key may exist at all is the schema's matter, so `a.b=v` may set one that the file leaves out.
 */
export function applyOverrides(config: ConfigValue, overrides: readonly string[]): OverrideResult {
  const value = structuredClone(config);
  const written: { path: ConfigPath; override: Override }[] = [];
  const issues: ConfigIssue[] = [];
  for (const text of overrides) {
    try {
      const override = parseOverride(text);
      refuseForeign(override);
      written.push({ path: applyOverride(value, override), override });
    } catch (error) {
      if (!(error instanceof OverrideError)) throw error;
      issues.push({ path: "", code: "syntax", message: error.message });
    }
  }
  return { value, written, issues };
}

/** Refuses what needs a config that is composed, or more than one job. */
function refuseForeign(override: Override): void {
  const { text, keyOrGroup, package: packageName, sweep } = override;
  if (packageName !== undefined || keyOrGroup.includes("/")) {
    fail(
      override,
      `"${keyElement(override)}" names a config group, which the config of a use case does not have.`,
    );
  }
  if (sweep === undefined) return;
  const value = text.slice(text.indexOf("=") + 1);
  const remedy =
    sweep.kind === "choice" && sweep.isSimple
      ? `Quote a text (${keyOrGroup}='${value}'), or write a list as ${keyOrGroup}=[${value}].`
      : `Give ${keyOrGroup} one value.`;
  fail(override, `its values are a sweep, which needs multirun (-m). ${remedy}`);
}

/** Changes `root` in place and returns the path that was written. */
function applyOverride(root: ConfigValue, override: Override): ConfigPath {
  let parent: ConfigValue = root;
  let rest: readonly string[] = override.keyOrGroup.split(".");
  const path: (string | number)[] = [];
  for (;;) {
    const step = stepInto(parent, rest, path, override);
    rest = rest.slice(step.taken);
    path.push(step.key);
    if (rest.length === 0) {
      write(parent as ConfigMap | ConfigValue[], step.key, override, path);
      return path;
    }
    parent = descend(parent as ConfigMap | ConfigValue[], step.key, override, path);
  }
}

/** Takes the next key; one that itself holds dots (`tune.space.optimizer.lr.low`) is taken whole where it exists. */
function stepInto(
  parent: ConfigValue,
  rest: readonly string[],
  path: ConfigPath,
  override: Override,
): { key: string | number; taken: number } {
  if (Array.isArray(parent)) {
    const index = rest[0]!;
    if (!/^\d+$/u.test(index)) {
      fail(override, `${formatPath(path)} is a list, so a number must follow it, got "${index}".`);
    }
    return { key: Number(index), taken: 1 };
  }
  if (!isConfigMap(parent)) {
    const where = path.length === 0 ? "the config" : formatPath(path);
    fail(
      override,
      `${where} must be a mapping to hold "${rest[0]}", got ${formatValue(parent)}. Set it whole: ${path.join(".")}={name: ...}.`,
    );
  }
  for (let taken = rest.length; taken > 1; taken--) {
    const joined = rest.slice(0, taken).join(".");
    if (Object.hasOwn(parent, joined)) return { key: joined, taken };
  }
  return { key: rest[0]!, taken: 1 };
}

function descend(
  parent: ConfigMap | ConfigValue[],
  key: string | number,
  override: Override,
  path: ConfigPath,
): ConfigValue {
  const child = read(parent, key);
  if (child !== undefined && child !== null) return child;
  if (Array.isArray(parent)) fail(override, outOfRange(parent, path));
  if (override.action === "delete" || override.action === "extend")
    fail(override, absent(parent, path, override));
  const created: ConfigMap = {};
  parent[key] = created;
  return created;
}

function write(
  parent: ConfigMap | ConfigValue[],
  key: string | number,
  override: Override,
  path: ConfigPath,
): void {
  const { action, text } = override;
  const value = override.value && valueOf(override.value);
  const present = read(parent, key);
  if (action === "delete") {
    if (Array.isArray(parent)) {
      fail(
        override,
        `an item of a list cannot be deleted alone. Set the list: ${formatPath(path.slice(0, -1))}=[...].`,
      );
    }
    if (present === undefined) fail(override, absent(parent, path, override));
    if (value !== undefined && JSON.stringify(value) !== JSON.stringify(present)) {
      fail(
        override,
        `the value to delete must be ${formatValue(value)}, got ${formatValue(present)} in the config.`,
      );
    }
    delete parent[key];
    return;
  }
  if (action === "extend") {
    if (present === undefined) fail(override, absent(parent, path, override));
    if (!Array.isArray(present))
      fail(override, `${formatPath(path)} must be a list to be extended, got ${formatValue(present)}.`);
    present.push(...(value as ConfigValue[]));
    return;
  }
  if (action === "add" && present !== undefined) {
    fail(
      override,
      `the key is there already, as ${formatValue(present)}. Write ${text.slice(1)} to change it.`,
    );
  }
  if (!Array.isArray(parent)) parent[key] = value!;
  else if (Number(key) < parent.length || (action !== "set" && key === parent.length))
    parent[Number(key)] = value!;
  else fail(override, outOfRange(parent, path));
}

function read(parent: ConfigMap | ConfigValue[], key: string | number): ConfigValue | undefined {
  if (Array.isArray(parent)) return parent[Number(key)];
  return Object.hasOwn(parent, key) ? parent[key] : undefined;
}

function absent(parent: ConfigMap | ConfigValue[], path: ConfigPath, { action }: Override): string {
  const keys = Object.keys(parent);
  const known = keys.length === 0 ? "" : ` ${suggestion(String(path.at(-1)), keys)}`;
  return `there is no ${formatPath(path)} to ${action}.${known}`;
}

function outOfRange(list: ConfigValue[], path: ConfigPath): string {
  const name = formatPath(path.slice(0, -1));
  const count = `${list.length} item${list.length === 1 ? "" : "s"}`;
  return `${name} has ${count}, got index ${path.at(-1)}. Add one with +${name}.${list.length}=...`;
}

function fail({ text }: Override, reason: string): never {
  throw new OverrideError(text, reason);
}
