// Gives experiments small ids: PostgreSQL cannot hold those that MLflow's file store draws.
import type { Store } from "../open-store.ts";
import { eachPage } from "../paged-list.ts";
import { largestSerial } from "../transfer.ts";
import type { Experiment } from "../types.ts";
import { type ReadOptions, type StoreEntity, readStore } from "./read-store.ts";

/** Makes a reader of a store whose experiments have small ids. */
export async function smallIdReader(
  store: Store,
  options: ReadOptions,
): Promise<() => AsyncGenerator<StoreEntity>> {
  const experiments: Experiment[] = [];
  for await (const experiment of eachPage((pageToken) =>
    store.searchExperiments({ viewType: "ALL", ...(pageToken !== undefined && { pageToken }) }),
  )) {
    experiments.push(experiment);
  }
  const ids = smallIds(experiments);
  return async function* () {
    for await (const entity of readStore(store, options)) yield renumbered(entity, ids);
  };
}

/**
 * Returns for each experiment the id that it gets. Small whole numbers stay; the others follow the largest of these in the
 * order in which the experiments were made, so that a copy that goes on gives the same.
 */
function smallIds(experiments: readonly Experiment[]): Map<string, string> {
  const isSmall = (id: string) => /^(0|[1-9]\d{0,9})$/.test(id) && Number(id) <= largestSerial;
  const ids = new Map<string, string>();
  let last = 0;
  for (const { experimentId } of experiments) {
    if (!isSmall(experimentId)) continue;
    ids.set(experimentId, experimentId);
    last = Math.max(last, Number(experimentId));
  }
  const others = experiments.filter(({ experimentId }) => !ids.has(experimentId));
  others.sort((a, b) => a.creationTime - b.creationTime || (a.experimentId < b.experimentId ? -1 : 1));
  for (const { experimentId } of others) ids.set(experimentId, String(++last));
  return ids;
}

/** Puts an entity into the experiment that has the id of its own now; places of artifacts stay what they are. */
function renumbered(entity: StoreEntity, ids: ReadonlyMap<string, string>): StoreEntity {
  const newId = (id: string) => ids.get(id) ?? id;
  if (entity.kind === "experiment") {
    const experimentId = newId(entity.id);
    return { ...entity, id: experimentId, record: { ...entity.record, experimentId } };
  }
  if (entity.kind === "run") {
    const { run } = entity.record;
    const info = { ...run.info, experimentId: newId(run.info.experimentId) };
    return { ...entity, record: { ...entity.record, run: { ...run, info } } };
  }
  if (entity.kind === "logged model") {
    const { model } = entity.record;
    const moved = { ...model, experimentId: newId(model.experimentId) };
    return { ...entity, record: { ...entity.record, model: moved } };
  }
  return entity;
}
