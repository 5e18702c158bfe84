// Jacobians, Hessians and products with them, of functions of tensors; after torch/autograd/functional.py.
import { UsageError } from "../../base/index.ts";
import { enableGrad } from "../grad-mode.ts";
import { onesLike, stack, zeros, zerosLike } from "../ops.generated.ts";
import { Tensor } from "../tensor.ts";
import { grad } from "./backward.ts";

/** A tensor or several; what is given as one comes back as one. */
export type Tensors = Tensor | readonly Tensor[];
type Same<T extends Tensors> = T extends Tensor ? Tensor : Tensor[];
/** For each output its Jacobian with respect to each input; outputs and inputs given as one tensor have no level. */
export type Jacobian<I extends Tensors, O extends Tensors> = O extends Tensor ? Same<I> : Same<I>[];
type HessianOf<I extends Tensors> = I extends Tensor ? Tensor : Tensor[][];
/** Takes the inputs as separate arguments. */
type Function<O extends Tensors> = (...inputs: Tensor[]) => O;

/** Options that all functions here share. */
export interface FunctionalOptions {
  /** Records the result's own graph, so that it can be differentiated. @default false */
  createGraph?: boolean;
  /** Throws where an output does not depend on an input, instead of giving zeros. @default false */
  strict?: boolean;
}

/**
 * Returns the outputs and the product of a vector with the Jacobian, `v^T J`; `v` has the outputs' shapes, and may be
 * left out for a single number.
 *
 * Shapes: `outputs` as `run` gives them, product as `inputs`.
 *
 * @example
 * const [, product] = torch.autograd.functional.vjp((x) => x.pow(2), torch.tensor([3, 4]), torch.tensor([1, 10]));
 * product.tolist(); // => [6, 80]
 */
export function vjp<I extends Tensors, O extends Tensors>(
  run: Function<O>,
  inputs: I,
  v?: Tensors,
  { createGraph = false, strict = false }: FunctionalOptions = {},
): [outputs: Same<O>, product: Same<I>] {
  return enableGrad(() => {
    const xs = prepare(inputs, createGraph);
    const returned = run(...xs);
    const ys = outputsOf(returned, "vjp");
    checkRequiresGrad(ys, "outputs", strict);
    const vs = vectorFor(v, ys, "v", "vjp");
    const gradients = gradientsOf(ys, xs, vs, { createGraph });
    const product = fill(gradients, xs, { strict, createGraph, stage: "back" });
    return [like(returned, settle(ys, createGraph)), like(inputs, settle(product, createGraph))];
  });
}

/**
 * Returns the outputs and the product of the Jacobian with a vector, `J v`; `v` has the inputs' shapes, and may be
 * left out for a single number. Uses the double-backward trick: `vjp` is cheaper where either would do.
 *
 * Shapes: outputs and product as `run` gives its outputs.
 *
 * @example
 * const [, product] = torch.autograd.functional.jvp((x) => x.pow(2), torch.tensor([3, 4]), torch.tensor([1, 10]));
 * product.tolist(); // => [6, 80]
 */
export function jvp<I extends Tensors, O extends Tensors>(
  run: Function<O>,
  inputs: I,
  v?: Tensors,
  { createGraph = false, strict = false }: FunctionalOptions = {},
): [outputs: Same<O>, product: Same<O>] {
  return enableGrad(() => {
    const xs = prepare(inputs, createGraph);
    const vs = vectorFor(v, xs, "v", "jvp");
    const returned = run(...xs);
    const ys = outputsOf(returned, "jvp");
    checkRequiresGrad(ys, "outputs", strict);
    // the gradient is linear in these, so its own gradient is the product
    const dummies = ys.map((y) => zerosLike(y).requiresGrad_());
    const gradients = fill(gradientsOf(ys, xs, dummies, { createGraph: true }), xs, {
      strict,
      createGraph: true,
      stage: "back",
    });
    checkRequiresGrad(gradients, "gradients", strict);
    const products = gradientsOf(gradients, dummies, vs, { createGraph });
    const product = fill(products, ys, { strict, createGraph, stage: "double_back_trick" });
    return [like(returned, settle(ys, createGraph)), like(returned, settle(product, createGraph))];
  });
}

/**
 * Returns the Jacobian: for each output and input, the derivative of each element by each element.
 *
 * Shapes: output `[...m]`, input `[...n]` -> `[...m, ...n]`.
 *
 * @example
 * torch.autograd.functional.jacobian((x) => x.pow(2), torch.tensor([1, 2])).tolist(); // => [[2, 0], [0, 4]]
 */
