// Decimal arithmetic of 28 digits, as Python's decimal module has it: Hydra counts its float ranges in it.

/** Is `digits` times ten to the `exponent`. */
export interface Decimal {
  readonly digits: bigint;
  readonly exponent: number;
}

/** Converts a finite number exactly: 0.1 becomes 0.1000000000000000055511151231257827... */
export function decimalOf(value: number | bigint): Decimal {
  if (typeof value === "bigint" || Number.isInteger(value)) return { digits: BigInt(value), exponent: 0 };
  let mantissa = value;
  let halvings = 0;
  for (; !Number.isInteger(mantissa); halvings++) mantissa *= 2; // exact in binary
  return { digits: BigInt(mantissa) * 5n ** BigInt(halvings), exponent: -halvings };
}

/** Adds and rounds half to even, to 28 digits. */
export function addDecimals(a: Decimal, b: Decimal): Decimal {
  const [left, right, exponent] = align(a, b);
  return round({ digits: left + right, exponent });
}

/** Compares exactly: negative, zero or positive. */
export function compareDecimals(a: Decimal, b: Decimal): number {
  const [left, right] = align(a, b);
  return left < right ? -1 : Number(left > right);
}

/** Returns the nearest double. */
export function numberOf({ digits, exponent }: Decimal): number {
  return Number(`${digits}e${exponent}`);
}

const precision = 28;

function align(a: Decimal, b: Decimal): [bigint, bigint, number] {
  const exponent = Math.min(a.exponent, b.exponent);
  return [scale(a, exponent), scale(b, exponent), exponent];
}

function scale({ digits, exponent }: Decimal, to: number): bigint {
  return exponent === to ? digits : digits * 10n ** BigInt(exponent - to);
}

function round({ digits, exponent }: Decimal): Decimal {
  const excess = String(digits < 0n ? -digits : digits).length - precision;
  if (excess <= 0) return { digits, exponent };
  const unit = 10n ** BigInt(excess);
  const size = digits < 0n ? -digits : digits;
  const rest = size % unit;
  let kept = size / unit;
  if (rest * 2n > unit || (rest * 2n === unit && kept % 2n === 1n)) kept++;
  return { digits: digits < 0n ? -kept : kept, exponent: exponent + excess };
}
