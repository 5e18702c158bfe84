// A run on disk: everything that makes the continued run equal to one that never stopped, bit for bit.
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";
import {
  FileError,
  fsyncDirectory,
  isPlainObject,
  isProcessGone,
  logger,
  sha256File,
  writeFileAtomic,
} from "../base/index.ts";
import {
  dispose,
  getRngState,
  loadSafetensors,
  noGrad,
  saveSafetensors,
  scope,
  setRngState,
} from "../torch/index.ts";
import type { Tensor, nn, optim } from "../torch/index.ts";
import type { Callback } from "./callbacks/callback.ts";
import type { Run, RunState } from "./run.ts";

const format = 2;

interface TrainerFile {
  format: number;
  /** Identifies config and data; a checkpoint of another job is refused. */
  fingerprint: string;
  state: RunState;
  /** Param groups of each optimizer; their tensors are `<optimizer>.<parameter>.<name>`. */
  optimizers: unknown[][];
  schedules: Record<string, unknown>[];
  callbacks: Record<string, Record<string, unknown>>;
  task?: Record<string, unknown>;
  /** What `onSaveCheckpoint` added. */
  data?: Record<string, unknown>;
}

/** What a checkpoint holds that callbacks may read, change and add to. */
export interface CheckpointContent {
  /** Weights of `model.safetensors`: those that count when the model is used. */
  weights: Map<string, Tensor>;
  /** Tensors of callbacks, by names of their own. */
  tensors: Map<string, Tensor>;
  /** What callbacks keep beside their state; JSON. */
  data: Record<string, unknown>;
}

/** Says whose a checkpoint is, where several runs save into one folder. */
export interface SaveMark {
  /** Identifies the callback that saved it, of a run and of those that go on with it. */
  id: string;
  /** Counts the runs of the folder: the checkpoints of a later one are newer, whatever their steps. */
  number: number;
}

interface Manifest {
  files: Record<string, { bytes: number; sha256: string }>;
}

const weightsFile = "model.safetensors";
const tensorsFile = "optimizer.safetensors";
const trainerFile = "trainer.json";
const markFile = "saved-by.json";

/**
 * Saves a run into `folder`: weights, optimizer, schedule, random generators, callbacks and position. The folder
 * appears whole (temporary name, fsync, rename), its manifest of sizes and hashes written last; at no moment is there
 * less than before.
 */
export function saveCheckpoint(run: Run, folder: string, savedBy?: SaveMark): Promise<void> {
  return writeWhole(folder, savedBy, (temporary) => {
    const optimizers = run.optimizers.map((optimizer) => optimizer.stateDict());
    const data = scope(() => {
      const { tensors, trained, data: added } = writeWeights(run, temporary);
      saveSafetensors(
        new Map([
          ...optimizers.flatMap(flattenOptimizer),
          ...trained,
          ...Array.from(tensors, ([name, tensor]) => [addedPrefix + name, tensor] as const),
          ["rng.cpu", getRngState()],
        ]),
        join(temporary, tensorsFile),
      );
      return added;
    });
    const trainer: TrainerFile = {
      format,
      fingerprint: run.fingerprint,
      state: run.state,
      optimizers: optimizers.map(({ param_groups }) => param_groups),
      schedules: run.schedules.map((schedule) => schedule.stateDict()),
      callbacks: Object.fromEntries(
        keyed(run.callbacks).flatMap(([key, c]) => (c.stateDict === undefined ? [] : [[key, c.stateDict()]])),
      ),
      ...(run.task.stateDict !== undefined && { task: run.task.stateDict() }),
      ...(Object.keys(data).length > 0 && { data }),
    };
    writeFileAtomic(join(temporary, trainerFile), JSON.stringify(trainer, encodeNumber));
  });
}

/** Saves the weights alone, from which no run can go on; otherwise as `saveCheckpoint`. */
export function saveWeights(run: Run, folder: string, savedBy?: SaveMark): Promise<void> {
  return writeWhole(folder, savedBy, (temporary) => scope(() => void writeWeights(run, temporary)));
}

/** Gives a model the weights of a checkpoint. */
export function loadWeights(model: nn.Module, folder: string): void {
  const weights = loadSafetensors(join(folder, weightsFile));
  try {
    model.loadStateDict(weights);
  } finally {
    dispose(weights);
  }
}

