// How tensors that the graph saves for backward are kept meanwhile.
import { UsageError } from "../../base/index.ts";
import { wrap } from "../binding.ts";
import { native } from "../native.ts";
import { scope } from "../scope.ts";
import { Tensor } from "../tensor.ts";
import type { Device } from "../dtype.ts";

// how many hooks are set, and why more may not be
let depth = 0;
let refusal: string | undefined;

/**
 * Packs every tensor that the graph saves while `run` runs, and unpacks it when backward needs it. What `pack`
 * returns may hold tensors directly, in arrays and in plain objects; they die with the graph. Other tensors made in
 * `pack` and `unpack` are freed when these return.
 *
 * @example
 * const x = torch.ones([4], { requiresGrad: true });
 * const y = torch.autograd.savedTensorsHooks(
 *   (saved) => saved.to("bfloat16"), // half the memory
 *   (packed) => packed.to("float32"),
 *   () => x.exp(),
 * );
 * y.sum().backward();
 */
export function savedTensorsHooks<Packed, T>(
  pack: (tensor: Tensor) => Packed,
  unpack: (packed: Packed) => Tensor,
  run: () => T,
): T {
  if (refusal !== undefined) throw new UsageError(`savedTensorsHooks: ${refusal}`);
  native.pushSavedHooks(
    (handle) =>
      scope(() => {
        const tensors: Tensor[] = [];
        const template = takeOut(pack(wrap(handle)), tensors);
        native.deliver(tensors.map((tensor) => tensor.handle));
        return [template];
      }),
    ([template], handles) =>
      scope(() => {
        const tensor: unknown = unpack(putIn(template, handles.map(wrap)) as Packed);
        if (!(tensor instanceof Tensor)) {
          throw new UsageError(`savedTensorsHooks: unpack must return a Tensor, got ${typeof tensor}.`);
        }
        native.deliver([tensor.handle]);
      }),
  );
  depth++;
  try {
    return run();
  } finally {
    depth--;
    native.popSavedHooks();
  }
}

/**
 * Refuses `savedTensorsHooks` (and what stands on it: `saveOnCpu`, `checkpoint`) with `message` while `run` runs. Where
 * such hooks are set already, it throws `message` itself.
 *
 * @example
 * torch.autograd.graph.disableSavedTensorsHooks("Not in this model.", () => {
 *   torch.autograd.saveOnCpu(() => torch.ones([1])); // throws: Not in this model.
 * });
 */
export function disableSavedTensorsHooks<T>(message: string, run: () => T): T {
  if (depth > 0) throw new UsageError(`disableSavedTensorsHooks: ${message}`);
  const before = refusal;
  refusal = message;
  try {
    return run();
  } finally {
    refusal = before;
  }
}

/**
 * Lets tensors that the graph has saved be changed in place while `run` runs: their old values are copied before the
 * first change, and backward uses these. Forward and backward must both be inside; it cannot be nested.
 *
 * @example
 * torch.autograd.graph.allowMutationOnSavedTensors(() => {
 *   const x = torch.tensor([3], { requiresGrad: true });
 *   const y = x.clone();
 *   const z = y.pow(2);
 *   y.zero_();
 *   z.backward();
 *   return x.grad?.tolist();
 * }); // => [6]
 */
export function allowMutationOnSavedTensors<T>(run: () => T): T {
  if (refusal !== undefined) throw new UsageError(`allowMutationOnSavedTensors: ${refusal}`);
  const region = native.allowMutation();
  depth++;
  try {
    return run();
  } finally {
    depth--;
    native.endMutation(region);
  }
}

/**
 * Keeps the tensors that the graph saves while `run` runs in the CPU's memory, and moves them back for backward.
 *
 * @example
 * const x = torch.ones([4], { requiresGrad: true });
 * torch.autograd.saveOnCpu(() => x.exp()).sum().backward();
 */
export function saveOnCpu<T>(run: () => T): T {
  return savedTensorsHooks(
    (tensor): [Device, Tensor] => [tensor.device, tensor.cpu()],
    ([device, tensor]) => tensor.to(device),
    run,
  );
}

/** Stands for a tensor that the addon holds. */
class Held {
  readonly index: number;

  constructor(index: number) {
    this.index = index;
  }
}

/** Copies a value with its tensors moved to `tensors`. */
function takeOut(value: unknown, tensors: Tensor[]): unknown {
  return replace(value, (item) => (item instanceof Tensor ? new Held(tensors.push(item) - 1) : undefined));
}

function putIn(value: unknown, tensors: readonly Tensor[]): unknown {
  return replace(value, (item) => (item instanceof Held ? tensors[item.index] : undefined));
}

function replace(value: unknown, by: (item: object) => unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  const replaced = by(value);
  if (replaced !== undefined) return replaced;
  if (Array.isArray(value)) return value.map((item: unknown) => replace(item, by));
  if (Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, replace(item, by)]));
}
