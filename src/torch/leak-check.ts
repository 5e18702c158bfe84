// Names the lines whose tensors outlive a step: of one function, or of every scope where SCONCE_LEAK_CHECK is set.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { UsageError, logger } from "../base/index.ts";
import { watchTensors } from "./binding.ts";
import { native } from "./native.ts";
import { ownFolder } from "./own-folder.ts";
import type { Tensor } from "./tensor.ts";
import { tensorsIn } from "./tensors-in.ts";

/** Steps that must each leave a tensor of a line behind before a leak is reported. */
const growingSteps = 5;

/**
 * Runs a step and throws where tensors that it made are still held after it, with the lines that made them.
 *
 * What the step returns is not counted. Slow, as it notes where each tensor is made and collects garbage: for
 * tests and for finding leaks. To watch a whole program instead, set `SCONCE_LEAK_CHECK=1`: it warns of each
 * line that leaves more tensors behind with every `torch.scope`.
 *
 * @example
 * const losses = [];
 * const step = () => torch.scope(() => void losses.push(torch.keep(torch.ones([2]).sum())));
 * torch.leakCheck(step); // throws: 1 tensor of 4 bytes, made at step (train.ts:2:66)
 */
export function leakCheck<T>(run: () => T): T {
  const made: Made[] = [];
  const watchBefore = watchTensors((tensor) => made.push({ handle: tensor.handle, stack: stackHere() }));
  let result: T;
  try {
    result = run();
  } finally {
    watchTensors(watchBefore);
  }
  const returned = new Set(Array.from(tensorsIn(result), (tensor) => tensor.handle));
  collectGarbage();
  const leaked = made.filter(({ handle }) => isAlive(handle) && !returned.has(handle));
  if (leaked.length > 0) throw new UsageError(describe(leaked));
  return result;
}

/** Told by ./scope.ts of each outermost scope that ends; undefined where nothing is watched. */
export const leakWatch = ["", "0", undefined].includes(process.env["SCONCE_LEAK_CHECK"])
  ? undefined
  : watchScopes();

interface Made {
  handle: number;
  stack: string;
}

/** A line, with the tensors it made that are still alive and the steps that they are of. */
interface Line {
  alive: { handle: number; step: number }[];
  isReported: boolean;
}

function watchScopes(): { scopeEnded(): void } {
  const lines = new Map<string, Line>();
  let made: Made[] = [];
  let step = 0;
  watchTensors((tensor: Tensor) => made.push({ handle: tensor.handle, stack: stackHere() }));
  return {
    scopeEnded() {
      step++;
      const survivors = made.filter(({ handle }) => isAlive(handle));
      made = [];
      for (const { handle, stack } of survivors) {
        const place = placeOf(stack);
        const line = lines.get(place) ?? { alive: [], isReported: false };
        lines.set(place, line);
        line.alive.push({ handle, step });
      }
      for (const [place, line] of lines) {
        line.alive = line.alive.filter(({ handle }) => isAlive(handle));
        if (line.isReported || stepsOf(line) < growingSteps) continue;
        collectGarbage();
        line.alive = line.alive.filter(({ handle }) => isAlive(handle));
        if (stepsOf(line) < growingSteps) continue;
        line.isReported = true;
        logger.warn(
          `SCONCE_LEAK_CHECK: ${line.alive.length} tensors of ${stepsOf(line)} steps are still held, made at ${place}. ` +
            `Dispose of them, or hold numbers instead (x.item()).`,
        );
      }
    },
  };
}

function stepsOf({ alive }: Line): number {
  return new Set(alive.map(({ step }) => step)).size;
}

/** Returns the stack of the caller as text: what V8 holds before would keep the tensors on it alive. */
function stackHere(): string {
  const at: { stack?: string } = {};
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 40; // operators and layers within layers stand before the user's line
  Error.captureStackTrace(at, stackHere);
  Error.stackTraceLimit = limit;
  return at.stack ?? "";
}

/** The first frame outside this folder: `step (train.ts:12:9)`. */
function placeOf(stack: string): string {
  const frames = stack
    .split("\n")
    .slice(1)
    .map((line) => line.replace(/^\s+at /, ""));
  return frames.find((frame) => !frame.includes(ownFolder) && !frame.includes("node:")) ?? frames[0] ?? "?";
}

function describe(leaked: readonly Made[]): string {
  const places = new Map<string, Made[]>();
  for (const made of leaked) {
    const place = placeOf(made.stack);
    places.set(place, [...(places.get(place) ?? []), made]);
  }
  const lines = Array.from(places, ([place, made]) => `  ${count(made)}, made at ${place}`);
  return `leakCheck: tensors outlive the step.\n${lines.join("\n")}\nReturn them, dispose of them, or hold numbers instead (x.item()).`;
}

function count(made: readonly Made[]): string {
  const bytes = made.reduce((total, { handle }) => total + native.nbytes(handle), 0);
  return `${made.length} ${made.length === 1 ? "tensor" : "tensors"} of ${bytes} bytes`;
}

function isAlive(handle: number): boolean {
  return !native.isDisposed(handle);
}

let collector: (() => void) | undefined;

/** Collects garbage also where Node was not started with --expose-gc. */
function collectGarbage(): void {
  if (collector === undefined) {
    setFlagsFromString("--expose-gc");
    collector = runInNewContext("gc") as () => void;
  }
  collector();
}