/** Restores a run that was built from the same config from a checkpoint that `verifyCheckpoint` passed. */
export function loadCheckpoint(run: Run, folder: string): void {
  loadModelAndCallbacks(run, folder);
  loadProgress(run, folder);
}

/** Restores weights and callbacks of a run from a checkpoint that `verifyCheckpoint` passed. */
export function loadModelAndCallbacks(run: Run, folder: string): void {
  refuseOtherJob(folder, run.fingerprint);
  const trainer = readTrainer(folder);
  const weights = loadSafetensors(join(folder, weightsFile));
  const all = loadSafetensors(join(folder, tensorsFile));
  const tensors = new Map(
    Array.from(all).flatMap(([name, tensor]) =>
      name.startsWith(addedPrefix) ? [[name.slice(addedPrefix.length), tensor] as const] : [],
    ),
  );
  try {
    run.task.model.loadStateDict(weights);
    const content: CheckpointContent = { weights, tensors, data: trainer.data ?? {} };
    run.task.onLoadCheckpoint?.(content);
    for (const callback of run.callbacks) callback.onLoadCheckpoint?.(run, content);
  } finally {
    dispose(weights, all);
  }
  for (const [key, callback] of keyed(run.callbacks)) {
    const state = trainer.callbacks[key];
    if (state !== undefined) callback.loadStateDict?.(state);
  }
}

/** Restores the rest, when the optimizers are made: their state, schedules, position and random generators. */
export function loadProgress(run: Run, folder: string): void {
  const trainer = readTrainer(folder);
  for (const kind of ["optimizers", "schedules"] as const) {
    if (trainer[kind].length === run[kind].length) continue;
    throw new FileError(
      `${folder}: the run has ${run[kind].length} ${kind}, the checkpoint holds ${trainer[kind].length}. Resume with what it began with.`,
    );
  }
  const tensors = loadSafetensors(join(folder, tensorsFile));
  try {
    const rng = tensors.get("rng.cpu");
    if (rng === undefined)
      throw new FileError(`${join(folder, tensorsFile)}: must hold "rng.cpu". Name an older checkpoint.`);
    for (const [index, optimizer] of run.optimizers.entries())
      optimizer.loadStateDict(unflattenOptimizer(tensors, index, trainer.optimizers[index]!));
    putBack(run, tensors);
    setRngState(rng);
  } finally {
    dispose(tensors);
  }
  for (const [index, schedule] of run.schedules.entries()) schedule.loadStateDict(trainer.schedules[index]!);
  if (trainer.task !== undefined) run.task.loadStateDict?.(trainer.task);
  Object.assign(run.state, trainer.state);
}

/** Gives each callback the key of its state: its name, numbered where there are several of the name. */
function keyed(callbacks: readonly Callback[]): [string, Callback][] {
  const seen = new Map<string, number>();
  return callbacks.map((callback) => {
    const count = seen.get(callback.name) ?? 0;
    seen.set(callback.name, count + 1);
    return [count === 0 ? callback.name : `${callback.name}-${count}`, callback];
  });
}

/** Writes the weights that count, and returns what else there is to keep. */
function writeWeights(
  run: Run,
  folder: string,
): Pick<CheckpointContent, "tensors" | "data"> & { trained: Map<string, Tensor> } {
  const trained = trainedWeights(run);
  for (const optimizer of run.optimizers) optimizer.eval();
  const content: CheckpointContent = {
    weights: run.task.model.stateDict(),
    tensors: new Map(),
    data: {},
  };
  for (const callback of run.callbacks) callback.onSaveCheckpoint?.(run, content);
  saveSafetensors(content.weights, join(folder, weightsFile), { format: "pt" });
  for (const optimizer of run.optimizers) optimizer.train();
  putBack(run, trained); // the way there and back is not exact
  return { ...content, trained };
}

