// Checks gradients against finite differences; after torch/autograd/gradcheck.py.
import { ShapeError, TorchError, UsageError } from "../../base/index.ts";
import { tensor } from "../factories.ts";
import { noGrad } from "../grad-mode.ts";
import { randn, zerosLike } from "../ops.generated.ts";
import { Generator } from "../random.ts";
import { scope } from "../scope.ts";
import { Tensor } from "../tensor.ts";
import { grad } from "./backward.ts";

/** Options of `gradcheck` and `gradgradcheck`. */
export interface GradcheckOptions {
  /** Step of the finite differences. @default 1e-6 */
  eps?: number;
  /** Largest absolute difference. @default 1e-5 */
  atol?: number;
  /** Largest difference relative to the numerical value, added to `atol`. @default 1e-3 */
  rtol?: number;
  /** Largest difference between two backward passes over the same graph. @default 0 */
  nondetTol?: number;
  /** Throws where a check fails, instead of returning false. @default true */
  raiseException?: boolean;
}

type Tensors = Tensor | readonly Tensor[];

/**
 * Checks the gradients of `run` for those float64 inputs that need one: the error names the output, the input and the
 * element whose analytical and numerical derivatives differ most.
 *
 * @example
 * const x = torch.randn([3], { dtype: "float64", requiresGrad: true });
 * torch.autograd.gradcheck((a) => a.sin(), [x]); // => true
 */
export function gradcheck(
  run: (...inputs: Tensor[]) => Tensors,
  inputs: readonly Tensor[],
  { raiseException = true, ...options }: GradcheckOptions = {},
): boolean {
  return scope(() => {
    const problem = findMismatch("gradcheck", run, inputs, options);
    if (problem === undefined) return true;
    if (raiseException) throw new TorchError(problem);
    return false;
  });
}

/**
 * Checks the second derivatives of `run` in the same way: the gradients of its inputs, as a function of the inputs and
 * of the outputs' gradients (random ones unless given), are checked against finite differences.
 *
 * @example
 * const x = torch.randn([3], { dtype: "float64", requiresGrad: true });
 * torch.autograd.gradgradcheck((a) => a.sin(), [x]); // => true
 */
export function gradgradcheck(
  run: (...inputs: Tensor[]) => Tensors,
  inputs: readonly Tensor[],
  {
    gradOutputs,
    raiseException = true,
    ...options
  }: GradcheckOptions & { gradOutputs?: readonly Tensor[] } = {},
): boolean {
  return scope(() => {
    const outputs = outputsOf(run(...inputs)).filter((output) => output.requiresGrad);
    const generator = new Generator(0);
    const seeds = (
      gradOutputs ?? outputs.map((output) => randn(output.shape, { dtype: output.dtype, generator }))
    ).map((seed) => seed.detach().requiresGrad_());
    const gradients = (...all: Tensor[]): Tensor[] => {
      const xs = all.slice(0, inputs.length);
      const wanted = xs.filter((x) => x.requiresGrad);
      const made = outputsOf(run(...xs)).filter((output) => output.requiresGrad);
      const found = grad(made, wanted, {
        gradOutputs: all.slice(inputs.length),
        createGraph: true,
        allowUnused: true,
      });
      return found.map((gradient, i) => gradient ?? zerosLike(wanted[i]!));
    };
    const problem = findMismatch("gradgradcheck", gradients, [...inputs, ...seeds], options, true);
    if (problem === undefined) return true;
    if (raiseException) throw new TorchError(problem);
    return false;
  });
}

type Tolerances = Omit<GradcheckOptions, "raiseException">;

/** Says which derivative is wrong, or undefined where none is. */
function findMismatch(
  where: string,
  run: (...inputs: Tensor[]) => Tensors,
  inputs: readonly Tensor[],
  { eps = 1e-6, atol = 1e-5, rtol = 1e-3, nondetTol = 0 }: Tolerances,
  needsGrad = false,
): string | undefined {
  checkInputs(where, inputs);
  const outputs = outputsOf(run(...inputs));
  for (const [input, x] of inputs.entries()) {
    if (!x.requiresGrad) continue;
    const numerical = numericalJacobian(run, inputs, input, eps, needsGrad);
    for (const [output, y] of outputs.entries()) {
      if (!y.dtype.startsWith("float")) continue;
      const analytical = analyticalJacobian(y, x);
      const again = analyticalJacobian(y, x);
      const place = `output ${output} with respect to input ${input}`;
      const unstable = worst(again, analytical, nondetTol, 0);
      if (unstable !== undefined) {
        return `${where}: backward gives different values for the same input for ${place}, ${unstable.a} and ${unstable.b}. Allow it with nondetTol.`;
      }
      const wrong = worst(analytical, numerical[output]!, atol, rtol);
      if (wrong === undefined) continue;
      const { row, column, a, b } = wrong;
      return (
        `${where}: Jacobian mismatch for ${place}: d output[${position(row, y)}] / d input[${position(column, x)}] is ` +
        `${b} by finite differences and ${a} by backward (eps ${eps}, atol ${atol}, rtol ${rtol}).`
      );
    }
  }
  return undefined;
}

