// Jacobians and Hessians as one batched product per direction; after torch/_functorch/eager_transforms.py.
import { zeros } from "../ops.generated.ts";
import type { Tensor } from "../tensor.ts";
import { placeOf, splitAux, tensorLeaves, vjp } from "./grad.ts";
import type { GradOptions, WithAux } from "./grad.ts";
import { jvp } from "./jvp.ts";
import { synchronous } from "./level.ts";
import { flatten, mapTensors } from "./tree.ts";
import { vmap } from "./vmap.ts";
import type { VmapOptions } from "./vmap.ts";

type ForwardOptions<Argnums extends number | readonly number[]> = GradOptions<Argnums> &
  Pick<VmapOptions, "randomness" | "chunkSize">;

/** A Jacobian per pair of output and argument; as one tensor where both are one. */
export type JacobianOf<Output, Argnums> = Output extends Tensor
  ? Argnums extends number
    ? Tensor
    : Tensor[]
  : any;

/**
 * Makes a function that returns the Jacobian of `run` in reverse mode: for fewer outputs than inputs.
 * `chunkSize` computes so many rows at a time. With `hasAux`, `run` returns `[output, aux]`, and the made function
 * `[jacobian, aux]`.
 *
 * Shapes: output `[...m]`, argument `[...n]` -> `[...m, ...n]`, nested as the outputs are and then as the arguments.
 *
 * @example
 * torch.func.jacrev((x: Tensor) => x.pow(2))(torch.tensor([1, 2])).tolist(); // => [[2, 0], [0, 4]]
 */
export function jacrev<
  Args extends unknown[],
  Output,
  Aux,
  const Argnums extends number | readonly number[] = 0,
>(
  run: (...args: Args) => readonly [Output, Aux],
  options: GradOptions<Argnums> & Pick<VmapOptions, "chunkSize"> & WithAux,
): (...args: Args) => [jacobian: JacobianOf<Output, Argnums>, aux: Aux];
export function jacrev<Args extends unknown[], Output, const Argnums extends number | readonly number[] = 0>(
  run: (...args: Args) => Output,
  options?: GradOptions<Argnums> & Pick<VmapOptions, "chunkSize"> & { hasAux?: false },
): (...args: Args) => JacobianOf<Output, Argnums>;
export function jacrev(
  run: (...args: any[]) => unknown,
  {
    argnums = 0,
    chunkSize = null,
    hasAux = false,
  }: GradOptions & Pick<VmapOptions, "chunkSize"> & { hasAux?: boolean } = {},
): (...args: any[]) => unknown {
  return (...args) => {
    const { chosen, ofChosen } = only("jacrev", run, args, argnums);
    const withAux = (value: unknown): [unknown, unknown] =>
      splitAux("jacrev", synchronous("jacrev", ofChosen(value)), hasAux);
    const [output, pullBack, aux] = vjp(withAux, [chosen], { hasAux: true });
    const outputs = flatten(output);
    const ys = tensorLeaves("jacrev", output);
    const basis = outputs.rebuild(standardBasis(ys));
    const products = vmap((vector: unknown) => pullBack(vector)[0], { chunkSize })(basis);
    const inputs = flatten(products);
    const rows = inputs.leaves.map((product) => splitAlong(product as Tensor, 0, ys));
    const blocks = ys.map((y, i) =>
      inputs.rebuild(rows.map((row) => row[i]!.reshape([...y.shape, ...row[i]!.shape.slice(1)]))),
    );
    return hasAux ? [outputs.rebuild(blocks), aux] : outputs.rebuild(blocks);
  };
}

/**
 * Makes a function that returns the Jacobian of `run` in forward mode: for fewer inputs than outputs. With `hasAux`,
 * `run` returns `[output, aux]` with tensors alone in aux, and the made function `[jacobian, aux]`.
 *
 * Shapes: output `[...m]`, argument `[...n]` -> `[...m, ...n]`, nested as the outputs are and then as the arguments.
 *
 * @example
 * torch.func.jacfwd((x: Tensor) => x.pow(2))(torch.tensor([1, 2])).tolist(); // => [[2, 0], [0, 4]]
 */
export function jacfwd<
  Args extends unknown[],
  Output,
  Aux,
  const Argnums extends number | readonly number[] = 0,
