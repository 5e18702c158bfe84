// Checksums of what a store holds, the same in whichever store it stands.
import { type Hash, createHash } from "node:crypto";
import type { LoggedModelRecord, RegisteredModelRecord, RunRecord } from "../transfer.ts";
import type { Metric } from "../types.ts";
import type { StoreEntity } from "./read-store.ts";

/** Is the checksum of an entity: of all of it, and of a run without its points. */
export interface EntityDigest {
  whole: string;
  withoutPoints: string;
  /** How many points a run has. */
  points: number;
}

/** Says what cannot be compared because the source does not tell it. */
export interface DigestOptions {
  /** Whether times at which runs were deleted are known. */
  knowsDeletionTimes: boolean;
}

/** Takes in an entity, and then the points of a run as they are read. */
export class Digester {
  readonly #hash: Hash;
  readonly #withoutPoints: string;
  #points = 0;
  #curve = { key: "", points: 0 };

  constructor(entity: StoreEntity, options: DigestOptions) {
    const text = canonical(contentOf(entity, options));
    this.#withoutPoints = createHash("sha256").update(text).digest("hex");
    this.#hash = createHash("sha256").update(text);
  }

  /** Takes points in their order, by key first, in parts of any length. */
  addPoints(points: readonly Metric[]): void {
    for (let start = 0, end = 0; start < points.length; start = end) {
      const { key } = points[start]!;
      while (points[end]?.key === key) end++;
      if (key !== this.#curve.key) this.#endCurve();
      this.#curve = { key, points: this.#curve.points + end - start };
      this.#hash.update(pointBytes(points.slice(start, end)));
    }
    this.#points += points.length;
  }

  get digest(): EntityDigest {
    this.#endCurve();
    const whole = this.#hash.copy().digest("hex");
    return { whole, withoutPoints: this.#withoutPoints, points: this.#points };
  }

  #endCurve(): void {
    const { key, points } = this.#curve;
    if (points > 0) this.#hash.update(`${points} of ${key}\n`);
    this.#curve = { key: "", points: 0 };
  }
}

/** Makes one checksum of those of all entities, in whatever order they came. */
export function checksumOf(digests: ReadonlyMap<string, EntityDigest>): string {
  const hash = createHash("sha256");
  for (const label of [...digests.keys()].sort()) hash.update(`${label}\0${digests.get(label)!.whole}\n`);
  return hash.digest("hex");
}

function contentOf({ kind, record }: StoreEntity, options: DigestOptions): unknown {
  if (kind === "run") return runContent(record, options);
  if (kind === "logged model") return loggedModelContent(record);
  if (kind === "registered model") return registeredModelContent(record);
  return record;
}

function runContent(
  { run: { info, data, inputs, outputs }, deletedTime = 0 }: RunRecord,
  options: DigestOptions,
): unknown {
  return {
    info,
    params: data.params,
    tags: data.tags,
    datasets: sorted(inputs.datasetInputs),
    modelInputs: sorted(inputs.modelInputs),
    modelOutputs: sorted(outputs.modelOutputs),
    ...(options.knowsDeletionTimes && info.lifecycleStage === "deleted" && { deletedTime }),
  };
}

function loggedModelContent({ model, lifecycleStage, points }: LoggedModelRecord): unknown {
  const texts = points.map((point) =>
    canonical([pointText(point), point.runId, point.datasetName, point.datasetDigest]),
  );
  return { model, lifecycleStage, points: [...new Set(texts)].sort() };
}

function registeredModelContent({ versions, ...record }: RegisteredModelRecord): unknown {
  // the model tells the aliases of its versions
  return { ...record, versions: versions.map(({ aliases: _aliases, ...version }) => version) };
}

function pointText({ key, step, timestamp, value }: Metric): string {
  return `${key} ${step} ${timestamp} ${knownValue(value)}`;
}

function pointBytes(points: readonly Metric[]): Float64Array {
  const numbers = new Float64Array(4 * points.length);
  let at = 0;
  for (const { step, timestamp, value } of points) {
    numbers[at++] = step;
    numbers[at++] = timestamp;
    numbers[at++] = Number.isNaN(value) ? 0 : knownValue(value); // there are many NaNs
    numbers[at++] = Number(Number.isNaN(value));
  }
  return numbers;
}

/** MLflow's tables hold an infinity as the largest number, so that the two are one; and 0 is -0. */
function knownValue(value: number): number {
  return Math.abs(value) === Number.MAX_VALUE ? Math.sign(value) * Infinity : value + 0;
}

function sorted(items: readonly unknown[]): string[] {
  return items.map(canonical).sort();
}

/** Writes a value as JSON whose keys are in order; what is undefined is left out, and text is as UTF-8 keeps it. */
function canonical(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(Buffer.from(value).toString("utf8"));
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  const texts = entries.map(([key, item]) => `${canonical(key)}:${canonical(item)}`);
  return `{${texts.sort().join(",")}}`;
}
