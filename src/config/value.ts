// The plain data that a config is made of, and how its parts are named in messages.

/** Is any value that a config file can hold. */
export type ConfigValue = null | boolean | number | string | ConfigValue[] | ConfigMap;

/** Is a mapping of a config file. */
export interface ConfigMap {
  [key: string]: ConfigValue;
}

/** Leads from the root of a config to one value: keys of mappings, indices of lists. */
export type ConfigPath = readonly (string | number)[];

/** Tells whether a value is a mapping, not a list. */
export function isConfigMap(value: unknown): value is ConfigMap {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Returns the value at a path, or undefined where there is none. */
export function valueAt(root: ConfigValue, path: ConfigPath): ConfigValue | undefined {
  let value: ConfigValue | undefined = root;
  for (const step of path) {
    if (Array.isArray(value)) value = value[Number(step)];
    else if (isConfigMap(value)) value = Object.hasOwn(value, step) ? value[step] : undefined;
    else return undefined;
  }
  return value;
}

/** Puts a value at a path in place; where nothing holds it, nothing is changed. */
export function setAt(root: ConfigValue, path: ConfigPath, value: ConfigValue): void {
  const parent = valueAt(root, path.slice(0, -1));
  const step = path.at(-1)!;
  if (Array.isArray(parent)) parent[Number(step)] = value;
  else if (isConfigMap(parent)) parent[step] = value;
}

/** Tells whether a path leads to what another does, or to a part of it. */
export function startsWith(path: ConfigPath, start: ConfigPath): boolean {
  return start.every((step, index) => path[index] === step);
}

/** Tells whether one path lies within the other; the root itself is no part of either. */
export function overlaps(a: ConfigPath, b: ConfigPath): boolean {
  return a.length > 0 && b.length > 0 && (startsWith(a, b) || startsWith(b, a));
}

/** Writes a path as `callbacks.0.patience`; a key that holds a dot is quoted: `space["optimizer.lr"]`. */
export function formatPath(path: ConfigPath): string {
  let text = "";
  for (const step of path) {
    if (typeof step === "string" && !/^[^.\s"[\]\p{C}]+$/u.test(step)) text += `[${JSON.stringify(step)}]`;
    else text += text === "" ? step : `.${step}`;
  }
  return text;
}

/** Writes a value on one line for a message, shortened to about 60 characters. */
export function formatValue(value: unknown): string {
  if (value === undefined) return "nothing";
  if (typeof value === "number") return String(value); // JSON has no NaN
  if (Array.isArray(value)) return shorten(`[${value.slice(0, 20).map(formatValue).join(", ")}]`);
  if (isConfigMap(value)) {
    const entries = Object.entries(value).slice(0, 20);
    return shorten(`{${entries.map(([key, entry]) => `${key}: ${formatValue(entry)}`).join(", ")}}`);
  }
  return shorten(JSON.stringify(value));
}

/** Names the type of a value in the words of a config file. */
export function typeName(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a mapping";
  return (
    { string: "a string", number: "a number", boolean: "true or false" }[typeof value as string] ?? "nothing"
  );
}

/** Names the keys that would reach into an object's prototype; no config may hold them. */
export const forbiddenKeys: readonly string[] = ["__proto__", "constructor", "prototype"];

function shorten(text: string): string {
  return text.length <= 60 ? text : `${text.slice(0, 57)}...`;
}
