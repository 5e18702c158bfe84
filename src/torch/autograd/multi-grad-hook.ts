// One hook for the gradients of several tensors; after register_multi_grad_hook of torch/autograd/graph.py.
import { UsageError } from "../../base/index.ts";
import { native } from "../native.ts";
import type { Tensor } from "../tensor.ts";
import { afterGraph } from "./backward.ts";
import { getGradientEdge } from "./gradient-edge.ts";
import { referenceOf, registerTensorHook } from "./hooks.ts";
import type { RemovableHandle } from "./hooks.ts";

/** Is called once in a pass, with the gradients of all tensors; null for those that the pass does not reach. */
export type AllGradientsHook = (gradients: (Tensor | null)[]) => void;
/** Is called once in a pass, with the first gradient that is computed. */
export type AnyGradientHook = (gradient: Tensor) => void;

/** Takes several hooks off together; with `using`, at the end of the block. */
export class MultiHandle {
  readonly #handles: readonly RemovableHandle[];

  constructor(handles: readonly RemovableHandle[]) {
    this.#handles = handles;
  }

  /** Takes the hooks off; again is harmless. */
  remove(): void {
    for (const handle of this.#handles) handle.remove();
  }

  [Symbol.dispose](): void {
    this.remove();
  }
}

/**
 * Calls `hook` once in each pass: with mode "all" after the gradients of all `tensors` that the pass reaches are there,
 * with "any" after the first. All must require a gradient; with "any" those that do not are left out. The hook may not
 * change the gradients. With "all", `autograd.grad` by a leaf among the tensors is refused, as in PyTorch.
 *
 * @example
 * const a = torch.ones([2], { requiresGrad: true });
 * const b = torch.ones([2], { requiresGrad: true });
 * const [c, d] = [a.mul(b), a.mul(b)];
 * const reached: boolean[] = [];
 * torch.autograd.graph.registerMultiGradHook([a, b, c, d], (gradients) => {
 *   reached.push(...gradients.map((gradient) => gradient !== null));
 * });
 * c.sum().backward();
 * reached; // => [true, true, true, false]
 */
export function registerMultiGradHook(
  tensors: readonly Tensor[],
  hook: AllGradientsHook,
  options?: { mode?: "all" },
): MultiHandle;
export function registerMultiGradHook(
  tensors: readonly Tensor[],
  hook: AnyGradientHook,
  options: { mode: "any" },
): MultiHandle;
export function registerMultiGradHook(
  tensors: readonly Tensor[],
  hook: AllGradientsHook | AnyGradientHook,
  { mode = "all" }: { mode?: "all" | "any" } = {},
): MultiHandle {
  if (mode === "all") return hookAll(tensors, hook as AllGradientsHook);
  if (mode === "any") return hookAny(tensors, hook as AnyGradientHook);
  throw new UsageError(`registerMultiGradHook: mode must be "all" or "any", got ${JSON.stringify(mode)}.`);
}

interface Pass {
  /** How many of the tensors' nodes the pass runs. */
  expected: number;
  count: number;
  gradients: (Tensor | null)[];
}

function hookAll(tensors: readonly Tensor[], hook: AllGradientsHook): MultiHandle {
  const nodes = tensors.map((tensor) => referenceOf(getGradientEdge(tensor).node));
  const passes = new Map<number, Pass>();
  const begin = (task: number): Pass => {
    const expected = nodes.filter((node) => native.willExecute(node)).length;
    const pass = { expected, count: 0, gradients: tensors.map(() => null) };
    passes.set(task, pass);
    afterGraph(() => passes.delete(task)); // also where the pass ends by an error
    return pass;
  };
  const handles = tensors.map((tensor, i) =>
    registerTensorHook(tensor, (gradient) => {
      const task = native.graphTask();
      const pass = passes.get(task) ?? begin(task);
      pass.gradients[i] = gradient;
      if (++pass.count === pass.expected) {
        passes.delete(task);
        hook(pass.gradients);
      }
    }),
  );
  return new MultiHandle(handles);
}

function hookAny(tensors: readonly Tensor[], hook: AnyGradientHook): MultiHandle {
  const ran = new Set<number>();
  const handles = tensors
    .filter((tensor) => tensor.requiresGrad)
    .map((tensor) =>
      registerTensorHook(tensor, (gradient) => {
        const task = native.graphTask();
        if (ran.has(task)) return;
        ran.add(task);
        afterGraph(() => ran.delete(task));
        hook(gradient);
      }),
    );
  return new MultiHandle(handles);
}
