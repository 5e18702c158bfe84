// Jacobians and Hessians as one batched product per direction; after torch/_functorch/eager_transforms.py.
import { zeros } from "../ops.generated.ts";
import type { Tensor } from "../tensor.ts";
import { placeOf, tensorLeaves, vjp } from "./grad.ts";
import type { GradOptions } from "./grad.ts";
import { jvp } from "./jvp.ts";
import { flatten } from "./tree.ts";
import { vmap } from "./vmap.ts";
import type { VmapOptions } from "./vmap.ts";

/** A Jacobian per pair of output and argument; as one tensor where both are one. */
export type JacobianOf<Output, Argnums> = Output extends Tensor
  ? Argnums extends number
    ? Tensor
    : Tensor[]
  : any;

/**
 * Makes a function that returns the Jacobian of `run` in reverse mode: for fewer outputs than inputs.
 * `chunkSize` computes so many rows at a time.
 *
 * Shapes: output `[...m]`, argument `[...n]` -> `[...m, ...n]`, nested as the outputs are and then as the arguments.
 *
 * @example
 * torch.func.jacrev((x: Tensor) => x.pow(2))(torch.tensor([1, 2])).tolist(); // => [[2, 0], [0, 4]]
 */
export function jacrev<Args extends unknown[], Output, const Argnums extends number | readonly number[] = 0>(
  run: (...args: Args) => Output,
  { argnums = 0 as Argnums, chunkSize = null }: GradOptions<Argnums> & Pick<VmapOptions, "chunkSize"> = {},
): (...args: Args) => JacobianOf<Output, Argnums> {
  return (...args) => {
    const { chosen, ofChosen } = only("jacrev", run, args, argnums);
    const [output, pullBack] = vjp(ofChosen, [chosen]);
    const outputs = flatten(output);
    const ys = tensorLeaves("jacrev", output);
    const basis = outputs.rebuild(standardBasis(ys));
    const products = vmap((vector: unknown) => pullBack(vector as Output)[0], { chunkSize })(basis);
    const inputs = flatten(products);
    const rows = inputs.leaves.map((product) => splitAlong(product as Tensor, 0, ys));
    const blocks = ys.map((y, i) =>
      inputs.rebuild(rows.map((row) => row[i]!.reshape([...y.shape, ...row[i]!.shape.slice(1)]))),
    );
    return outputs.rebuild(blocks) as JacobianOf<Output, Argnums>;
  };
}

/**
 * Makes a function that returns the Jacobian of `run` in forward mode: for fewer inputs than outputs.
 *
 * Shapes: output `[...m]`, argument `[...n]` -> `[...m, ...n]`, nested as the outputs are and then as the arguments.
 *
 * @example
 * torch.func.jacfwd((x: Tensor) => x.pow(2))(torch.tensor([1, 2])).tolist(); // => [[2, 0], [0, 4]]
 */
export function jacfwd<Args extends unknown[], Output, const Argnums extends number | readonly number[] = 0>(
  run: (...args: Args) => Output,
  {
    argnums = 0 as Argnums,
    randomness = "error",
    chunkSize = null,
  }: GradOptions<Argnums> & Pick<VmapOptions, "randomness" | "chunkSize"> = {},
): (...args: Args) => JacobianOf<Output, Argnums> {
  return (...args) => {
    const { chosen, ofChosen } = only("jacfwd", run, args, argnums);
    const inputs = flatten(chosen);
    const xs = tensorLeaves("jacfwd", chosen);
    const push = (tangent: unknown): Output => jvp(ofChosen, [chosen], [tangent])[1];
    const products = flatten(vmap(push, { randomness, chunkSize })(inputs.rebuild(standardBasis(xs))));
    const blocks = products.leaves.map((product) => {
      const columns = splitAlong((product as Tensor).movedim(0, -1), -1, xs);
      return inputs.rebuild(
        columns.map((column, i) => column.reshape([...column.shape.slice(0, -1), ...xs[i]!.shape])),
      );
    });
    return products.rebuild(blocks) as JacobianOf<Output, Argnums>;
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
