// Names of checkpoints made from templates such as `{epoch}-{val_loss:.2f}`, as Lightning makes them.
import { UsageError } from "../../base/index.ts";

/**
 * Fills a template with metrics; one that was not measured counts as 0. Formats are Python's: `.2f`, `03d`, `.1e`,
 * `.3g`, `.0%`.
 *
 * @throws UsageError when the name would not be that of one folder, or a format cannot be followed.
 */
export function checkpointName(
  template: string,
  metrics: Readonly<Record<string, number>>,
  { autoInsertMetricName = true }: { autoInsertMetricName?: boolean } = {},
): string {
  const name = template.replace(/\{([^:}]*)(?::([^}]*))?\}/g, (_, metric: string, spec = "") => {
    const value = formatNumber(metric, metrics[metric], spec);
    return autoInsertMetricName ? `${metric}=${value}` : value;
  });
  if (name !== "" && !/[/\\]/.test(name)) return name;
  throw new UsageError(
    `model_checkpoint: filename must give the name of a folder, got "${name}" of "${template}". Take slashes out; for a metric with a slash set autoInsertMetricName to false.`,
  );
}

function formatNumber(metric: string, measured: number | undefined, spec: string): string {
  const value = measured ?? 0;
  const [, zero, width = "0", digits, type] = /^(0?)(\d*)(?:\.(\d+))?([dfeg%]?)$/.exec(spec) ?? [];
  if (zero === undefined || (type === "d" && !Number.isInteger(value))) {
    throw new UsageError(
      `model_checkpoint: filename cannot show ${metric} = ${value} as "${spec}". Use a format like .2f, 03d, .1e, .3g or .0%.`,
    );
  }
  const isCount = measured === undefined || metric === "epoch" || metric === "step";
  const text = shown(value, type!, digits === undefined ? undefined : Number(digits), isCount);
  return text.padStart(Number(width), zero === "" ? " " : "0");
}

function shown(value: number, type: string, digits: number | undefined, isCount: boolean): string {
  switch (type) {
    case "f":
      return value.toFixed(digits ?? 6);
    case "%":
      return `${(value * 100).toFixed(digits ?? 6)}%`;
    case "e":
      return twoDigits(value.toExponential(digits ?? 6));
    case "g":
      return general(value, Math.max(1, digits ?? 6));
    case "d":
      return String(value);
    default:
      if (digits !== undefined) return general(value, Math.max(1, digits));
      return Number.isInteger(value) && !isCount ? `${value}.0` : twoDigits(String(value));
  }
}

/** Writes so many significant digits without the zeros at the end, as C's %g. */
function general(value: number, digits: number): string {
  const exponent = value === 0 ? 0 : Number(value.toExponential(digits - 1).split("e")[1]);
  if (exponent >= -4 && exponent < digits) return String(Number(value.toFixed(digits - 1 - exponent)));
  const [mantissa, power] = value.toExponential(digits - 1).split("e");
  return twoDigits(`${Number(mantissa)}e${power}`);
}

/** Writes an exponent as C does: 1e-07. */
function twoDigits(text: string): string {
  return text.replace(/e([+-])(\d)$/, "e$10$2");
}
