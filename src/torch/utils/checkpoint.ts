// Activation checkpointing: a part of the network keeps its inputs alone and is computed again in backward.
import { TorchError, UsageError } from "../../base/index.ts";
import { afterGraph, backward } from "../autograd/backward.ts";
import { AutogradFunction } from "../autograd/function.ts";
import type { FunctionContext } from "../autograd/function.ts";
import { savedTensorsHooks } from "../autograd/saved-hooks.ts";
import { withGrad } from "../binding.ts";
import { backends } from "../context.ts";
import { empty } from "../ops.generated.ts";
import { enableGrad, isGradEnabled } from "../grad-mode.ts";
import { native } from "../native.ts";
import { getRngState, setRngState } from "../random.ts";
import { keep, scope } from "../scope.ts";
import { Tensor } from "../tensor.ts";

/** Options of `checkpoint`. */
export interface CheckpointOptions {
  /** Draws the same random numbers again, as dropout needs. @default true */
  preserveRngState?: boolean;
  /** Recomputes by a backward inside backward: some inputs must need a gradient, and only `backward` works. @default false */
  useReentrant?: boolean;
  /** Stops the recomputation when the last tensor that is needed is there. @default true */
  earlyStop?: boolean;
  /** Whether what is recomputed must have the shapes, dtypes and devices of the first time. @default "default" */
  determinismCheck?: "default" | "none";
}

const optionNames = new Set(["preserveRngState", "useReentrant", "earlyStop", "determinismCheck"]);

/**
 * Calls `run` without keeping what backward will need: that is computed again when backward comes to it. Costs one
 * more forward pass, and saves its memory. `run` must compute the same each time; tensors that it makes are
 * freed when it returns, but those that it returns.
 *
 * @example
 * const block = new torch.nn.Linear(4, 4);
 * const x = torch.ones([2, 4], { requiresGrad: true });
 * torch.utils.checkpoint((input: torch.Tensor) => block.forward(input).tanh(), x).sum().backward();
 */
export function checkpoint<Inputs extends unknown[], Output>(
  run: (...inputs: Inputs) => Output,
  ...inputs: Inputs
): Output;
export function checkpoint<Inputs extends unknown[], Output>(
  run: (...inputs: Inputs) => Output,
  ...inputsAndOptions: [...inputs: Inputs, options: CheckpointOptions]
): Output;
export function checkpoint(run: (...inputs: unknown[]) => unknown, ...rest: unknown[]): unknown {
  const last = rest.at(-1);
  const options = isOptions(last) ? last : {};
  const inputs = isOptions(last) ? rest.slice(0, -1) : rest;
  if (!isGradEnabled()) return run(...inputs);
  return options.useReentrant === true ? reentrant(run, inputs, options) : byHooks(run, inputs, options);
}

/**
 * Checkpoints a chain of functions in `segments` parts of the same length; the last part is kept as usual.
 *
 * @example
 * const layers = [1, 2, 3, 4].map((factor) => (x: torch.Tensor) => x.mul(factor).sin());
 * const x = torch.ones([2], { requiresGrad: true });
 * torch.utils.checkpointSequential(layers, 2, x).sum().backward();
 */
export function checkpointSequential(
  functions: readonly ((input: Tensor) => Tensor)[],
  segments: number,
  input: Tensor,
  options: CheckpointOptions = {},
): Tensor {
  if (!Number.isInteger(segments) || segments < 1 || segments > functions.length) {
    throw new UsageError(
      `checkpointSequential: segments must be a whole number from 1 to the number of functions, got ${segments} for ${functions.length}.`,
    );
  }
  const length = Math.floor(functions.length / segments);
  const chain = (part: typeof functions) => (x: Tensor) => part.reduce((value, run) => run(value), x);
  let x = input;
  for (let segment = 0; segment < segments - 1; segment++) {
    x = checkpoint(chain(functions.slice(segment * length, (segment + 1) * length)), x, options);
  }
  return chain(functions.slice((segments - 1) * length))(x);
}

/** One checkpointed call: what its graph saved, and what of it is computed again and waits to be used. */
interface Frame {
  saved: string[];
  recomputed: (Tensor | undefined)[];
}

