// Numbers in Python's formats `.4f` and `.4e`: halves go to the even digit, where JavaScript takes the larger.

// no double lies that close to a half without being one
const beyond = 40;

/** Writes `value` with `digits` after the point, as Python's `f"{value:.4f}"`. */
export function fixed(value: number, digits: number): string {
  const magnitude = Math.abs(value);
  if (magnitude >= 1e21)
    return sign(value) + BigInt(magnitude) + (digits > 0 ? `.${"0".repeat(digits)}` : "");
  return sign(value) + roundHalf(magnitude.toFixed(digits + beyond), magnitude.toFixed(digits));
}

/** Writes `value` as Python's `f"{value:.4e}"`, with two digits of exponent at least. */
export function exponential(value: number, digits: number): string {
  const magnitude = Math.abs(value);
  const [longMantissa, longExponent] = magnitude.toExponential(digits + beyond).split("e") as [
    string,
    string,
  ];
  const [mantissa, exponent] = magnitude.toExponential(digits).split("e") as [string, string];
  const even = exponent === longExponent ? roundHalf(longMantissa, mantissa) : mantissa;
  return `${sign(value)}${even}e${exponent.replace(/^([+-])(\d)$/, "$10$2")}`;
}

/** Returns `rounded`, or the digits before it was rounded up where they lie at a half and the last is even. */
function roundHalf(long: string, rounded: string): string {
  if (!long.endsWith(`5${"0".repeat(beyond - 1)}`)) return rounded;
  const kept = long.slice(0, -beyond).replace(/\.$/, "");
  return Number(kept.at(-1)) % 2 === 0 ? kept : rounded;
}

function sign(value: number): string {
  return value < 0 || Object.is(value, -0) ? "-" : "";
}
