// A run on disk: everything that makes the continued run equal to one that never stopped, bit for bit.
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { FileError, fsyncDirectory, logger, sha256File, writeFileAtomic } from "../base/index.ts";
import {
  dispose,
  getRngState,
  loadSafetensors,
  noGrad,
  saveSafetensors,
  scope,
  setRngState,
} from "../torch/index.ts";
import type { Tensor, optim } from "../torch/index.ts";
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
}

interface Manifest {
  files: Record<string, { bytes: number; sha256: string }>;
}

/**
 * Saves a run into `folder`: weights, optimizer, schedule, random generators, callbacks and position. The folder
 * appears whole (temporary name, fsync, rename), its manifest of sizes and hashes written last.
 */
export async function saveCheckpoint(run: Run, folder: string): Promise<void> {
  const temporary = `${folder}.${process.pid}.tmp`;
  try {
    rmSync(temporary, { recursive: true, force: true });
    mkdirSync(temporary, { recursive: true });
    const optimizers = run.optimizers.map((optimizer) => optimizer.stateDict());
    scope(() => {
      const trained = trainedWeights(run);
      for (const optimizer of run.optimizers) optimizer.eval();
      saveSafetensors(run.task.model.stateDict(), join(temporary, "model.safetensors"), { format: "pt" });
      for (const optimizer of run.optimizers) optimizer.train();
      putBack(run, trained); // the way there and back is not exact
      saveSafetensors(
        new Map([...optimizers.flatMap(flattenOptimizer), ...trained, ["rng.cpu", getRngState()]]),
        join(temporary, "optimizer.safetensors"),
      );
    });
    const trainer: TrainerFile = {
      format,
      fingerprint: run.fingerprint,
      state: run.state,
      optimizers: optimizers.map(({ param_groups }) => param_groups),
      schedules: run.schedules.map((schedule) => schedule.stateDict()),
      callbacks: Object.fromEntries(
        run.callbacks.flatMap((c) => (c.stateDict === undefined ? [] : [[c.name, c.stateDict()]])),
      ),
      ...(run.task.stateDict !== undefined && { task: run.task.stateDict() }),
    };
    writeFileAtomic(join(temporary, "trainer.json"), JSON.stringify(trainer, encodeNumber));
    await writeManifest(temporary);
    rmSync(folder, { recursive: true, force: true });
    renameSync(temporary, folder);
    fsyncDirectory(join(folder, ".."));
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true });
    const refusal = systemError(error);
    if (refusal === undefined) throw error;
    throw new FileError(
      `${folder}: the checkpoint cannot be written, ${refusal.message}. Earlier checkpoints are untouched. Free space or mend the folder, then: sconce train CONFIG --resume last`,
      { cause: error },
    );
  }
}

/** Restores a run that was built from the same config from a checkpoint that `verifyCheckpoint` passed. */
export function loadCheckpoint(run: Run, folder: string): void {
  refuseOtherJob(folder, run.fingerprint);
  const trainer = readTrainer(folder);
  const weights = loadSafetensors(join(folder, "model.safetensors"));
  const tensors = loadSafetensors(join(folder, "optimizer.safetensors"));
  try {
    run.task.model.loadStateDict(weights);
    for (const [index, optimizer] of run.optimizers.entries())
      optimizer.loadStateDict(unflattenOptimizer(tensors, index, trainer.optimizers[index]!));
    putBack(run, tensors);
    setRngState(tensors.get("rng.cpu")!);
  } finally {
    dispose(weights, tensors);
  }
  for (const [index, schedule] of run.schedules.entries()) schedule.loadStateDict(trainer.schedules[index]!);
  if (trainer.task !== undefined) run.task.loadStateDict?.(trainer.task);
  Object.assign(run.state, trainer.state);
  for (const callback of run.callbacks) {
    const state = trainer.callbacks[callback.name];
    if (state !== undefined) callback.loadStateDict?.(state);
  }
}

const trainedPrefix = "trained.";

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
  let manifest: Manifest;
  try {
    manifest = JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8")) as Manifest;
  } catch {
    return "it has no manifest, so it was not finished";
  }
  for (const [name, { bytes, sha256 }] of Object.entries(manifest.files)) {
    const path = join(folder, name);
    if (!existsSync(path)) return `${name} is missing`;
    if (statSync(path).size !== bytes) return `${name} has ${statSync(path).size} bytes instead of ${bytes}`;
    if ((await sha256File(path)) !== sha256) return `the content of ${name} was changed`;
  }
  return undefined;
}

/**
 * Returns the newest checkpoint of a folder of checkpoints that is whole; damaged newer ones are passed over with
 * a warning. Undefined when there is none.
 */
export async function newestCheckpoint(folder: string): Promise<string | undefined> {
  if (!existsSync(folder)) return undefined;
  const candidates = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.endsWith(".tmp"))
    .map((entry) => ({
      path: join(folder, entry.name),
      step: Number(/step=(\d+)$/.exec(entry.name)?.[1] ?? -1),
    }))
    .sort((a, b) => b.step - a.step);
  for (const { path } of candidates) {
    const damage = await verifyCheckpoint(path);
    if (damage === undefined) return path;
    logger.warn(`${path}: not used, ${damage}; looking for an older checkpoint`);
  }
  return undefined;
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
  const text = readFileSync(join(folder, "trainer.json"), "utf8");
  const trainer = JSON.parse(text, decodeNumber) as TrainerFile;
  if (trainer.format !== format) {
    throw new FileError(
      `${folder}: the checkpoint's format must be ${format}, got ${trainer.format}. Resume with the version of Sconce that wrote it.`,
    );
  }
  return trainer;
}

/** Keeps NaN and infinities, which JSON lacks: a metric may be undefined, a best value still infinite. */
function encodeNumber(_key: string, value: unknown): unknown {
  return typeof value === "number" && !Number.isFinite(value) ? { number: String(value) } : value;
}

function decodeNumber(_key: string, value: unknown): unknown {
  const { number } = (value ?? {}) as { number?: unknown };
  return typeof number === "string" ? Number(number) : value;
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
