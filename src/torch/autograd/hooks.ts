// Functions of the user that are called with gradients as they pass: on tensors and on nodes of the graph.
import { UsageError } from "../../base/index.ts";
import { wrap, wrapOrNull } from "../binding.ts";
import { native } from "../native.ts";
import type { HookRef, NodeRef } from "../native.ts";
import type { Tensor } from "../tensor.ts";

/** Is called with the gradient of a tensor; a tensor that it returns takes the gradient's place. */
export type TensorHook = (gradient: Tensor) => Tensor | null | undefined | void;
/** Is called with a leaf whose `.grad` has just been accumulated. */
export type AccumulatedHook = (tensor: Tensor) => void;
type Gradients = (Tensor | null)[];
/** Is called with the gradients that enter a node; those that it returns take their place. */
export type NodePreHook = (gradOutputs: Gradients) => Gradients | null | undefined | void;
/** Is called with the gradients that leave a node and those that entered it. */
export type NodeHook = (gradInputs: Gradients, gradOutputs: Gradients) => Gradients | null | undefined | void;

/** Takes a hook off again; with `using`, at the end of the block. */
export class RemovableHandle {
  readonly #hook: HookRef;

  constructor(hook: HookRef) {
    this.#hook = hook;
  }

  /** Takes the hook off; again is harmless, also from inside the hook. */
  remove(): void {
    native.removeHook(this.#hook);
  }

  [Symbol.dispose](): void {
    this.remove();
  }
}

/** Returns what the addon knows a node by. */
export let referenceOf: (node: GraphNode) => NodeRef;

/**
 * Is a node of the graph: the operator whose backward it runs.
 *
 * @example
 * const x = torch.ones([1], { requiresGrad: true });
 * const node = x.exp().neg().gradFn;
 * [node?.name, node?.nextFunctions[0]?.[0]?.name]; // => ["NegBackward0", "ExpBackward0"]
 */
export class GraphNode {
  readonly #node: NodeRef;

  static {
    referenceOf = (node) => node.#node;
  }

  /** Made by `x.gradFn` alone. */
  constructor(node: NodeRef) {
    this.#node = node;
  }

  /** PyTorch's name of the node, `MulBackward0`. */
  get name(): string {
    return native.nodeName(this.#node);
  }

  /** Where its gradients go: the next node and the number of its input, per input of the operator. */
  get nextFunctions(): [GraphNode | null, number][] {
    const flat = native.nextNodes(this.#node);
    return Array.from({ length: flat.length / 2 }, (_, i) => [
      nodeOf(flat[2 * i] as NodeRef | undefined),
      flat[2 * i + 1] as number,
    ]);
  }

  /** What the custom function saved that made this node; an error for other nodes. */
  get savedTensors(): (Tensor | null)[] {
    return native.nodeSavedTensors(this.#node).map(wrapOrNull);
  }

  /** Calls `hook` with the gradients that leave the node and those that entered it, each time that it has run. */
  registerHook(hook: NodeHook): RemovableHandle {
    return new RemovableHandle(
      native.registerNodePostHook(this.#node, (gradients, incoming) =>
        handlesOf(hook(gradients.map(wrapOrNull), incoming.map(wrapOrNull)), "GraphNode.registerHook"),
      ),
    );
  }

  /** Calls `hook` with the gradients that enter the node, each time before it runs. */
  registerPrehook(hook: NodePreHook): RemovableHandle {
    return new RemovableHandle(
      native.registerNodePreHook(this.#node, (gradients) =>
        handlesOf(hook(gradients.map(wrapOrNull)), "GraphNode.registerPrehook"),
      ),
    );
  }
}

// one object for each node that lives, so that nodes can be told apart with ===
const nodes = new Map<number, WeakRef<GraphNode>>();
const collected = new FinalizationRegistry<number>((address) => {
  if (nodes.get(address)?.deref() === undefined) nodes.delete(address);
});

/** Makes the node of a reference, the same object each time. */
export function nodeOf(reference: NodeRef | undefined): GraphNode | null {
  if (reference === undefined) return null;
  const address = native.nodeAddress(reference);
  const known = nodes.get(address)?.deref();
  if (known !== undefined) return known;
  const node = new GraphNode(reference);
  nodes.set(address, new WeakRef(node));
  collected.register(node, address);
  return node;
}

/** Calls `hook` with each gradient of a tensor; what it returns takes the gradient's place. */
export function registerTensorHook(tensor: Tensor, hook: TensorHook): RemovableHandle {
  return new RemovableHandle(
    native.registerHook(tensor.handle, (gradient) => {
      const result = hook(wrap(gradient));
      return result === null || result === undefined ? undefined : handleOf(result, "registerHook");
    }),
  );
}

/** Calls `hook` after a gradient has been added to a leaf. */
export function registerAccumulatedHook(tensor: Tensor, hook: AccumulatedHook): RemovableHandle {
  // held weakly: the hook lives as long as the tensor, so holding it would keep both for ever
  const owner = new WeakRef(tensor);
  return new RemovableHandle(
    native.registerPostAccumulateGradHook(tensor.handle, (handle) => {
      const same = owner.deref();
      hook(same === undefined || same.isDisposed ? wrap(handle) : same);
    }),
  );
}

function handlesOf(result: Gradients | null | undefined | void, where: string): number[] | undefined {
  if (result === null || result === undefined) return undefined;
  return result.map((gradient) => (gradient === null ? 0 : handleOf(gradient, where)));
}

function handleOf(result: Tensor, where: string): number {
  if (typeof result.handle === "number") return result.handle;
  throw new UsageError(`${where}: the hook must return a Tensor or nothing, got ${typeof result}.`);
}
