// Data sets and models that went into runs, and models that came out. A data set stands once in its experiment's folder,
// each use of it in that of the run.
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { datasetUseKey } from "../../dataset-uses.ts";
import type { Dataset, DatasetInput, ModelInput, ModelOutput, RunInputs, RunOutputs } from "../../types.ts";
import { checkDatasetInput, invalid } from "../../validation.ts";
import { type Layout, subfolders } from "./layout.ts";
import { findActiveModel, readCreationTime } from "./logged-models.ts";
import { type Meta, metaFile, numberField, readMeta, textField, writeMeta } from "./meta-file.ts";
import { findActiveRun } from "./run-info.ts";
import type { Transaction } from "./transaction.ts";

/** Records data sets and logged models as inputs of a run; what is recorded already is skipped. */
export function writeInputs(
  layout: Layout,
  transaction: Transaction,
  runId: string,
  { datasets, models }: { datasets: readonly DatasetInput[]; models: readonly ModelInput[] },
): void {
  const { folder } = findActiveRun(layout, runId);
  for (const { modelId } of models) findActiveModel(layout, modelId);
  writeInputEdges(transaction, { runId, folder }, { datasets, models });
}

/** Records inputs of a run in its folder; models need not be there. */
export function writeInputEdges(
  transaction: Transaction,
  { runId, folder }: { runId: string; folder: string },
  { datasets, models }: { datasets: readonly DatasetInput[]; models: readonly ModelInput[] },
): void {
  for (const input of datasets) {
    checkDatasetInput(input);
    const { dataset, tags } = input;
    const id = md5(dataset.name, dataset.digest);
    const datasetFolder = join(dirname(folder), "datasets", id);
    const known = readMeta(join(datasetFolder, metaFile));
    if (known === undefined) writeMeta(transaction, datasetFolder, datasetMeta(dataset));
    else if (textField(known, "name") !== dataset.name) {
      throw invalid(
        `dataset "${dataset.name}": its name and digest together read like those of "${String(known["name"])}", ` +
          "which MLflow's folders cannot tell apart. Choose another name.",
      );
    }
    writeEdge(transaction, join(folder, "inputs", md5(id, runId)), {
      source_type: "DATASET",
      source_id: id,
      destination_type: "RUN",
      destination_id: id,
      tags,
    });
  }
  for (const { modelId } of models) {
    writeEdge(transaction, join(folder, "inputs", md5(modelId, runId)), {
      source_type: "MODEL",
      source_id: modelId,
      destination_type: "RUN",
      destination_id: modelId,
      tags: {},
    });
  }
}

/** Records models as what came out of a run. */
export function writeOutputs(
  layout: Layout,
  transaction: Transaction,
  runId: string,
  models: readonly ModelOutput[],
): void {
  const { folder } = findActiveRun(layout, runId);
  for (const { modelId } of models) findActiveModel(layout, modelId);
  writeOutputEdges(transaction, folder, models);
}

/** Records outputs of a run in its folder; models need not be there. */
export function writeOutputEdges(
  transaction: Transaction,
  folder: string,
  models: readonly ModelOutput[],
): void {
  for (const { modelId, step } of models) {
    writeEdge(transaction, join(folder, "outputs", modelId), {
      source_type: "RUN_OUTPUT",
      source_id: modelId,
      destination_type: "MODEL_OUTPUT",
      destination_id: modelId,
      tags: {},
      step,
    });
  }
}

/** Reads what went into a run. */
export function readRunInputs(layout: Layout, runFolder: string): RunInputs {
  const edges = readEdges(join(runFolder, "inputs"));
  const datasetInputs = edges.flatMap(({ source_type: type, source_id: id, tags }): DatasetInput[] => {
    if (type !== "DATASET" || typeof id !== "string" || !/^\w+$/.test(id)) return [];
    const meta = readMeta(join(dirname(runFolder), "datasets", id, metaFile));
    return meta === undefined ? [] : [{ dataset: toDataset(meta), tags: toTags(tags) }];
  });
  const modelIds = edges
    .filter(({ source_type: type }) => type === "MODEL")
    .map(({ source_id: id }) => String(id));
  return {
    datasetInputs: datasetInputs.sort((a, b) => (datasetUseKey(a) < datasetUseKey(b) ? -1 : 1)),
    modelInputs: inOrder(
      layout,
      modelIds.map((modelId) => ({ modelId, step: 0 })),
    ).map(({ modelId }) => ({ modelId })),
  };
}

/** Reads the models that came out of a run, in the order in which they were made. */
export function readRunOutputs(layout: Layout, runFolder: string): RunOutputs {
  const outputs = readEdges(join(runFolder, "outputs"))
    .filter(({ destination_type: type }) => type === "MODEL_OUTPUT")
    .map((edge) => ({ modelId: String(edge["destination_id"]), step: numberField(edge, "step") ?? 0 }));
  return { modelOutputs: inOrder(layout, outputs) };
}

function inOrder(layout: Layout, models: ModelOutput[]): ModelOutput[] {
  if (models.length < 2) return models;
  const times = new Map(models.map(({ modelId }) => [modelId, readCreationTime(layout, modelId)]));
  return models.sort(
    (a, b) =>
      a.step - b.step || times.get(a.modelId)! - times.get(b.modelId)! || (a.modelId < b.modelId ? -1 : 1),
  );
}

function writeEdge(transaction: Transaction, folder: string, edge: Meta): void {
  if (!existsSync(join(folder, metaFile))) writeMeta(transaction, folder, edge);
}

function readEdges(folder: string): Meta[] {
  return subfolders(folder).flatMap((name): Meta[] => {
    const edge = readMeta(join(folder, name, metaFile));
    return edge === undefined ? [] : [edge];
  });
}

function datasetMeta({ name, digest, sourceType, source, schema, profile }: Dataset): Meta {
  return { name, digest, source_type: sourceType, source, schema: schema ?? null, profile: profile ?? null };
}

function toDataset(meta: Meta): Dataset {
  const schema = textField(meta, "schema");
  const profile = textField(meta, "profile");
  return {
    name: textField(meta, "name") ?? "",
    digest: textField(meta, "digest") ?? "",
    sourceType: textField(meta, "source_type") ?? "",
    source: textField(meta, "source") ?? "",
    ...(schema !== undefined && { schema }),
    ...(profile !== undefined && { profile }),
  };
}

function toTags(tags: unknown): Record<string, string> {
  if (typeof tags !== "object" || tags === null) return {};
  const texts = Object.entries(tags).map(([key, value]) => [key, String(value)]);
  return Object.fromEntries(texts.sort(([a], [b]) => (a! < b! ? -1 : 1))) as Record<string, string>;
}

/** Makes the ids of MLflow's file store. */
function md5(...parts: string[]): string {
  const hash = createHash("md5");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
}
