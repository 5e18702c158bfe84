// Copies a whole store into another, with all ids and times. A copy that was cut short goes on when it is started again:
// what is there and equal is passed over, what differs ends it before anything is written.
import { TrackingError } from "../../base/index.ts";
import type { Store } from "../open-store.ts";
import { isExporter, isImporter } from "../transfer.ts";
import type { Experiment } from "../types.ts";
import { type DigestOptions, Digester, type EntityDigest, checksumOf } from "./digest.ts";
import {
  type ReadOptions,
  type StoreEntity,
  type StorePart,
  readStore,
  readWebhooks,
  withPoints,
} from "./read-store.ts";
import { smallIdReader } from "./renumber.ts";
import { StoreWriter } from "./write-store.ts";

/** Says how a store is copied. */
export interface CopyStoreOptions {
  /**
   * Whether experiments whose ids are no small whole numbers, those that MLflow's file store draws, get new ones, which
   * PostgreSQL can hold. @default false
   */
  newExperimentIds?: boolean;
  /** Is called for each entity with the phase and the entities done in it. */
  onProgress?: (phase: CopyPhase, done: number) => void;
}

/** Are the phases of a copy, in their order; without a first part in the target the first two are short. */
export type CopyPhase = "reading the target" | "comparing" | "copying" | "verifying";

/** Says what a copy moved, and what both stores hold at its end. */
export interface CopyReport {
  counts: StoreCounts;
  /** Entities that this copy wrote; the others were there. */
  written: number;
  /** SHA-256 of the contents, the same for both. */
  checksum: string;
  /** How many webhooks of the source the target cannot keep; of those of a server nothing is known. */
  webhooksLeftOut: number;
}

/** Counts what a store holds. */
export interface StoreCounts {
  experiments: number;
  runs: number;
  points: number;
  loggedModels: number;
  registeredModels: number;
  modelVersions: number;
  historyEntries: number;
  webhooks: number;
}

/** Says what is read and compared. */
type Scope = DigestOptions & ReadOptions;

type Digests = Map<string, EntityDigest>;

/**
 * Copies experiments, runs, logged models, the registry and webhooks from one store into another that is empty or holds a part of
 * the same. Ids, version numbers and times stay what they are; artifacts stay where they are. Reads the source once, and
 * the target once more at the end to compare the two.
 *
 * @throws TrackingError (INVALID_STATE) naming what the target holds that the source does not or that differs;
 *   INVALID_PARAMETER_VALUE for a target that cannot be written this way, and for what it cannot hold
 */
export async function copyStore(
  from: Store,
  to: Store,
  { newExperimentIds = false, onProgress = () => undefined }: CopyStoreOptions = {},
): Promise<CopyReport> {
  if (!isImporter(to)) {
    throw new TrackingError(
      `copyStore: the target must be a database or a folder, got ${to.uri}. A server cannot keep the ids: copy into the ` +
        "store that stands behind it.",
      { code: "INVALID_PARAMETER_VALUE" },
    );
  }
  if (from.uri === to.uri) {
    throw new TrackingError(`copyStore: source and target must be two stores, got ${from.uri} as both.`, {
      code: "INVALID_PARAMETER_VALUE",
    });
  }
  const scope: Scope = {
    knowsDeletionTimes: isExporter(from),
    withWebhooks: isExporter(from) && to.importWebhook !== undefined,
  };
  if (await holdsNothing(from, scope)) {
    throw new TrackingError(`copyStore: the source must hold something, and ${from.uri} is empty.`, {
      code: "INVALID_PARAMETER_VALUE",
    });
  }
  const isFresh = await holdsNothing(to, scope);
  const there = isFresh ? new Map<string, EntityDigest>() : await digestsOf(to, scope, onProgress);
  const read = newExperimentIds ? await smallIdReader(from, scope) : () => readStore(from, scope);
  const digests = await compare({ from, read, there, scope }, onProgress);
  if (isFresh) await removeDefaultExperiment(to);
  const isThereNow = isFresh && !newExperimentIds && ((await to.importAll?.(from)) ?? false);

  const counts = noCounts();
  let [written, done] = [0, 0];
  const finish = (entity: StoreEntity, digest: EntityDigest) => {
    digests.set(labelOf(entity), digest);
    count(counts, entity, digest);
    onProgress("copying", ++done);
  };
  async function* missing(): AsyncGenerator<StoreEntity> {
    for await (const entity of read()) {
      const label = labelOf(entity);
      const digest = digests.get(label);
      if (digest === undefined || digest.points !== (there.get(label)?.points ?? 0)) yield entity;
      else finish(entity, digest);
    }
  }
  const writer = new StoreWriter(to, { isThere: (entity) => there.has(labelOf(entity)), ...scope });
  const addPart = isThereNow ? undefined : (part: StorePart) => writer.add(part);
  for await (const { entity, digest } of digested(from, missing(), scope, addPart)) {
    finish(entity, digest);
    written++;
  }
  await writer.finish();

  const copied = await digestsOf(to, scope, (_phase, verified) => onProgress("verifying", verified));
  const wrong = differences(digests, copied);
  if (wrong.length > 0) throw differing(from, wrong, "Does another process write to one of the two?");
  const webhooksLeftOut = scope.withWebhooks ? 0 : await countWebhooks(from);
  return { counts, written, checksum: checksumOf(copied), webhooksLeftOut };
}

