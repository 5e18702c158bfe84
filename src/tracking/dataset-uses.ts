// What the stores share that keep the data sets of a run with the run.
import type { DatasetInput, DatasetUse } from "./types.ts";

/** Is the tag of a data set's use that says what for: `train`, say. */
export const datasetContextTag = "mlflow.data.context";

/** Returns what a run used a data set for. */
export function contextOf({ tags }: Pick<DatasetInput, "tags">): string | undefined {
  return tags[datasetContextTag];
}

/** Returns a text that is the same for the same use of the same data set, for sorting too. */
export function datasetUseKey(input: DatasetInput): string {
  return [input.dataset.name, input.dataset.digest, contextOf(input)].join("\0");
}

/** Returns what `searchDatasets` tells of a use. */
export function toDatasetUse(
  experimentId: string,
  { dataset, tags }: Pick<DatasetInput, "dataset" | "tags">,
): DatasetUse {
  const { name, digest } = dataset;
  const context = contextOf({ tags });
  return { experimentId, name, digest, ...(context !== undefined && { context }) };
}

/** Returns each use once, sorted; the first 1000. */
export function distinctDatasets(uses: readonly DatasetUse[]): DatasetUse[] {
  const byKey = new Map(
    uses.map((use) => [[use.experimentId, use.name, use.digest, use.context ?? ""].join("\0"), use] as const),
  );
  const sorted = [...byKey].sort(([a], [b]) => (a < b ? -1 : 1));
  return sorted.slice(0, 1000).map(([, use]) => use);
}
