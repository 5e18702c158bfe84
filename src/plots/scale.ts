// Scales: where a value lies on an axis, and which round values are marked there.

export interface Tick {
  value: number;
  label: string;
}

export interface Scale {
  /** Returns the pixel of a value. */
  position(value: number): number;
  ticks: readonly Tick[];
}

export interface ScaleOptions {
  /** Smallest and largest value; equal ones are spread apart. */
  domain: readonly [number, number];
  /** Pixels of both ends. */
  range: readonly [number, number];
  /** Number of ticks to aim for. @default 6 */
  count?: number;
  /** Marks whole numbers alone. @default false */
  integer?: boolean;
  /** Ends the axis at a tick on both sides. @default false */
  nice?: boolean;
}

/** Returns a linear scale. */
export function linearScale({
  domain,
  range,
  count = 6,
  integer = false,
  nice = false,
}: ScaleOptions): Scale {
  let [low, high] = spread(domain);
  const step = niceStep((high - low) / count, integer);
  if (nice) {
    low = Math.floor(low / step + 1e-9) * step;
    high = Math.ceil(high / step - 1e-9) * step;
  }
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  const values = Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step);
  return {
    position: (value) => range[0] + ((value - low) / (high - low)) * (range[1] - range[0]),
    ticks: values.map((value) => ({ value, label: linearLabel(value, { step, values }) })),
  };
}

/** Returns a logarithmic scale; the domain must be positive and within `largest` and its inverse. */
export function logScale({ domain, range, count = 6 }: ScaleOptions): Scale {
  const [low, high] = domain[1] / domain[0] < 1 + 1e-9 ? [domain[0] / 2, domain[1] * 2] : domain;
  const from = Math.log10(low);
  const to = Math.log10(high);
  return {
    position: (value) => range[0] + ((Math.log10(value) - from) / (to - from)) * (range[1] - range[0]),
    ticks: logTicks(from, to, count),
  };
}

function logTicks(from: number, to: number, count: number): Tick[] {
  if (to - from < 0.7) {
    // less than a factor of five: round values as on a linear axis
    const { ticks } = linearScale({ domain: [10 ** from, 10 ** to], range: [0, 1], count });
    return [...ticks];
  }
  const mantissas = to - from < 1.6 ? [1, 2, 5] : to - from < 3 ? [1, 3] : [1];
  const every = Math.max(1, Math.ceil((to - from) / count));
  const values: number[] = [];
  for (let exponent = Math.floor(from); exponent <= Math.ceil(to); exponent++) {
    if (mod(exponent, every) !== 0) continue;
    for (const mantissa of mantissas) {
      const value = Number(`${mantissa}e${exponent}`);
      const place = Math.log10(value);
      if (place >= from - 1e-9 && place <= to + 1e-9) values.push(value);
    }
  }
  const plain = from >= -4 && to <= 5.01;
  return values.map((value) => ({ value, label: plain ? group(String(value)) : scientific(value, 0) }));
}

/** Spreads a domain without width, or too narrow for ticks to differ, and keeps it where steps are finite. */
function spread(domain: readonly [number, number]): [number, number] {
  const [low, high] = domain.map((end) => Math.min(Math.max(end, -largest), largest)) as [number, number];
  const size = Math.max(Math.abs(low), Math.abs(high));
  if (high - low > Math.max(size * 1e-9, 1 / largest)) return [low, high];
  const pad = size < 1 / largest ? 1 : size * 0.1;
  return [low - pad, high + pad];
}

/** The largest magnitude that an axis shows; its inverse is the smallest. */
export const largest = 1e290;

function niceStep(rough: number, integer: boolean): number {
  const power = 10 ** Math.floor(Math.log10(rough));
  const share = rough / power;
  // the bounds are the geometric means of neighbouring multiples
  const step = power * (share < Math.SQRT2 ? 1 : share < Math.sqrt(10) ? 2 : share < Math.sqrt(50) ? 5 : 10);
  return integer ? Math.max(1, Math.round(step)) : step;
}

function linearLabel(value: number, { step, values }: { step: number; values: readonly number[] }): string {
  const size = Math.max(...values.map(Math.abs));
  if (value === 0) return "0";
  const digits = Math.max(0, Math.ceil(Math.log10(size / step) - 1e-9));
  if ((size >= 1e7 || size < 1e-3) && digits < 5) return scientific(value, exactDigits(value, step));
  return group(value.toFixed(Math.max(0, -Math.floor(Math.log10(step) + 1e-9))));
}

/** Number of digits after the first that a multiple of the step needs. */
function exactDigits(value: number, step: number): number {
  return Math.max(0, Math.floor(Math.log10(Math.abs(value)) + 1e-9) - Math.floor(Math.log10(step) + 1e-9));
}

function scientific(value: number, digits: number): string {
  const [mantissa, exponent] = value.toExponential(digits).split("e") as [string, string];
  const power = `10${[...String(Number(exponent))].map((digit) => superscripts[digit]).join("")}`;
  const factor = mantissa.replace(/\.?0+$/, "");
  if (factor === "1") return power;
  return factor === "-1" ? `\u2212${power}` : `${factor.replace("-", "\u2212")}\u00d7${power}`;
}

const superscripts: Record<string, string> = Object.fromEntries(
  [..."0123456789-"].map((digit, index) => [digit, [..."⁰¹²³⁴⁵⁶⁷⁸⁹⁻"][index]!]),
);

/** Groups thousands and writes a true minus. */
function group(label: string): string {
  const [whole, fraction] = label.split(".") as [string, string | undefined];
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ",").replace("-", "\u2212");
  return fraction === undefined ? grouped : `${grouped}.${fraction}`;
}

function mod(a: number, b: number): number {
  return ((a % b) + b) % b;
}
