// Changes from the command line, in Hydra's grammar: a.b=v, +a.b=v, ++a.b=v, ~a.b, ~a.b=v.
import type { ConfigIssue } from "../base/index.ts";
import { suggestion } from "../base/index.ts";
import { isFloatLiteral, parseOverrideValue } from "./override-value.ts";
import {
  type ConfigMap,
  type ConfigPath,
  type ConfigValue,
  forbiddenKeys,
  formatPath,
  formatValue,
  isConfigMap,
} from "./value.ts";

/** Is one override, read but not yet applied. */
export interface Override {
  /** As it was written. */
  text: string;
  /** `a.b=v` sets, `+` adds what must be new, `++` sets or adds, `~` deletes. */
  action: "set" | "add" | "force" | "delete";
  path: readonly string[];
  /** Absent in `~a.b`. */
  value?: ConfigValue;
  /** True for a number written with a point, `1.0`. */
  isFloat: boolean;
}

/** Holds a config after its overrides, and which override wrote what. */
export interface OverrideResult {
  value: ConfigValue;
  written: readonly { path: ConfigPath; override: Override }[];
  issues: readonly ConfigIssue[];
}

/** Reads one override. Text that does not fit the grammar throws an `Error` of one sentence. */
export function parseOverride(text: string): Override {
  const [, mark = "", key = "", assigned] = /^(\+\+|\+|~|)([^=]*)(?:=(.*))?$/su.exec(text)!;
  const path = key.split(".");
  if (/[@/:]/u.test(key))
    throw new Error(`"${key}" names a config group or package, which is not available yet.`);
  for (const step of path) {
    if (forbiddenKeys.includes(step)) throw new Error(`the key "${step}" is reserved.`);
    if (!/^([A-Za-z_][\w-]*|\d+)$/u.test(step)) {
      throw new Error(
        `a key such as trainer.max_epochs must stand before "=", got "${key}". Write KEY=VALUE.`,
      );
    }
  }
  const action = ({ "+": "add", "++": "force", "~": "delete" } as const)[mark] ?? "set";
  if (assigned === undefined) {
    if (action === "delete") return { text, action, path, isFloat: false };
    throw new Error(`a value must follow the key. Write ${key}=VALUE, or ~${key} to delete it.`);
  }
  return { text, action, path, value: parseOverrideValue(assigned), isFloat: isFloatLiteral(assigned) };
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
      written.push({ path: applyOverride(value, override), override });
    } catch (error) {
      issues.push({
        path: "",
        code: "syntax",
        message: `override ${formatValue(text)}: ${(error as Error).message}`,
      });
    }
  }
  return { value, written, issues };
}

/** Changes `root` in place and returns the path that was written. */
function applyOverride(root: ConfigValue, override: Override): ConfigPath {
  let parent: ConfigValue = root;
  let rest = override.path;
  const path: (string | number)[] = [];
  for (;;) {
    const step = stepInto(parent, rest, path);
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
): { key: string | number; taken: number } {
  if (Array.isArray(parent)) {
    const index = rest[0]!;
    if (!/^\d+$/u.test(index)) {
      throw new Error(`${formatPath(path)} is a list, so a number must follow it, got "${index}".`);
    }
    return { key: Number(index), taken: 1 };
  }
  if (!isConfigMap(parent)) {
    const where = path.length === 0 ? "the config" : formatPath(path);
    throw new Error(
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
  { action }: Override,
  path: ConfigPath,
): ConfigValue {
  const child = read(parent, key);
  if (child !== undefined && child !== null) return child;
  if (Array.isArray(parent)) throw new Error(outOfRange(parent, path));
  if (action === "delete") throw new Error(absent(parent, path));
  const created: ConfigMap = {};
  parent[key] = created;
  return created;
}

function write(
  parent: ConfigMap | ConfigValue[],
  key: string | number,
  { action, value, text }: Override,
  path: ConfigPath,
): void {
  const present = read(parent, key);
  if (action === "delete") {
    if (Array.isArray(parent)) {
      throw new Error(
        `an item of a list cannot be deleted alone. Set the list: ${formatPath(path.slice(0, -1))}=[...].`,
      );
    }
    if (present === undefined) throw new Error(absent(parent, path));
    if (value !== undefined && JSON.stringify(value) !== JSON.stringify(present)) {
      throw new Error(
        `the value to delete must be ${formatValue(value)}, got ${formatValue(present)} in the config.`,
      );
    }
    delete parent[key];
    return;
  }
  if (action === "add" && present !== undefined) {
    throw new Error(
      `the key is there already, as ${formatValue(present)}. Write ${text.slice(1)} to change it.`,
    );
  }
  if (!Array.isArray(parent)) parent[key] = value!;
  else if (Number(key) < parent.length || (action !== "set" && key === parent.length))
    parent[Number(key)] = value!;
  else throw new Error(outOfRange(parent, path));
}

function read(parent: ConfigMap | ConfigValue[], key: string | number): ConfigValue | undefined {
  if (Array.isArray(parent)) return parent[Number(key)];
  return Object.hasOwn(parent, key) ? parent[key] : undefined;
}

function absent(parent: ConfigMap | ConfigValue[], path: ConfigPath): string {
  const keys = Object.keys(parent);
  const known = keys.length === 0 ? "" : ` ${suggestion(String(path.at(-1)), keys)}`;
  return `there is no ${formatPath(path)} to delete.${known}`;
}

function outOfRange(list: ConfigValue[], path: ConfigPath): string {
  const name = formatPath(path.slice(0, -1));
  const count = `${list.length} item${list.length === 1 ? "" : "s"}`;
  return `${name} has ${count}, got index ${path.at(-1)}. Add one with +${name}.${list.length}=...`;
}
