// Values of Parquet and Arrow as plain ones: times as ISO 8601, no digit lost; whole numbers as JavaScript's own where it holds them.

/** Writes a count of fractions of a second since 1970 as `2026-01-31T12:00:00.5`; `perSecond` is a power of ten. */
export function isoTime(count: bigint, perSecond: number): string {
  const unit = BigInt(perSecond);
  const seconds = count >= 0n || count % unit === 0n ? count / unit : count / unit - 1n;
  const fraction = (count - seconds * unit).toString().padStart(String(perSecond).length - 1, "0");
  const digits = perSecond === 1 ? "" : fraction.replace(/0+$/u, "");
  return `${isoSeconds(Number(seconds))}${digits === "" ? "" : `.${digits}`}`;
}

/** Writes days since 1970 as `2026-01-31`. */
export function isoDate(days: number): string {
  return isoSeconds(days * 86_400).replace(/T.*$/u, "");
}

function isoSeconds(seconds: number): string {
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime()))
    throw new Error(`the time ${seconds} s after 1970 lies outside the calendar`);
  return date.toISOString().replace(/\.000Z$/u, "");
}

/** Makes a value plain, and what is in it: bytes stay as they are, what is missing is null. */
export function plainValue(value: unknown): unknown {
  if (typeof value === "bigint") {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }
  if (value === null || value === undefined) return null;
  if (typeof value !== "object" || value instanceof Uint8Array) return value;
  if (Symbol.iterator in value) return Array.from(value as Iterable<unknown>, plainValue);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plainValue(item)]));
}