function checkInputs(where: string, inputs: readonly Tensor[]): void {
  const differentiated = inputs.filter((input) => input.requiresGrad);
  if (differentiated.length === 0) {
    throw new UsageError(`${where}: at least one input must need a gradient, got none of ${inputs.length}.`);
  }
  for (const { dtype } of differentiated) {
    if (dtype !== "float64") {
      throw new UsageError(
        `${where}: inputs that need a gradient must be float64, as differences of others are too coarse, got ${dtype}. Use x.double().`,
      );
    }
  }
}

function outputsOf(returned: Tensors): readonly Tensor[] {
  return returned instanceof Tensor ? [returned] : returned;
}

/** Rows are the output's elements, columns the input's. */
type Matrix = number[][];

function analyticalJacobian(y: Tensor, x: Tensor): Matrix {
  return scope(() => {
    if (!y.requiresGrad) return zeroMatrix(y.numel, x.numel);
    const elements = y.reshape([-1]);
    return Array.from({ length: y.numel }, (_, row) => {
      const [gradient] = grad(elements.select(0, row), x, {
        retainGraph: true,
        materializeGrads: true,
      });
      if (gradient!.shape.join() !== x.shape.join()) {
        throw new ShapeError(
          `gradcheck: a gradient must have its input's shape [${x.shape.join(", ")}], got [${gradient!.shape.join(", ")}].`,
        );
      }
      return numbers(gradient!);
    });
  });
}

function zeroMatrix(rows: number, columns: number): Matrix {
  return Array.from({ length: rows }, () => Array.from({ length: columns }, () => 0));
}

/** Central differences for each output. */
function numericalJacobian(
  run: (...inputs: Tensor[]) => Tensors,
  inputs: readonly Tensor[],
  input: number,
  eps: number,
  needsGrad: boolean,
): Matrix[] {
  const x = inputs[input]!;
  const base = numbers(x);
  const at = (column: number, change: number): number[][] =>
    scope(() => {
      const moved = [...base];
      moved[column]! += change;
      const changed = tensor(moved, { dtype: "float64" }).reshape(x.shape);
      // gradients as outputs need a graph of their own
      const others = inputs.map((other, i) =>
        (i === input ? changed : other.detach()).requiresGrad_(needsGrad && other.requiresGrad),
      );
      const call = () => outputsOf(run(...others)).map((output) => numbers(output.detach()));
      return needsGrad ? call() : noGrad(call);
    });
  const columns = base.map((_, column) => {
    const [above, below] = [at(column, eps), at(column, -eps)];
    return above.map((values, output) =>
      values.map((value, row) => (value - below[output]![row]!) / (2 * eps)),
    );
  });
  const outputs = columns[0] ?? [];
  return outputs.map((first, output) =>
    first.map((_, row) => columns.map((column) => column[output]![row]!)),
  );
}

/** The elements that differ most beyond the tolerance, or undefined. */
function worst(actual: Matrix, expected: Matrix, atol: number, rtol: number) {
  let found: { row: number; column: number; a: number; b: number } | undefined;
  let largest = 0;
  for (const [row, values] of actual.entries()) {
    for (const [column, a] of values.entries()) {
      const b = expected[row]![column]!;
      const excess = Math.abs(a - b) - (atol + rtol * Math.abs(b));
      const size = Number.isNaN(excess) ? Infinity : excess;
      if (size > largest) [largest, found] = [size, { row, column, a, b }];
    }
  }
  return found;
}

function numbers(x: Tensor): number[] {
  return x.detach().double().reshape([-1]).tolist() as number[];
}

/** Indices of element `flat` of a tensor, `1, 2`. */
function position(flat: number, { shape }: Tensor): string {
  const indices: number[] = [];
  let rest = flat;
  for (const length of shape.toReversed()) {
    indices.unshift(rest % length);
    rest = Math.floor(rest / length);
  }
  return indices.join(", ");
}
