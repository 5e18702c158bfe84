// Writes what was read of one store into another, many runs at once.
import { type RunImport, type StoreImporter, pointsWritten } from "../transfer.ts";
import type { StoreEntity, StorePart } from "./read-store.ts";

/** Says how entities are written. */
export interface StoreWriterOptions {
  /** Tells whether the target holds the entity, of which only points are missing then. */
  isThere(entity: StoreEntity): boolean;
  /** Whether times at which runs were deleted are known; without them they are deleted now. */
  knowsDeletionTimes: boolean;
}

const runsAtOnce = 500;

/** Takes the parts of a store in the order in which they are read. What was taken is written once `finish` returns. */
export class StoreWriter {
  readonly #to: StoreImporter;
  readonly #options: StoreWriterOptions;
  #runs: RunImport[] = [];
  #points = 0;

  constructor(to: StoreImporter, options: StoreWriterOptions) {
    this.#to = to;
    this.#options = options;
  }

  async add({ entity, points, isFirst }: StorePart): Promise<void> {
    const isNewRun = entity.kind === "run" && isFirst && !this.#options.isThere(entity);
    const isFull = this.#points + points.length > pointsWritten || this.#runs.length === runsAtOnce;
    if (!isNewRun || isFull) await this.finish();
    if (isNewRun) {
      const { run } = entity.record;
      const isUnknown = run.info.lifecycleStage === "deleted" && !this.#options.knowsDeletionTimes;
      const record = isUnknown ? { ...entity.record, deletedTime: Date.now() } : entity.record;
      this.#runs.push({ record, points });
      this.#points += points.length;
    } else if (entity.kind === "run") await this.#to.importPoints(entity.id, points);
    else if (entity.kind === "experiment") await this.#to.importExperiment(entity.record);
    else if (entity.kind === "logged model") await this.#to.importLoggedModel(entity.record);
    else if (entity.kind === "registered model") await this.#to.importRegisteredModel(entity.record);
    else await this.#to.importWebhook!(entity.record);
  }

  /** Writes the runs that wait. */
  async finish(): Promise<void> {
    const runs = this.#runs;
    [this.#runs, this.#points] = [[], 0];
    if (runs.length > 0) await this.#to.importRuns(runs);
  }
}