>(
  run: (...args: Args) => readonly [Output, Aux],
  options: ForwardOptions<Argnums> & WithAux,
): (...args: Args) => [jacobian: JacobianOf<Output, Argnums>, aux: Aux];
export function jacfwd<Args extends unknown[], Output, const Argnums extends number | readonly number[] = 0>(
  run: (...args: Args) => Output,
  options?: ForwardOptions<Argnums> & { hasAux?: false },
): (...args: Args) => JacobianOf<Output, Argnums>;
export function jacfwd(
  run: (...args: any[]) => unknown,
  {
    argnums = 0,
    randomness = "error",
    chunkSize = null,
    hasAux = false,
  }: ForwardOptions<number | readonly number[]> & { hasAux?: boolean } = {},
): (...args: any[]) => unknown {
  return (...args) => {
    const { chosen, ofChosen } = only("jacfwd", run, args, argnums);
    const inputs = flatten(chosen);
    const xs = tensorLeaves("jacfwd", chosen);
    const withAux = (value: unknown): [unknown, unknown] =>
      splitAux("jacfwd", synchronous("jacfwd", ofChosen(value)), hasAux);
    const push = (tangent: unknown): [unknown, unknown] => {
      const [, product, aux] = jvp(withAux, [chosen], [tangent], { hasAux: true });
      return [product, hasAux ? aux : []];
    };
    const [pushed, auxes] = vmap(push, { randomness, chunkSize })(inputs.rebuild(standardBasis(xs)));
    const products = flatten(pushed);
    const blocks = products.leaves.map((product) => {
      const columns = splitAlong((product as Tensor).movedim(0, -1), -1, xs);
      return inputs.rebuild(
        columns.map((column, i) => column.reshape([...column.shape.slice(0, -1), ...xs[i]!.shape])),
      );
    });
    if (!hasAux) return products.rebuild(blocks);
    return [products.rebuild(blocks), mapTensors(auxes, (aux) => aux.select(0, 0))]; // each direction gave the same
  };
}

/**
 * Makes a function that returns the Hessian of `run`, which returns one number: forward over reverse mode.
 *
 * Shapes: arguments `[...n]` and `[...m]` -> `[...n, ...m]` for each pair.
 *
 * @example
 * torch.func.hessian((x: Tensor) => x.pow(3).sum())(torch.tensor([1, 2])).tolist(); // => [[6, 0], [0, 12]]
 */
export function hessian<Args extends unknown[], const Argnums extends number | readonly number[] = 0>(
  run: (...args: Args) => Tensor,
  { argnums = 0 as Argnums }: GradOptions<Argnums> = {},
): (...args: Args) => Argnums extends number ? Tensor : Tensor[][] {
  return jacfwd(jacrev(run, { argnums }), { argnums }) as (...args: Args) => any;
}

/** The function of the chosen arguments alone, as one nested value. */
function only<Output>(
  where: string,
  run: (...args: any[]) => Output,
  args: readonly unknown[],
  argnums: number | readonly number[],
): { chosen: unknown; ofChosen: (chosen: unknown) => Output } {
  const isOne = typeof argnums === "number";
  const places = (isOne ? [argnums] : argnums).map((place) => placeOf(where, args, place));
  const chosen = places.map((place) => args[place]);
  const ofChosen = (value: unknown): Output => {
    const all = [...args];
    const values = isOne ? [value] : (value as unknown[]);
    for (const [i, place] of places.entries()) all[place] = values[i];
    return run(...all);
  };
  return { chosen: isOne ? chosen[0] : chosen, ofChosen };
}

/** For tensors of n elements together, n directions: each has a one in one place. */
function standardBasis(tensors: readonly Tensor[]): Tensor[] {
  const total = tensors.reduce((sum, tensor) => sum + tensor.numel, 0);
  let start = 0;
  return tensors.map((tensor) => {
    const { dtype, device, numel, shape } = tensor;
    const part = zeros([total, numel], { dtype, device });
    part.diagonal({ offset: -start }).fill_(1);
    start += numel;
    return part.reshape([total, ...shape]);
  });
}

/** Cuts a dimension into one part per tensor, of as many as it has elements. */
function splitAlong(product: Tensor, dim: number, tensors: readonly Tensor[]): Tensor[] {
  let start = 0;
  return tensors.map(({ numel }) => product.narrow(dim, (start += numel) - numel, numel));
}
