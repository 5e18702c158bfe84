// Tells data from objects with a behaviour of their own.

/** Tells whether a value is an object as `{}` or `Object.create(null)` makes it, and no list or instance of a class. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** Returns what a table itself holds under a key; what every object inherits, `constructor` and the like, is not found. */
export function own<T>(table: Readonly<Record<string, T>> | undefined, key: string): T | undefined {
  return table !== undefined && Object.hasOwn(table, key) ? table[key] : undefined;
}