/** Keeps the inputs by the graph's own means, so that an enclosing checkpoint can recompute them in turn. */
class SaveInputs extends AutogradFunction {
  static override forward(ctx: FunctionContext, _anchor: Tensor, ...tensors: Tensor[]): Tensor {
    ctx.saveForBackward(...tensors);
    return empty([0]);
  }
}

function byHooks(
  run: (...inputs: unknown[]) => unknown,
  inputs: readonly unknown[],
  options: CheckpointOptions,
): unknown {
  const { pack, unpack, saving } = hooksOf(replayOf(run, inputs), options);
  return scope(() => {
    const tensors = inputs.filter((input) => input instanceof Tensor);
    if (options.preserveRngState ?? true) tensors.unshift(getRngState());
    saving.node = SaveInputs.apply(empty([0], { requiresGrad: true }), ...tensors);
    try {
      return savedTensorsHooks(pack, unpack, () => run(...inputs));
    } finally {
      saving.node = undefined;
    }
  });
}

/** The hooks of one call. Made apart from `byHooks`, whose inputs they would otherwise keep alive. */
function hooksOf(
  replay: (tensors: readonly Tensor[]) => unknown,
  { preserveRngState = true, earlyStop = true, determinismCheck = "default" }: CheckpointOptions,
) {
  const frame: Frame = { saved: [], recomputed: [] };
  const state = autocastStates();
  const saving: { node: Tensor | undefined } = { node: undefined };
  const pack = (tensor: Tensor) => ({ index: frame.saved.push(describe(tensor)) - 1, node: saving.node! });
  const unpack = ({ index, node }: ReturnType<typeof pack>) => {
    if (frame.recomputed[index] === undefined) {
      const values = node.gradFn!.savedTensors as Tensor[];
      const rngState = preserveRngState ? values.shift() : undefined;
      const again = () => enableGrad(() => withAutocast(state, () => replay(values)));
      recompute(frame, () => withRngState(rngState, again), earlyStop, determinismCheck === "default");
    }
    return take(frame, index);
  };
  return { pack, unpack, saving };
}

/** Runs the forward pass again, and leaves what it saves in `frame.recomputed`. */
function recompute(frame: Frame, again: () => unknown, earlyStop: boolean, check: boolean): void {
  const enough = new Error("everything is recomputed");
  const { saved } = frame;
  let count = 0;
  const pack = (tensor: Tensor) => {
    const index = count++;
    if (index < saved.length) {
      const now = describe(tensor);
      if (check && now !== saved[index]) {
        throw new TorchError(
          `checkpoint: the recomputation must save the tensors of the forward pass, got ${now} instead of ${saved[index]} at position ${index}. Make the function compute the same each time.`,
        );
      }
      frame.recomputed[index]?.dispose();
      frame.recomputed[index] = keep(tensor.detach());
    }
    if (earlyStop && count === saved.length) throw enough;
    return tensor;
  };
  afterGraph(() => discard(frame));
  try {
    savedTensorsHooks(pack, (tensor) => tensor, again);
  } catch (error) {
    if (error === enough) return;
    discard(frame);
    throw error;
  }
  if (count !== saved.length) {
    discard(frame);
    throw new TorchError(
      `checkpoint: a different number of tensors was saved during the original forward and recomputation, ${saved.length} and ${count}. Make the function compute the same each time.`,
    );
  }
}

/** Hands a tensor over to the caller's scope. */
function take(frame: Frame, index: number): Tensor {
  const kept = frame.recomputed[index]!;
  frame.recomputed[index] = undefined;
  const tensor = kept.detach();
  kept.dispose();
  return tensor;
}

function discard(frame: Frame): void {
  for (const tensor of frame.recomputed.splice(0)) tensor?.dispose();
}

/** Returns `run` as a function of its tensors, which stand in the place of the inputs' own. */
function replayOf(
  run: (...inputs: unknown[]) => unknown,
  inputs: readonly unknown[],
): (tensors: readonly Tensor[]) => unknown {
  const isTensor = inputs.map((input) => input instanceof Tensor);
  const others = inputs.map((input) => (input instanceof Tensor ? undefined : input)); // tensors would live too long
  return (tensors) => {
    let next = 0;
    return run(...others.map((other, i) => (isTensor[i] ? tensors[next++] : other)));
  };
}