export function jacobian<I extends Tensors, O extends Tensors>(
  run: Function<O>,
  inputs: I,
  { createGraph = false, strict = false }: FunctionalOptions = {},
): Jacobian<I, O> {
  return enableGrad(() => {
    const xs = prepare(inputs, createGraph);
    const returned = run(...xs);
    const ys = outputsOf(returned, "jacobian");
    checkRequiresGrad(ys, "outputs", strict);
    const rows = ys.map((y) => {
      const elements = y.reshape([-1]);
      const columns: Tensor[][] = xs.map(() => []);
      for (let j = 0; j < y.numel; j++) {
        const gradients = gradientsOf([elements.select(0, j)], xs, [], { createGraph, retainGraph: true });
        const filled = fill(gradients, xs, { strict, createGraph, stage: "jacobian", element: j });
        for (const [i, gradient] of filled.entries()) columns[i]!.push(gradient);
      }
      return columns.map((column, i) => {
        const shape = [...y.shape, ...xs[i]!.shape];
        return column.length === 0 ? zeros(shape, { dtype: xs[i]!.dtype }) : stack(column).reshape(shape);
      });
    });
    const settled = rows.map((row) => like(inputs, settle(row, createGraph)));
    return (returned instanceof Tensor ? settled[0] : settled) as Jacobian<I, O>;
  });
}

/**
 * Returns the Hessian of a function with one number as output.
 *
 * Shapes: inputs `[...n]` and `[...m]` -> `[...n, ...m]` for each pair.
 *
 * @example
 * torch.autograd.functional.hessian((x) => x.pow(3).sum(), torch.tensor([1, 2])).tolist(); // => [[6, 0], [0, 12]]
 */
export function hessian<I extends Tensors>(
  run: Function<Tensor>,
  inputs: I,
  { createGraph = false, strict = false }: FunctionalOptions = {},
): HessianOf<I> {
  const gradientOf = (...xs: Tensor[]): Tensor[] => {
    const y = scalarOutput(run(...xs), "hessian");
    checkRequiresGrad([y], "outputs", strict);
    const gradients = gradientsOf([y], xs, [], { createGraph: true });
    const filled = fill(gradients, xs, { strict, createGraph: true, stage: "back" });
    checkRequiresGrad(filled, "gradients", strict);
    return filled;
  };
  const rows = jacobian(gradientOf, tensorsOf(inputs), { createGraph, strict });
  return (inputs instanceof Tensor ? rows[0]![0] : rows) as HessianOf<I>;
}

/**
 * Returns the output and the product of a vector with the Hessian, `v^T H`, of a function with one number as output.
 *
 * @example
 * const [, product] = torch.autograd.functional.vhp((x) => x.pow(3).sum(), torch.tensor([1, 2]), torch.tensor([1, 1]));
 * product.tolist(); // => [6, 12]
 */
export function vhp<I extends Tensors>(
  run: Function<Tensor>,
  inputs: I,
  v?: Tensors,
  { createGraph = false, strict = false }: FunctionalOptions = {},
): [output: Tensor, product: Same<I>] {
  return enableGrad(() => {
    const xs = prepare(inputs, createGraph);
    const vs = vectorFor(v, xs, "v", "vhp");
    const y = scalarOutput(run(...xs), "vhp");
    checkRequiresGrad([y], "outputs", strict);
    const first = fill(gradientsOf([y], xs, [], { createGraph: true }), xs, {
      strict,
      createGraph: true,
      stage: "back",
    });
    checkRequiresGrad(first, "gradients", strict);
    const products = gradientsOf(first, xs, vs, { createGraph });
    const product = fill(products, xs, { strict, createGraph, stage: "double_back" });
    return [settle([y], createGraph)[0]!, like(inputs, settle(product, createGraph))];
  });
}

/**
 * Returns the output and the product of the Hessian with a vector, `H v`, by the double-backward trick. The Hessian is
 * symmetric where it is continuous, and then `vhp` gives the same for less.
 *
 * @example
 * const [, product] = torch.autograd.functional.hvp((x) => x.pow(3).sum(), torch.tensor([1, 2]), torch.tensor([1, 1]));
 * product.tolist(); // => [6, 12]
 */
export function hvp<I extends Tensors>(
  run: Function<Tensor>,
  inputs: I,
  v?: Tensors,
  { createGraph = false, strict = false }: FunctionalOptions = {},
): [output: Tensor, product: Same<I>] {
  return enableGrad(() => {
    const xs = prepare(inputs, createGraph);
    const vs = vectorFor(v, xs, "v", "hvp");
    const y = scalarOutput(run(...xs), "hvp");
    checkRequiresGrad([y], "outputs", strict);
    const first = fill(gradientsOf([y], xs, [], { createGraph: true }), xs, {
      strict,
      createGraph: true,
      stage: "back",
    });
    checkRequiresGrad(first, "gradients", strict);
    const dummies = xs.map((x) => zerosLike(x).requiresGrad_());
    const second = fill(gradientsOf(first, xs, dummies, { createGraph: true }), xs, {
      strict,
      createGraph: true,
      stage: "double_back",
    });
    checkRequiresGrad(second, "Hessian", strict);
    const products = gradientsOf(second, dummies, vs, { createGraph });
    const product = fill(products, xs, { strict, createGraph, stage: "double_back_trick" });
    return [settle([y], createGraph)[0]!, like(inputs, settle(product, createGraph))];
  });
}

