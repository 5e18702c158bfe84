// Modules as functions of their weights; after torch/_functorch/functional_call.py and torch/nn/utils/stateless.py.
import { UsageError, suggestion } from "../../base/index.ts";
import type { Module } from "../nn/index.ts";
import { withGrad } from "../binding.ts";
import { stack } from "../ops.generated.ts";
import type { Tensor } from "../tensor.ts";
import { synchronous } from "./level.ts";

/** Options of `functionalCall`. */
export interface FunctionalCallOptions {
  /** Gives a weight that the module holds under several names one value under all of them. @default true */
  tieWeights?: boolean;
  /** Refuses unless every weight and buffer is given. @default false */
  strict?: boolean;
}

type State = ReadonlyMap<string, Tensor> | Readonly<Record<string, Tensor>>;

/**
 * Calls a module with other weights and buffers, by dotted name, in the places of its own; those stay as they are.
 *
 * @example
 * const layer = new torch.nn.Linear(2, 1, { bias: false });
 * const y = torch.func.functionalCall(layer, { weight: torch.ones([1, 2]) }, [torch.tensor([3, 4])]);
 * y.tolist(); // => [7]
 */
export function functionalCall<Args extends unknown[], Output>(
  module: Module & { forward: (...args: Args) => Output },
  state: State,
  args: NoInfer<Args>,
  { tieWeights = true, strict = false }: FunctionalCallOptions = {},
): Output {
  const given = new Map(state instanceof Map ? state : Object.entries(state)) as Map<string, Tensor>;
  const places = placesOf(module);
  for (const name of given.keys()) {
    if (!places.has(name)) {
      throw new UsageError(
        `functionalCall: ${module.constructor.name} has no weight or buffer "${name}". ${suggestion(name, places.keys())}`,
      );
    }
  }
  const byTensor = new Map(Array.from(given, ([name, tensor]) => [places.get(name)!, tensor]));
  const missing: string[] = [];
  const swaps = [...places].flatMap(([name, current]) => {
    const tensor = given.get(name) ?? (tieWeights ? byTensor.get(current) : undefined);
    if (tensor === undefined) missing.push(name);
    return tensor === undefined ? [] : [{ ...ownerOf(module, name), current, tensor }];
  });
  if (strict && missing.length > 0) {
    throw new UsageError(
      `functionalCall: with strict every weight and buffer must be given, got none for ${missing.join(", ")}.`,
    );
  }
  try {
    for (const { owner, field, tensor } of swaps) owner[field] = tensor;
    return synchronous("functionalCall", module.forward(...args));
  } finally {
    for (const { owner, field, current } of swaps) owner[field] = current;
  }
}

/**
 * Stacks the weights and the buffers of models of one class, by name, for `vmap` over an ensemble.
 *
 * Shapes: weights `[...]` of n models -> `[n, ...]`.
 *
 * @example
 * const models = [new torch.nn.Linear(3, 2), new torch.nn.Linear(3, 2)];
 * const [weights] = torch.func.stackModuleState(models);
 * weights.get("weight")?.shape; // => [2, 2, 3]
 */
export function stackModuleState(
  models: readonly Module[],
): [parameters: Map<string, Tensor>, buffers: Map<string, Tensor>] {
  const [first] = models;
  if (first === undefined)
    throw new UsageError("stackModuleState: there must be at least one model, got none.");
  for (const model of models) {
    if (model.training !== first.training) {
      throw new UsageError(
        "stackModuleState: all models must be in one mode, got some in training and some not. Call train() or eval() on all.",
      );
    }
    if (model.constructor !== first.constructor) {
      throw new UsageError(
        `stackModuleState: all models must be of one class, got ${first.constructor.name} and ${model.constructor.name}.`,
      );
    }
  }
  return [
    stacked(models.map((model) => new Map<string, Tensor>(model.namedParameters()))),
    stacked(models.map((model) => new Map(model.namedBuffers()))),
  ];
}

function stacked(states: readonly Map<string, Tensor>[]): Map<string, Tensor> {
  return new Map(
    Array.from(states[0]!, ([name, first]) => {
      const all = stack(states.map((state) => state.get(name)!)).detach();
      return [name, withGrad(all, first.requiresGrad)];
    }),
  );
}

/** Every weight and buffer by its dotted name, shared ones under each of theirs. */
function placesOf(module: Module): Map<string, Tensor> {
  return new Map<string, Tensor>([
    ...module.namedParameters({ removeDuplicate: false }),
    ...module.namedBuffers({ removeDuplicate: false }),
  ]);
}

function ownerOf(module: Module, name: string): { owner: Record<string, unknown>; field: string } {
  const dot = name.lastIndexOf(".");
  const owner = module.getSubmodule(name.slice(0, Math.max(0, dot)));
  return { owner: owner as unknown as Record<string, unknown>, field: name.slice(dot + 1) };
}