function describe(tensor: Tensor): string {
  return `${tensor.dtype} [${tensor.shape.join(", ")}] on ${tensor.device}`;
}

type ReentrantContext = FunctionContext<{
  run: (...inputs: unknown[]) => unknown;
  inputs: readonly unknown[];
  state: AutocastState[];
  hasRngState: boolean;
}>;

class Reentrant extends AutogradFunction {
  static override forward(
    ctx: ReentrantContext,
    run: ReentrantContext["run"],
    preserveRngState: boolean,
    ...inputs: unknown[]
  ): any {
    const tensors = inputs.filter((input) => input instanceof Tensor);
    ctx.run = run;
    ctx.inputs = inputs.map((input) => (input instanceof Tensor ? Tensor : input));
    ctx.state = autocastStates();
    ctx.hasRngState = preserveRngState;
    ctx.saveForBackward(...(preserveRngState ? [getRngState()] : []), ...tensors);
    return scope(() => run(...inputs));
  }

  static override backward(ctx: ReentrantContext, ...gradients: Tensor[]): (Tensor | null)[] {
    if (!native.reachesEveryLeaf()) {
      throw new UsageError(
        "checkpoint: with useReentrant, only backward() without inputs can differentiate it. Leave useReentrant out.",
      );
    }
    const saved = ctx.savedTensors;
    const rngState = ctx.hasRngState ? saved.shift() : undefined;
    const needs = ctx.needsInputGrad.slice(2);
    const inputs = ctx.inputs.map((input, i) =>
      input === Tensor ? withGrad(saved.shift()!.detach(), needs[i]) : input,
    );
    const returned = withRngState(rngState, () =>
      enableGrad(() => withAutocast(ctx.state, () => ctx.run(...inputs))),
    );
    const outputs = Array.isArray(returned) ? (returned as unknown[]) : [returned];
    const used = outputs.flatMap((output, i) =>
      output instanceof Tensor && output.requiresGrad ? [[output, gradients[i]!] as const] : [],
    );
    if (used.length === 0) {
      throw new UsageError(
        "checkpoint: no output of the function needs a gradient, so it need not be checkpointed.",
      );
    }
    backward(
      used.map(([output]) => output),
      used.map(([, gradient]) => gradient),
    );
    return [null, null, ...inputs.map((input, i) => (needs[i] ? (input as Tensor).grad : null))];
  }
}

function reentrant(
  run: (...inputs: unknown[]) => unknown,
  inputs: readonly unknown[],
  { preserveRngState = true }: CheckpointOptions,
): unknown {
  if (!inputs.some((input) => input instanceof Tensor && input.requiresGrad)) {
    throw new UsageError(
      "checkpoint: with useReentrant, some input must need a gradient, else the weights get none. Leave useReentrant out.",
    );
  }
  return Reentrant.apply(run, preserveRngState, ...inputs);
}

interface AutocastState {
  device: string;
  enabled: boolean;
  dtype: number;
}

function autocastStates(): AutocastState[] {
  return ["cpu", ...(backends.cudaAvailable() ? ["cuda"] : [])].map((device) => {
    const [enabled, dtype] = native.autocastState(device);
    return { device, enabled, dtype };
  });
}

function withAutocast<T>(states: readonly AutocastState[], run: () => T): T {
  const [state, ...others] = states;
  if (state === undefined) return run();
  const [enabled, dtype] = native.autocastState(state.device);
  native.enterAutocast(state.device, state.enabled, state.dtype);
  try {
    return withAutocast(others, run);
  } finally {
    native.leaveAutocast(state.device, enabled, dtype);
  }
}

function withRngState<T>(state: Tensor | undefined, run: () => T): T {
  if (state === undefined) return run();
  const before = getRngState();
  setRngState(state);
  try {
    return run();
  } finally {
    setRngState(before);
  }
}

function isOptions(value: unknown): value is CheckpointOptions {
  if (typeof value !== "object" || value === null || Object.getPrototypeOf(value) !== Object.prototype)
    return false;
  const names = Object.keys(value);
  return names.length > 0 && names.every((name) => optionNames.has(name));
}
