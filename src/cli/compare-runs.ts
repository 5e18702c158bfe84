// Two runs of one config side by side: metrics, weights, and what follows.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { sha256File } from "../base/index.ts";
import { dispose, loadSafetensors, scope } from "../torch/index.ts";

/** One metric of both runs; null where it is undefined. */
interface MetricPair {
  name: string;
  recorded: number | null;
  reproduced: number | null;
  /** Absolute; infinite where one of the two is undefined. */
  difference: number;
}

/** What the comparison of two runs says. */
export interface RunComparison {
  verdict: "identical" | "equal within the tolerance" | "different";
  tolerance: number;
  metrics: MetricPair[];
  weights: {
    /** SHA-256 of the weights' files. */
    recorded: string;
    reproduced: string;
    /** Largest absolute difference of a weight; infinite for other tensors or shapes. */
    difference: number;
  };
}

/** Compares the results in two run folders; metrics decide, and identical means the weights too. */
export async function compareRuns(
  recorded: string,
  reproduced: string,
  tolerance: number,
): Promise<RunComparison> {
  const metrics = pairMetrics(readMetrics(recorded), readMetrics(reproduced));
  const paths = [recorded, reproduced].map((folder) => join(folder, "model.safetensors")) as [string, string];
  const [before, after] = await Promise.all(paths.map(sha256File));
  const weights = {
    recorded: before!,
    reproduced: after!,
    difference: before === after ? 0 : largestDifference(...paths),
  };
  const largest = Math.max(0, ...metrics.map(({ difference }) => difference));
  const isIdentical = largest === 0 && before === after;
  return {
    verdict: isIdentical ? "identical" : largest <= tolerance ? "equal within the tolerance" : "different",
    tolerance,
    metrics,
    weights,
  };
}

/** Writes a comparison as a table of at most 80 columns. */
export function formatComparison({ verdict, tolerance, metrics, weights }: RunComparison): string {
  const value = (number: number | null) => (number === null ? "undefined" : number.toFixed(6));
  const lines = metrics.map(
    ({ name, recorded, reproduced, difference }) =>
      `  ${name.padEnd(20)}${value(recorded).padStart(12)}${value(reproduced).padStart(12)}  ${gap(difference)}`,
  );
  return [
    `  ${"".padEnd(20)}${"recorded".padStart(12)}${"reproduced".padStart(12)}  difference`,
    ...lines,
    `  ${"weights (SHA-256)".padEnd(20)}${weights.recorded.slice(0, 8).padStart(12)}` +
      `${weights.reproduced.slice(0, 8).padStart(12)}  ${gap(weights.difference)}`,
    "",
    verdict === "identical"
      ? "identical: every metric and every weight"
      : verdict === "different"
        ? `different: a metric differs by more than ${tolerance}\n` +
          "Other versions, processors and numbers of threads change the last digits of each\n" +
          "step; --tolerance X says how much may differ."
        : `equal: every metric within ${tolerance}`,
  ].join("\n");
}

function gap(difference: number): string {
  if (difference === 0) return "0";
  return Number.isFinite(difference) ? difference.toExponential(1) : "differs";
}

function readMetrics(folder: string): Record<string, number | null> {
  const file = JSON.parse(readFileSync(join(folder, "metrics.json"), "utf8")) as {
    metrics: Record<string, number | null>;
  };
  return file.metrics;
}

function pairMetrics(
  recorded: Record<string, number | null>,
  reproduced: Record<string, number | null>,
): MetricPair[] {
  const names = [...new Set([...Object.keys(recorded), ...Object.keys(reproduced)])];
  return names.map((name) => {
    const [before, after] = [recorded[name] ?? null, reproduced[name] ?? null];
    const difference =
      before === after ? 0 : before === null || after === null ? Infinity : Math.abs(before - after);
    return { name, recorded: before, reproduced: after, difference };
  });
}

function largestDifference(recorded: string, reproduced: string): number {
  const [before, after] = [loadSafetensors(recorded), loadSafetensors(reproduced)];
  const differences = [...before].map(([name, tensor]) => {
    const other = after.get(name);
    if (other === undefined || other.shape.join() !== tensor.shape.join()) return Infinity;
    if (tensor.numel === 0) return 0;
    return scope(() => Number(tensor.to("float64").sub(other.to("float64")).abs().max().item()));
  });
  if (after.size !== before.size) differences.push(Infinity);
  dispose(before);
  dispose(after);
  return Math.max(0, ...differences);
}