/** Lets a folder appear whole, with its manifest; what stood there before is removed only then. */
async function writeWhole(
  folder: string,
  savedBy: SaveMark | undefined,
  write: (temporary: string) => void,
): Promise<void> {
  const temporary = `${folder}.${process.pid}.tmp`;
  const old = `${folder}.${process.pid}.old.tmp`;
  try {
    const made = mkdirSync(dirname(folder), { recursive: true });
    if (made !== undefined) fsyncDirectory(dirname(made));
    rmSync(temporary, { recursive: true, force: true });
    mkdirSync(temporary);
    write(temporary);
    if (savedBy !== undefined) writeFileAtomic(join(temporary, markFile), JSON.stringify(savedBy));
    await writeManifest(temporary);
    // a folder cannot be put in the place of another: killed in between, the run goes on from the temporary one
    if (existsSync(folder)) renameSync(folder, old);
    renameSync(temporary, folder);
    fsyncDirectory(dirname(folder));
    rmSync(old, { recursive: true, force: true });
  } catch (error) {
    undo({ folder, temporary, old });
    throw saveError(folder, error);
  }
}

/** Tells what the system refused; other errors stay what they are. */
export function saveError(folder: string, error: unknown): unknown {
  const refusal = systemError(error);
  if (refusal === undefined) return error;
  return new FileError(
    `${folder}: the checkpoint cannot be written, ${refusal.message}. Earlier checkpoints are untouched. Free space or mend the folder, then: sconce train CONFIG --resume last`,
    { cause: error },
  );
}

/** Brings back what stood in a folder before a save that failed. */
function undo({ folder, temporary, old }: { folder: string; temporary: string; old: string }): void {
  try {
    if (existsSync(old) && !existsSync(folder)) renameSync(old, folder);
    for (const left of [temporary, old]) rmSync(left, { recursive: true, force: true });
  } catch {
    // the error of the save is the one to tell; what is left is settled when a run begins
  }
}

/** Settles what saves left that did not end: what is whole gets its name, the rest is removed. */
export async function settleSaves(folder: string): Promise<void> {
  if (!existsSync(folder)) return;
  // "x.12.tmp" sorts after "x.12.old.tmp", and is the newer
  for (const name of readdirSync(folder).sort().reverse()) {
    const path = join(folder, name);
    if (!name.endsWith(".tmp") || isUnderWay(path)) continue;
    const final = join(folder, name.replace(/\.\d+(\.old)?\.tmp$/, ""));
    const isWanted = lstatSync(path).isDirectory() && !existsSync(final);
    if (isWanted && (await verifyCheckpoint(path)) === undefined) renameSync(path, final);
    else rmSync(path, { recursive: true, force: true });
  }
  fsyncDirectory(folder);
}

/** Whether another process that lives writes a folder: two runs may save into one. */
function isUnderWay(path: string): boolean {
  const pid = Number(/\.(\d+)(\.old)?\.tmp$/.exec(path)?.[1]);
  if (Number.isNaN(pid) || pid === process.pid) return false;
  if (Date.now() - lstatSync(path).mtimeMs > hour) return false; // numbers of processes are given out anew
  return !isProcessGone({ pid, host: hostname() });
}

const hour = 3_600_000;

const trainedPrefix = "trained.";
const addedPrefix = "callbacks.";

/** Copies the weights that the optimizer trains, where those that count are others: schedule-free ones average. */
function trainedWeights({ optimizers, task }: Run): Map<string, Tensor> {
  if (!optimizers.some((optimizer) => optimizer.averagesWeights)) return new Map();
  const named = [...task.model.namedParameters()];
  return new Map(named.map(([name, parameter]) => [trainedPrefix + name, parameter.detach().clone()]));
}

/** Puts weights that `trainedWeights` copied in place again. */
function putBack({ task }: Run, weights: ReadonlyMap<string, Tensor>): void {
  noGrad(() => {
    for (const [name, parameter] of task.model.namedParameters()) {
      const trained = weights.get(trainedPrefix + name);
      if (trained !== undefined) parameter.copy_(trained);
    }
  });
}

/** Throws a `FileError` when a checkpoint is of another config or of other data. */
export function refuseOtherJob(folder: string, fingerprint: string): void {
  if (readTrainer(folder).fingerprint === fingerprint) return;
  throw new FileError(
    `${folder}: the checkpoint is of another config or other data. Resume with the config and data that it began with, or start a new run.`,
  );
}

