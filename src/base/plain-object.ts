// Tells data from objects with a behaviour of their own.

/** Tells whether a value is an object as `{}` or `Object.create(null)` makes it, and no list or instance of a class. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
