// Hooks that see the gradients of a module's inputs and outputs. Two identity functions in the graph, one before and
// one after the forward, call them; PyTorch's torch/utils/hooks.py does the same.
import { UsageError } from "../../base/index.ts";
import { AutogradFunction } from "../autograd/function.ts";
import type { FunctionContext } from "../autograd/function.ts";
import { isGradEnabled } from "../grad-mode.ts";
import { dispose, keep } from "../scope.ts";
import { Tensor } from "../tensor.ts";
import type { HookList } from "./hooks.ts";
import type { Module } from "./module.ts";

/** Gradients in the order of the inputs or outputs; null for what is no tensor or has none. */
export type Gradients = (Tensor | null)[];

/** Sees the gradients of inputs and outputs once those of the inputs are known; returning some replaces the inputs'. */
export type FullBackwardHook = (
  module: Module,
  gradInputs: Gradients,
  gradOutputs: Gradients,
) => Tensor | Gradients | undefined | void;

/** Sees the gradients of the outputs before the module's backward; returning some replaces them. */
export type FullBackwardPreHook = (
  module: Module,
  gradOutputs: Gradients,
) => Tensor | Gradients | undefined | void;

type OnGradients = (gradients: Gradients) => Gradients;

class Watch extends AutogradFunction {
  static override forward(
    ctx: FunctionContext<{ on: OnGradients }>,
    on: OnGradients,
    ...tensors: Tensor[]
  ): Tensor[] {
    ctx.setMaterializeGrads(false);
    ctx.on = on;
    return tensors.map((tensor) => tensor.viewAs(tensor));
  }

  static override backward(ctx: FunctionContext<{ on: OnGradients }>, ...gradients: Gradients): Gradients {
    return [null, ...ctx.on(gradients)];
  }
}

/** Calls `forward` with inputs and outputs that report their gradients to the hooks. */
export function watchGradients(
  module: Module,
  hooks: HookList<FullBackwardHook>,
  preHooks: HookList<FullBackwardPreHook>,
  inputs: unknown[],
  forward: (inputs: unknown[]) => unknown,
): unknown {
  if (!isGradEnabled()) return forward(inputs);
  let gradOutputs: Gradients = [];
  const callHooks = (given: Gradients): Gradients => {
    let gradInputs = given;
    for (const hook of hooks) gradInputs = replaced(hook(module, gradInputs, gradOutputs), gradInputs);
    dispose(gradOutputs);
    gradOutputs = [];
    return gradInputs;
  };

  const learns = inputs.some((input) => input instanceof Tensor && input.requiresGrad);
  const output = forward(learns ? watch(inputs, callHooks) : inputs);
  const outputs = Array.isArray(output) ? (output as unknown[]) : [output];
  const watched = watch(outputs, (given) => {
    let gradients = given;
    for (const hook of preHooks) gradients = replaced(hook(module, gradients), gradients);
    // kept until the inputs' gradients come: tensors of a backward die with its step
    gradOutputs = gradients.map((gradient) => gradient && keep(gradient.detach()));
    if (!learns) callHooks(inputs.map(() => null));
    return gradients;
  });
  return Array.isArray(output) ? watched : watched[0];
}

/** Puts a node in front of the tensors that need a gradient; the others are passed on. */
function watch(values: unknown[], on: OnGradients): unknown[] {
  const places = values.flatMap((value, i) => (value instanceof Tensor && value.requiresGrad ? [i] : []));
  if (places.length === 0) return values;
  const tensors = places.map((i) => values[i] as Tensor);
  const watched = Watch.apply(
    (gradients: Gradients) => {
      const all: Gradients = values.map(() => null);
      for (const [k, i] of places.entries()) all[i] = gradients[k]!;
      const changed = on(all);
      return places.map((i) => changed[i]!);
    },
    ...tensors,
  );
  const result = [...values];
  for (const [k, i] of places.entries()) result[i] = watched[k];
  return result;
}

function replaced(returned: ReturnType<FullBackwardHook>, gradients: Gradients): Gradients {
  if (returned === undefined) return gradients;
  const list = Array.isArray(returned) ? returned : [returned];
  if (list.length !== gradients.length) {
    throw new UsageError(
      `A backward hook must return ${gradients.length} gradients, got ${list.length}. Return nothing to leave them.`,
    );
  }
  return list;
}
