// Metrics: a file each, whose lines are the points, `time value step`, in the order in which they were logged.
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { logger } from "../../../base/index.ts";
import type { Metric } from "../../types.ts";
import { comparePoints } from "../../metric-points.ts";
import { readText } from "./meta-file.ts";

/** Writes a point as a line of a run's metric file. MLflow reads a line with a data set as of step 0, so it has none. */
export function formatPoint({ timestamp, value, step }: Metric): string {
  return `${timestamp} ${formatValue(value)} ${step}\n`;
}

/** Writes a point as a line of a logged model's metric file. */
export function formatModelPoint(metric: Metric, runId: string): string {
  const { datasetName, datasetDigest } = metric;
  const dataset =
    datasetName === undefined || datasetDigest === undefined ? "" : ` ${datasetName} ${datasetDigest}`;
  return `${formatPoint(metric).trimEnd()} ${runId}${dataset}\n`;
}

/** Reads the points of a run's metric, each once, by step, then time, then value. */
export function readPoints(folder: string, key: string): Metric[] {
  const path = join(folder, key);
  const points = new Map<string, Metric>();
  for (const line of wholeLines(readText(path) ?? "")) {
    const point = parsePoint(key, line, path);
    if (point !== undefined) points.set(`${point.timestamp} ${point.value} ${point.step}`, point);
  }
  return [...points.values()].sort(comparePoints);
}

/** Reads the points of a logged model's metric, in the order of the file. */
export function readModelPoints(
  folder: string,
  key: string,
  modelId: string,
): (Metric & { runId: string })[] {
  const path = join(folder, key);
  return wholeLines(readText(path) ?? "").flatMap((line) => {
    const point = parsePoint(key, line, path);
    const [, , , runId = "", ...dataset] = line.split(" ");
    if (point === undefined) return [];
    const name = dataset.slice(0, -1).join(" "); // MLflow does not quote it
    const digest = dataset.at(-1);
    return [
      {
        ...point,
        modelId,
        ...(digest !== undefined && name !== "" && { datasetName: name, datasetDigest: digest }),
        runId,
      },
    ];
  });
}

/** Remembers the latest point of each metric file, so that of a file that grew only the new lines are read. */
export class LatestPoints {
  readonly #files = new Map<string, { inode: number; read: number; latest: Metric | undefined }>();

  /** Reads the latest point of a run's metric; undefined where there is none. */
  latest(folder: string, key: string): Metric | undefined {
    const path = join(folder, key);
    const file = open(path);
    if (file === undefined) return undefined;
    try {
      const { ino: inode, size } = fstatSync(file);
      const known = this.#files.get(path);
      const from =
        known?.inode === inode && known.read <= size ? known : { inode, read: 0, latest: undefined };
      if (from.read === size) return from.latest;
      const bytes = Buffer.alloc(size - from.read);
      const count = readSync(file, bytes, 0, bytes.length, from.read);
      const end = bytes.subarray(0, count).lastIndexOf("\n") + 1;
      let { latest } = from;
      for (const line of wholeLines(bytes.toString("utf8", 0, end))) {
        const point = parsePoint(key, line, path);
        if (point !== undefined && (latest === undefined || comparePoints(point, latest) > 0)) latest = point;
      }
      if (this.#files.size >= maxRemembered) this.#files.clear();
      this.#files.set(path, { inode, read: from.read + end, latest });
      return latest;
    } finally {
      closeSync(file);
    }
  }
}

const maxRemembered = 100_000;

function open(path: string): number | undefined {
  try {
    return openSync(path, "r");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR" || code === "ENAMETOOLONG") return undefined;
    throw error;
  }
}

/** Returns the lines that are complete; what follows the last line end is being written, or never was. */
function wholeLines(text: string): string[] {
  return text.split("\n").slice(0, -1);
}

function parsePoint(key: string, line: string, path: string): Metric | undefined {
  const [time = "", value = "", step = "0"] = line.trimEnd().split(" ");
  const point = { key, value: parseValue(value), timestamp: Number(time), step: Number(step) };
  if (/^-?\d+$/.test(time) && /^-?\d+$/.test(step) && point.value !== undefined) return point as Metric;
  if (line !== "") logger.warn(`file store: ${path} has a line that is no point: ${JSON.stringify(line)}`);
  return undefined;
}

function formatValue(value: number): string {
  if (Number.isNaN(value)) return "nan";
  return Number.isFinite(value) ? String(value) : value > 0 ? "inf" : "-inf";
}

function parseValue(text: string): number | undefined {
  const special = /^([-+]?)(nan|inf|infinity)$/i.exec(text);
  if (special !== null)
    return special[2]!.toLowerCase() === "nan" ? NaN : special[1] === "-" ? -Infinity : Infinity;
  if (!/^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text)) return undefined;
  return Number(text);
}
