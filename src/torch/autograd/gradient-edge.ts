// Places in a graph that gradients pass through, and versions of tensors.
import { UsageError } from "../../base/index.ts";
import { native } from "../native.ts";
import type { NodeRef } from "../native.ts";
import { Tensor } from "../tensor.ts";
import { nodeOf, referenceOf } from "./hooks.ts";
import type { GraphNode } from "./hooks.ts";

/** Names one output of a node; stands for its tensor in `backward` and `grad`, and keeps the graph but not the tensor. */
export class GradientEdge {
  /** The node; of a leaf, the one that accumulates its gradient. */
  readonly node: GraphNode;
  /** Which output of the node. */
  readonly outputNr: number;

  constructor(node: GraphNode, outputNr: number) {
    this.node = node;
    this.outputNr = outputNr;
  }
}

/**
 * Returns the edge through which the gradient of a tensor passes. The tensor must require a gradient.
 *
 * @example
 * const x = torch.ones([2], { requiresGrad: true });
 * const y = x.mul(3);
 * const edge = torch.autograd.graph.getGradientEdge(y);
 * torch.autograd.grad(y.pow(2).sum(), edge)[0]?.tolist(); // => [6, 6]
 */
export function getGradientEdge(tensor: Tensor): GradientEdge {
  if (!tensor.requiresGrad) {
    throw new UsageError(
      "getGradientEdge: the tensor must require a gradient, got one that does not. Call requiresGrad_() on what it is made of.",
    );
  }
  const [node, outputNr] = native.gradientEdge(tensor.handle);
  return new GradientEdge(nodeOf(node)!, outputNr);
}

/** Spells a tensor or an edge as the addon reads it. */
export function placeInGraph(value: Tensor | GradientEdge): number | [NodeRef, number] {
  return value instanceof GradientEdge ? [referenceOf(value.node), value.outputNr] : value.handle;
}

/**
 * Marks tensors as changed in place, for changes that libtorch has not seen: where backward needs the old values, it
 * then refuses. Tensors of inference mode have no version and are left alone.
 *
 * @example
 * const x = torch.ones([2], { requiresGrad: true });
 * const y = x.exp();
 * torch.autograd.graph.incrementVersion(y);
 * y.sum().backward(); // throws: modified by an inplace operation
 */
export function incrementVersion(tensors: Tensor | Iterable<Tensor>): void {
  native.incrementVersion([...(tensors instanceof Tensor ? [tensors] : tensors)].map(({ handle }) => handle));
}
