// Gradients of a graph: into the leaves, or returned.
import { UsageError } from "../../base/index.ts";
import { wrap, wrapOrNull } from "../binding.ts";
import { native } from "../native.ts";
import { zerosLike } from "../ops.generated.ts";
import type { Tensor } from "../tensor.ts";
import { GradientEdge, placeInGraph } from "./gradient-edge.ts";

type OneOrMore<T> = T | readonly T[];
/** A tensor, or the edge of the graph that its gradient passes through. */
type Place = Tensor | GradientEdge;

/** Options of `backward`. */
export interface BackwardOptions {
  /** Keeps the graph for another pass. @default createGraph */
  retainGraph?: boolean;
  /** Records the gradients' own graph, for higher derivatives. @default false */
  createGraph?: boolean;
  /** Accumulates into these alone; by default into every leaf. */
  inputs?: OneOrMore<Place>;
}

/** Options of `grad`. */
export interface GradOptions {
  /** Gradients of the outputs; needed where an output is not a scalar. */
  gradOutputs?: OneOrMore<Tensor | null>;
  /** Keeps the graph for another pass. @default createGraph */
  retainGraph?: boolean;
  /** Records the gradients' own graph, for higher derivatives. @default false */
  createGraph?: boolean;
  /** Gives null for an input that the outputs do not depend on, instead of an error. @default materializeGrads */
  allowUnused?: boolean;
  /** Gives zeros instead of null for an input that the outputs do not depend on. @default false */
  materializeGrads?: boolean;
}

const afterwards: (() => void)[] = [];
let depth = 0;

/**
 * Accumulates the gradients of the sum of `tensors` into the leaves. Tensors may be given by their edges.
 *
 * @example
 * const x = torch.ones([2], { requiresGrad: true });
 * torch.autograd.backward([x.mul(2), x.mul(3)], [torch.ones([2]), torch.ones([2])]);
 * x.grad?.tolist(); // => [5, 5]
 */
export function backward(
  tensors: OneOrMore<Place>,
  gradTensors?: OneOrMore<Tensor | null>,
  { createGraph = false, retainGraph = createGraph, inputs }: BackwardOptions = {},
): void {
  const leaves = inputs === undefined ? [] : list(inputs);
  if (inputs !== undefined && leaves.length === 0) {
    throw new UsageError("backward: inputs must not be empty. Leave the option out to reach every leaf.");
  }
  const gradients = gradTensors === undefined ? [] : list(gradTensors).map(handleOrZero);
  const roots = list(tensors);
  runGraph(() => {
    if (areTensors(roots) && areTensors(leaves)) {
      native.backward(roots.map(handle), gradients, retainGraph, createGraph, leaves.map(handle));
    } else {
      const places = [roots.map(placeInGraph), leaves.map(placeInGraph)] as const;
      native.runEdges(places[0], gradients, places[1], retainGraph, createGraph, true);
    }
  });
}

/**
 * Returns the gradients of the sum of `outputs` with respect to `inputs`, leaving `.grad` alone. Both may be given by
 * their edges.
 *
 * @example
 * const x = torch.tensor([3], { requiresGrad: true });
 * const [dx] = torch.autograd.grad(x.pow(2).sum(), x);
 * dx?.tolist(); // => [6]
 */
export function grad(
  outputs: OneOrMore<Place>,
  inputs: OneOrMore<Place>,
  options?: GradOptions & ({ allowUnused?: false } | { materializeGrads: true }),
): Tensor[];
export function grad(
  outputs: OneOrMore<Place>,
  inputs: OneOrMore<Place>,
  options: GradOptions,
): (Tensor | null)[];
export function grad(
  outputs: OneOrMore<Place>,
  inputs: OneOrMore<Place>,
  {
    gradOutputs = [],
    createGraph = false,
    retainGraph = createGraph,
    materializeGrads = false,
    allowUnused = materializeGrads,
  }: GradOptions = {},
): (Tensor | null)[] {
  if (materializeGrads && !allowUnused) {
    throw new UsageError(
      "grad: allowUnused must be true or left out when materializeGrads is true, got false.",
    );
  }
  const [roots, wanted, seeds] = [list(outputs), list(inputs), list(gradOutputs).map(handleOrZero)];
  const edge = wanted.findIndex((input) => input instanceof GradientEdge);
  if (materializeGrads && edge >= 0) {
    throw new UsageError(
      `grad: materializeGrads needs inputs that are tensors, got a GradientEdge at ${edge}. Use allowUnused.`,
    );
  }
  const handles = runGraph(() => {
    if (areTensors(roots) && areTensors(wanted)) {
      return native.gradOf(
        roots.map(handle),
        wanted.map(handle),
        seeds,
        retainGraph,
        createGraph,
        allowUnused,
      );
    }
    const places = [roots.map(placeInGraph), wanted.map(placeInGraph)] as const;
    const found = native.runEdges(places[0], seeds, places[1], retainGraph, createGraph, false);
    const unused = allowUnused ? -1 : found.indexOf(0);
    if (unused < 0) return found;
    throw new UsageError(
      `grad: the outputs do not depend on input ${unused}. Set allowUnused to get null for it.`,
    );
  });
  if (!allowUnused) return handles.map(wrap);
  const gradients = handles.map(wrapOrNull);
  if (!materializeGrads) return gradients;
  return gradients.map((gradient, i) => gradient ?? zerosLike(wanted[i] as Tensor));
}

/** Runs a pass, and then what `afterGraph` was given inside. */
function runGraph<T>(run: () => T): T {
  depth++;
  try {
    return run();
  } finally {
    depth--;
    if (depth === 0) for (const clean of afterwards.splice(0)) clean();
  }
}

/** Calls `clean` when the outermost pass that runs now has ended, also by an error. */
export function afterGraph(clean: () => void): void {
  if (depth > 0) afterwards.push(clean);
  else clean();
}

function list<T>(value: OneOrMore<T>): readonly T[] {
  return Array.isArray(value) ? (value as readonly T[]) : [value as T];
}

function areTensors(places: readonly Place[]): places is readonly Tensor[] {
  return places.every((place) => !(place instanceof GradientEdge));
}

function handle(tensor: Tensor): number {
  return tensor.handle;
}

function handleOrZero(tensor: Tensor | null): number {
  return tensor?.handle ?? 0;
}