function tensorsOf(value: Tensors): readonly Tensor[] {
  return value instanceof Tensor ? [value] : value;
}

function like<T extends Tensors>(given: T, tensors: Tensor[]): Same<T> {
  return (given instanceof Tensor ? tensors[0] : tensors) as Same<T>;
}

/** Tensors that stand for the inputs, so that their own graph is reached only where `createGraph` asks for it. */
function prepare(inputs: Tensors, createGraph: boolean): Tensor[] {
  return tensorsOf(inputs).map((input) =>
    createGraph && input.requiresGrad ? input.viewAs(input) : input.detach().requiresGrad_(),
  );
}

function outputsOf(returned: Tensors, where: string): readonly Tensor[] {
  const outputs = tensorsOf(returned);
  if (!Array.isArray(outputs) || !outputs.every((output) => output instanceof Tensor)) {
    throw new UsageError(
      `${where}: the function must return a Tensor or an array of them, got ${typeof returned}.`,
    );
  }
  return outputs as readonly Tensor[];
}

function scalarOutput(output: Tensor, where: string): Tensor {
  if (!(output instanceof Tensor) || output.numel !== 1) {
    const got = output instanceof Tensor ? `shape [${output.shape.join(", ")}]` : typeof output;
    throw new UsageError(`${where}: the function must return a tensor with one element, got ${got}.`);
  }
  return output.reshape([]);
}

function vectorFor(
  v: Tensors | undefined,
  of: readonly Tensor[],
  name: string,
  where: string,
): readonly Tensor[] {
  if (v === undefined) {
    if (of.length === 1 && of[0]!.numel === 1) return [onesLike(of[0]!)];
    throw new UsageError(`${where}: ${name} may be left out only for a single number. Give a vector.`);
  }
  const vectors = tensorsOf(v);
  const shapes = (tensors: readonly Tensor[]) =>
    tensors.map((tensor) => `[${tensor.shape.join(", ")}]`).join(", ");
  if (shapes(vectors) !== shapes(of)) {
    throw new UsageError(`${where}: ${name} must have the shapes ${shapes(of)}, got ${shapes(vectors)}.`);
  }
  return vectors;
}

/** Gradients of those outputs that have any; null where an input has none. */
function gradientsOf(
  outputs: readonly Tensor[],
  inputs: readonly Tensor[],
  vectors: readonly Tensor[],
  options: { createGraph: boolean; retainGraph?: boolean },
): (Tensor | null)[] {
  const used = outputs.flatMap((output, i) =>
    output.requiresGrad ? [{ output, vector: vectors[i] ?? null }] : [],
  );
  if (used.length === 0) return inputs.map(() => null);
  return grad(
    used.map(({ output }) => output),
    inputs,
    { ...options, gradOutputs: used.map(({ vector }) => vector), allowUnused: true },
  );
}

interface Stage {
  strict: boolean;
  createGraph: boolean;
  stage: "back" | "jacobian" | "double_back" | "double_back_trick";
  element?: number;
}

/** Puts zeros, or an error, in the place of gradients that are not there. */
function fill(
  gradients: (Tensor | null)[],
  of: readonly Tensor[],
  { strict, createGraph, stage, element }: Stage,
) {
  return gradients.map((gradient, i) => {
    if (strict && gradient === null) {
      const what = {
        back: `The output of the function is independent of input ${i}.`,
        jacobian: `Output element ${element} of the function is independent of input ${i}.`,
        double_back: `The Hessian of the function is independent of input ${i}.`,
        double_back_trick: `The gradient of the function is independent of entry ${i} in the grad_outputs of the double-backward trick: the Jacobian does not depend on it.`,
      }[stage];
      throw new UsageError(`${what} This is not allowed when strict is true.`);
    }
    if (strict && createGraph && gradient?.requiresGrad === false) {
      throw new UsageError(
        `The ${stage.startsWith("double") ? "Hessian" : "Jacobian"} of the function is independent of input ${i}. This is not allowed when strict and createGraph are true.`,
      );
    }
    return gradient ?? zerosLike(of[i]!);
  });
}

function checkRequiresGrad(tensors: readonly Tensor[], kind: string, strict: boolean): void {
  if (!strict) return;
  for (const [i, tensor] of tensors.entries()) {
    if (tensor.requiresGrad) continue;
    throw new UsageError(
      kind === "outputs"
        ? `Output ${i} of the function does not require gradients. The outputs must depend on the inputs when strict is true.`
        : `The ${kind} with respect to input ${i} is independent of the inputs. This is not allowed when strict is true.`,
    );
  }
}

/** Results without a graph, unless it was asked for. */
function settle(tensors: readonly Tensor[], createGraph: boolean): Tensor[] {
  return createGraph
    ? [...tensors]
    : tensors.map((tensor) => (tensor.requiresGrad ? tensor.detach() : tensor));
}