/** Returns what is wrong with a checkpoint, or undefined when every file is as its manifest says. */
export async function verifyCheckpoint(folder: string): Promise<string | undefined> {
  const manifest = readManifest(folder);
  if (manifest === undefined) return "it has no manifest, so it was not finished";
  const files = Object.entries(manifest.files);
  const needed = holdsWeightsAlone(folder) ? [weightsFile] : [weightsFile, tensorsFile, trainerFile];
  const unlisted = needed.find((name) => !(name in manifest.files));
  if (unlisted !== undefined) return `its manifest does not list ${unlisted}`;
  for (const [name, { bytes, sha256 }] of files) {
    const path = join(folder, name);
    if (basename(name) !== name) return `its manifest lists ${JSON.stringify(name)}, which is no file of it`;
    if (!existsSync(path)) return `${name} is missing`;
    if (statSync(path).size !== bytes) return `${name} has ${statSync(path).size} bytes instead of ${bytes}`;
    if ((await sha256File(path)) !== sha256) return `the content of ${name} was changed`;
  }
  return undefined;
}

/**
 * Returns the newest checkpoint of a folder of checkpoints that is whole: the last one of the run that began last. Damaged
 * newer ones are passed over with a warning. One whose save was killed in its last moment counts. Undefined when there is none.
 */
export async function newestCheckpoint(folder: string): Promise<string | undefined> {
  if (!existsSync(folder)) return undefined;
  const candidates = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(folder, entry.name))
    .filter((path) => !isTemporary(path) || readManifest(path) !== undefined)
    .filter((path) => !holdsWeightsAlone(path))
    .map((path) => ({ path, step: stepOf(path) ?? -1, number: markOf(path)?.number ?? Infinity }))
    .sort(
      (a, b) =>
        newerRun(a.number, b.number) ||
        b.step - a.step ||
        Number(isTemporary(a.path)) - Number(isTemporary(b.path)),
    );
  for (const { path } of candidates) {
    const damage = await verifyCheckpoint(path);
    if (damage === undefined) return path;
    logger.warn(`${path}: not used, ${damage}; looking for an older checkpoint`);
  }
  return undefined;
}

/** Orders runs by their numbers, the newest first; what has none is of any. */
function newerRun(a: number, b: number): number {
  return a === Infinity || b === Infinity ? 0 : b - a;
}

