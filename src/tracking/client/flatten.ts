// Turns a nested config into MLflow's flat params.

/**
 * Flattens nested objects to keys with dots; lists of plain values become JSON, lists of objects get indexes.
 * Characters that MLflow forbids in a name become `_`.
 *
 * @example
 * flattenParams({ optimizer: { lr: 0.1, betas: [0.9, 0.99] } });
 * // => { "optimizer.lr": "0.1", "optimizer.betas": "[0.9,0.99]" }
 */
export function flattenParams(values: Record<string, unknown>): Record<string, string> {
  const params: Record<string, string> = {};
  visit(values, "", params);
  return params;
}

function visit(value: unknown, key: string, params: Record<string, string>): void {
  if (value === undefined || typeof value === "function") return;
  const children = childrenOf(value);
  if (children !== undefined && (children.length > 0 || key === "")) {
    for (const [name, child] of children) visit(child, key === "" ? name : `${key}.${name}`, params);
    return;
  }
  Object.defineProperty(params, paramKey(key), { value: text(value), enumerable: true, configurable: true });
}

function childrenOf(value: unknown): [string, unknown][] | undefined {
  if (typeof value !== "object" || value === null || value instanceof Date) return undefined;
  if (Array.isArray(value) && !value.some((item) => typeof item === "object" && item !== null))
    return undefined;
  return Object.entries(value);
}

function text(value: unknown): string {
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function paramKey(key: string): string {
  const clean = key
    .replace(/[^/\p{L}\p{N}_.\- :]/gu, "_")
    .split("/")
    .map((segment) => (segment === "" || segment === "." || segment === ".." ? "_" : segment))
    .join("/");
  return clean.length <= 250 ? clean : `${clean.slice(0, 247)}...`;
}