async function countWebhooks(store: Store): Promise<number> {
  let found = 0;
  for await (const _webhook of readWebhooks(store)) found++;
  return found;
}

/** Tells whether a store holds nothing but the experiment that it is made with. */
async function holdsNothing(store: Store, options: ReadOptions): Promise<boolean> {
  const labels: string[] = [];
  for await (const entity of readStore(store, options)) {
    labels.push(labelOf(entity));
    if (labels.length > 1 || entity.kind !== "experiment" || !isDefault(entity.record)) return false;
  }
  return true;
}

/** Compares what the target holds with the source, and returns the checksums of what is in both. */
async function compare(
  {
    from,
    read,
    there,
    scope,
  }: { from: Store; read: () => AsyncGenerator<StoreEntity>; there: Digests; scope: Scope },
  onProgress: NonNullable<CopyStoreOptions["onProgress"]>,
): Promise<Digests> {
  const digests: Digests = new Map();
  if (there.size === 0) return digests;
  const wrong: string[] = [];
  async function* inBoth(): AsyncGenerator<StoreEntity> {
    for await (const entity of read()) if (there.has(labelOf(entity))) yield entity;
  }
  for await (const { entity, digest } of digested(from, inBoth(), scope)) {
    const label = labelOf(entity);
    const known = there.get(label)!;
    digests.set(label, digest);
    // a run whose last points are missing is what a copy that was cut short leaves behind
    const isPart = known.withoutPoints === digest.withoutPoints && known.points < digest.points;
    if (known.whole !== digest.whole && !isPart) wrong.push(`${label} (differs)`);
    onProgress("comparing", digests.size);
  }
  for (const label of there.keys()) if (!digests.has(label)) wrong.push(`${label} (only in the target)`);
  if (wrong.length > 0) throw differing(from, wrong, "Copy into an empty store.");
  return digests;
}

async function digestsOf(
  store: Store,
  scope: Scope,
  onProgress: NonNullable<CopyStoreOptions["onProgress"]>,
): Promise<Digests> {
  const digests: Digests = new Map();
  for await (const { entity, digest } of digested(store, readStore(store, scope), scope)) {
    digests.set(labelOf(entity), digest);
    onProgress("reading the target", digests.size);
  }
  return digests;
}

/** Reads entities with the points of runs, hands over each part and returns the checksum of each whole. */
async function* digested(
  store: Store,
  entities: AsyncIterable<StoreEntity>,
  options: DigestOptions,
  onPart: (part: StorePart) => Promise<void> = async () => undefined,
): AsyncGenerator<{ entity: StoreEntity; digest: EntityDigest }> {
  let digester: Digester | undefined;
  for await (const part of withPoints(store, entities)) {
    if (part.isFirst) digester = new Digester(part.entity, options);
    digester!.addPoints(part.points);
    await onPart(part);
    if (part.isLast) yield { entity: part.entity, digest: digester!.digest };
  }
}

async function removeDefaultExperiment(store: Store): Promise<void> {
  if ((await store.getExperimentByName("Default")) === undefined) return;
  const { lifecycleStage } = await store.getExperiment("0");
  if (lifecycleStage === "active") await store.deleteExperiment("0");
  await store.purgeExperiment("0");
}

/** Tells whether it is the experiment that a store is made with; a copy may have ended as it was on its way out. */
function isDefault({ experimentId, name, tags }: Experiment): boolean {
  return experimentId === "0" && name === "Default" && Object.keys(tags).length === 0;
}

function differences(expected: Digests, found: Digests): string[] {
  const wrong: string[] = [];
  for (const [label, digest] of expected) {
    const other = found.get(label);
    if (other === undefined) wrong.push(`${label} (missing)`);
    else if (other.whole !== digest.whole) wrong.push(`${label} (differs)`);
  }
  for (const label of found.keys()) if (!expected.has(label)) wrong.push(`${label} (only in the target)`);
  return wrong;
}

function differing({ uri }: { uri: string }, wrong: readonly string[], advice: string): TrackingError {
  const rest = wrong.length > 5 ? ` and ${wrong.length - 5} more` : "";
  return new TrackingError(
    `copyStore: the target must hold what ${uri} holds and nothing else, got ${wrong.slice(0, 5).join(", ")}${rest}. ${advice}`,
    { code: "INVALID_STATE" },
  );
}

function labelOf({ kind, id }: StoreEntity): string {
  return `${kind} ${id}`;
}

function noCounts(): StoreCounts {
  return {
    experiments: 0,
    runs: 0,
    points: 0,
    loggedModels: 0,
    registeredModels: 0,
    modelVersions: 0,
    historyEntries: 0,
    webhooks: 0,
  };
}

function count(counts: StoreCounts, entity: StoreEntity, { points }: EntityDigest): void {
  if (entity.kind === "experiment") counts.experiments++;
  else if (entity.kind === "logged model") counts.loggedModels++;
  else if (entity.kind === "webhook") counts.webhooks++;
  else if (entity.kind === "run") {
    counts.runs++;
    counts.points += points;
  } else {
    counts.registeredModels++;
    counts.modelVersions += entity.record.versions.length;
    counts.historyEntries += entity.record.history.length;
  }
}