/** Reads whose a checkpoint is; undefined where it does not say. */
export function markOf(folder: string): SaveMark | undefined {
  try {
    const mark: unknown = JSON.parse(readFileSync(join(folder, markFile), "utf8"));
    return isMark(mark) ? mark : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Numbers a run that begins to save into a folder, or to go on there at a step: above those of the runs whose checkpoints
 * are there, unless nothing there is newer than what it goes on from.
 */
export function numberRun(folder: string, { id, number }: SaveMark, step: number): number {
  const others = existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [];
  const numbers = others.flatMap((path) => {
    const mark = markOf(path);
    const isNewer = mark !== undefined && (mark.id !== id || (stepOf(path) ?? 0) > step);
    return isNewer && mark.number >= number ? [mark.number] : [];
  });
  return numbers.length === 0 ? number : Math.max(...numbers) + 1;
}

/** Reads at which step a checkpoint was saved; undefined where that cannot be known. */
export function stepOf(folder: string): number | undefined {
  try {
    return readTrainer(folder).state.step;
  } catch {
    const step = /step=(\d+)/.exec(basename(folder))?.[1];
    return step === undefined ? undefined : Number(step);
  }
}

function isTemporary(path: string): boolean {
  return path.endsWith(".tmp");
}

/** Tells a folder of `saveWeights`. */
function holdsWeightsAlone(folder: string): boolean {
  const manifest = readManifest(folder);
  // where the file is there and not listed, the manifest is damaged
  return manifest !== undefined && !(trainerFile in manifest.files) && !existsSync(join(folder, trainerFile));
}

/** Reads a manifest; undefined where there is none that can be read. */
function readManifest(folder: string): Manifest | undefined {
  try {
    const manifest: unknown = JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8"));
    if (!isPlainObject(manifest) || !isPlainObject(manifest["files"])) return undefined;
    const isEntry = (entry: unknown) =>
      isPlainObject(entry) && typeof entry["bytes"] === "number" && typeof entry["sha256"] === "string";
    return Object.values(manifest["files"]).every(isEntry) ? (manifest as unknown as Manifest) : undefined;
  } catch {
    return undefined;
  }
}

function isMark(value: unknown): value is SaveMark {
  return isPlainObject(value) && typeof value["id"] === "string" && Number.isSafeInteger(value["number"]);
}

async function writeManifest(folder: string): Promise<void> {
  const files: Manifest["files"] = {};
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    files[name] = { bytes: statSync(path).size, sha256: await sha256File(path) };
  }
  writeFileAtomic(join(folder, "manifest.json"), JSON.stringify({ files } satisfies Manifest, null, 2));
}

function readTrainer(folder: string): TrainerFile {
  if (holdsWeightsAlone(folder)) {
    throw new FileError(
      `${folder}: holds weights alone, as saveWeightsOnly left it, so no run can go on from it. Name a checkpoint that was saved whole.`,
    );
  }
  const path = join(folder, trainerFile);
  let trainer: unknown;
  try {
    trainer = JSON.parse(readFileSync(path, "utf8"), decodeNumber);
  } catch (error) {
    throw new FileError(`${path}: cannot be read, ${(error as Error).message}. Name an older checkpoint.`, {
      cause: error,
    });
  }
  const found = isPlainObject(trainer) ? trainer["format"] : undefined;
  if (found !== format) {
    throw new FileError(
      `${folder}: the checkpoint's format must be ${format}, got ${String(found)}. Resume with the version of Sconce that wrote it.`,
    );
  }
  if (isTrainerFile(trainer as Record<string, unknown>)) return trainer as TrainerFile;
  throw new FileError(
    `${path}: must hold a position, and the state of optimizers, schedules and callbacks. Name an older checkpoint.`,
  );
}

function isTrainerFile({
  fingerprint,
  state,
  optimizers,
  schedules,
  callbacks,
}: Record<string, unknown>): boolean {
  const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;
  return (
    typeof fingerprint === "string" &&
    isPlainObject(state) &&
    [state["epoch"], state["batch"], state["step"]].every(isCount) &&
    isPlainObject(state["metrics"]) &&
    Array.isArray(optimizers) &&
    optimizers.every(Array.isArray) &&
    Array.isArray(schedules) &&
    isPlainObject(callbacks)
  );
}

/** Keeps NaN and infinities, which JSON lacks: a metric may be undefined, a best value still infinite. */
function encodeNumber(_key: string, value: unknown): unknown {
  return typeof value === "number" && !Number.isFinite(value) ? { number: String(value) } : value;
}

function decodeNumber(key: string, value: unknown): unknown {
  if (key === "__proto__") return undefined;
  if (!isPlainObject(value) || Object.keys(value).length !== 1) return value;
  const { number } = value;
  return number === "NaN" || number === "Infinity" || number === "-Infinity" ? Number(number) : value;
}

/** Returns the refusal of the operating system (disk full, no permission) that an error comes from. */
function systemError(error: unknown): NodeJS.ErrnoException | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code, syscall } = error as NodeJS.ErrnoException;
  return code !== undefined && syscall !== undefined ? error : systemError(error.cause);
}

function flattenOptimizer({ state }: optim.OptimizerStateDict, index: number): [string, Tensor][] {
  return Object.entries(state).flatMap(([parameter, entries]) =>
    Object.entries(entries).flatMap(([name, tensor]): [string, Tensor][] =>
      // what is null (momentum before its first step) is made anew
      tensor === null ? [] : [[`${index}.${parameter}.${name}`, tensor]],
    ),
  );
}

function unflattenOptimizer(
  tensors: ReadonlyMap<string, Tensor>,
  index: number,
  paramGroups: unknown[],
): optim.OptimizerStateDict {
  const state: Record<string, Record<string, Tensor>> = {};
  for (const [key, tensor] of tensors) {
    const [optimizer, parameter, name] = /^(\d+)\.(\d+)\.(.+)$/.exec(key)?.slice(1) ?? [];
    if (Number(optimizer) === index) (state[parameter!] ??= {})[name!] = tensor;
  }
  return { state, param_groups: paramGroups } as optim.OptimizerStateDict;
}
