// Gradients of functions, by libtorch's grad transform: they nest, and work under vmap; after
// torch/_functorch/eager_transforms.py.
import { UsageError } from "../../base/index.ts";
import { grad as gradientsOf } from "../autograd/backward.ts";
import { enableGrad, isGradEnabled } from "../grad-mode.ts";
import { native } from "../native.ts";
import { zerosLike } from "../ops.generated.ts";
import { Tensor } from "../tensor.ts";
import { atLevel, enter, leave, synchronous } from "./level.ts";
import { flatten } from "./tree.ts";

/** Options of the transforms that differentiate. */
export interface GradOptions<Argnums extends number | readonly number[] = number | readonly number[]> {
  /** Which arguments to differentiate by: one, or several whose gradients come in an array. @default 0 */
  argnums?: Argnums;
}

/** What is differentiated by: one argument, or an array of some. */
export type Chosen<Args extends unknown[], Argnums> = Argnums extends number ? Args[Argnums] : Args[number][];

/** Says that the function returns further values beside the one that is differentiated. */
export interface WithAux {
  hasAux: true;
}

/**
 * Makes a function that returns the gradient of `run`, which returns one number. Arguments may be nested in arrays,
 * plain objects and maps; the gradient is nested as its argument is.
 *
 * @example
 * const slope = torch.func.grad((x: Tensor) => x.pow(3));
 * torch.func.grad(slope)(torch.tensor(2)).item(); // => 12
 * torch.func.vmap(slope)(torch.tensor([1, 2])).tolist(); // => [3, 12]
 */
export function grad<Args extends unknown[], Aux, const Argnums extends number | readonly number[] = 0>(
  run: (...args: Args) => readonly [Tensor, Aux],
  options: GradOptions<Argnums> & WithAux,
): (...args: Args) => [gradient: Chosen<Args, Argnums>, aux: Aux];
export function grad<Args extends unknown[], const Argnums extends number | readonly number[] = 0>(
  run: (...args: Args) => Tensor,
  options?: GradOptions<Argnums> & { hasAux?: false },
): (...args: Args) => Chosen<Args, Argnums>;
export function grad(
  run: (...args: any[]) => unknown,
  { argnums = 0, hasAux = false }: GradOptions & { hasAux?: boolean } = {},
): (...args: any[]) => unknown {
  return (...args) => {
    const [gradient, , aux] = differentiate("grad", run, args, argnums, hasAux);
    return hasAux ? [gradient, aux] : gradient;
  };
}

/**
 * Makes a function that returns the gradient of `run` and its value, with `hasAux` as `[value, aux]`.
 *
 * @example
 * const [slope, value] = torch.func.gradAndValue((x: Tensor) => x.pow(3))(torch.tensor(2));
 * [slope.item(), value.item()]; // => [12, 8]
 */
export function gradAndValue<
  Args extends unknown[],
  Aux,
  const Argnums extends number | readonly number[] = 0,
>(
  run: (...args: Args) => readonly [Tensor, Aux],
  options: GradOptions<Argnums> & WithAux,
): (...args: Args) => [gradient: Chosen<Args, Argnums>, [value: Tensor, aux: Aux]];
export function gradAndValue<Args extends unknown[], const Argnums extends number | readonly number[] = 0>(
  run: (...args: Args) => Tensor,
  options?: GradOptions<Argnums> & { hasAux?: false },
): (...args: Args) => [gradient: Chosen<Args, Argnums>, value: Tensor];
export function gradAndValue(
  run: (...args: any[]) => unknown,
  { argnums = 0, hasAux = false }: GradOptions & { hasAux?: boolean } = {},
): (...args: any[]) => unknown {
  return (...args) => {
    const [gradient, value, aux] = differentiate("gradAndValue", run, args, argnums, hasAux);
    return hasAux ? [gradient, [value, aux]] : [gradient, value];
  };
}

/**
 * Returns what `run` returns for `primals`, and a function that gives the products of vectors with its Jacobian,
 * `v^T J`: one per primal. It can be called again and under `vmap`. With `hasAux`, `run` returns `[output, aux]`, and
 * aux comes back as the third value.
 *
 * @example
 * const [, pullBack] = torch.func.vjp((x: Tensor) => x.pow(2), [torch.tensor([3, 4])]);
 * pullBack(torch.tensor([1, 10]))[0].tolist(); // => [6, 80]
 */
export function vjp<Args extends unknown[], Output, Aux>(
  run: (...args: Args) => readonly [Output, Aux],
  primals: readonly [...Args],
  options: WithAux,
): [output: Output, pullBack: (cotangents: Output) => Args, aux: Aux];
export function vjp<Args extends unknown[], Output>(
  run: (...args: Args) => Output,
  primals: readonly [...Args],
  options?: { hasAux?: false },
): [output: Output, pullBack: (cotangents: Output) => Args];
export function vjp(
  run: (...args: any[]) => unknown,
  primals: readonly unknown[],
  { hasAux = false }: { hasAux?: boolean } = {},
): [output: any, pullBack: (cotangents: any) => any, aux?: any] {
  const [returned, aux, inside] = atLevel(native.pushGrad, (level) =>
    enableGrad(() => {
      const entered = enter([...primals], level);
      const wanted = differentiable("vjp", entered);
      const [output, more] = splitAux("vjp", synchronous("vjp", run(...entered)), hasAux);
      return [output, more, wanted] as const;
    }),
  );
  const outputs = tensorLeaves("vjp", returned);
  const pullBack = (cotangents: unknown): unknown => {
    const vectors = tensorLeaves("vjp", cotangents);
    if (vectors.length !== outputs.length) {
      throw new UsageError(
        `vjp: the cotangents must be nested as the ${outputs.length} outputs are, got ${vectors.length} tensors.`,
      );
    }
    const gradients = filledGradients(outputs, inside.leaves as Tensor[], vectors, isGradEnabled());
    return leave(inside.rebuild(gradients));
  };
  return hasAux ? [leave(returned), pullBack, leave(aux)] : [leave(returned), pullBack];
}

function differentiate(
  where: string,
  run: (...args: any[]) => unknown,
  args: readonly unknown[],
  argnums: number | readonly number[],
  hasAux: boolean,
): [gradient: unknown, value: unknown, aux: unknown] {
  const found = atLevel(native.pushGrad, (level) =>
    enableGrad((): [unknown, unknown, unknown] => {
      const entered = enter(args, level);
      const wanted = differentiable(where, choose(where, entered, argnums));
      const returned = synchronous(where, run(...entered));
      const [value, aux] = splitAux(where, returned, hasAux);
      if (!(value instanceof Tensor) || value.ndim !== 0) {
        const got = value instanceof Tensor ? `shape [${value.shape.join(", ")}]` : typeof value;
        throw new UsageError(`${where}: the function must return a tensor of shape [], got ${got}.`);
      }
      const gradients = filledGradients([value], wanted.leaves as Tensor[], [], true);
      return [wanted.rebuild(gradients), value, aux];
    }),
  );
  return leave(found);
}

/** Parts what a function returns into what is differentiated and what is not. */
export function splitAux(where: string, returned: unknown, hasAux: boolean): [output: unknown, aux: unknown] {
  if (!hasAux) return [returned, undefined];
  if (Array.isArray(returned) && returned.length === 2) return returned as [unknown, unknown];
  throw new UsageError(`${where}: with hasAux the function must return [output, aux].`);
}

/** Picks the arguments to differentiate by. */
function choose(where: string, args: readonly unknown[], argnums: number | readonly number[]): unknown {
  const pick = (place: number): unknown => args[placeOf(where, args, place)];
  return typeof argnums === "number" ? pick(argnums) : argnums.map(pick);
}

/** Returns the index of an argument to differentiate by; a negative place counts from the end. */
export function placeOf(where: string, args: readonly unknown[], place: number): number {
  const at = place < 0 ? place + args.length : place;
  if (Number.isInteger(place) && at >= 0 && at < args.length) return at;
  throw new UsageError(`${where}: argnums must be places among ${args.length} arguments, got ${place}.`);
}

function differentiable(where: string, value: unknown): ReturnType<typeof flatten> {
  const flat = flatten(value);
  for (const tensor of tensorLeaves(where, value)) native.setRequiresGrad(tensor.handle, true);
  return flat;
}

/** The leaves of a value, which must be tensors. */
export function tensorLeaves(where: string, value: unknown): Tensor[] {
  return flatten(value).leaves.map((leaf) => {
    if (leaf instanceof Tensor) return leaf;
    throw new UsageError(
      `${where}: what is differentiated must hold tensors alone, got ${leaf === null ? "null" : typeof leaf}.`,
    );
  });
}

/** Gradients with zeros for inputs that the outputs do not depend on. */
function filledGradients(
  outputs: readonly Tensor[],
  inputs: readonly Tensor[],
  vectors: readonly Tensor[],
  createGraph: boolean,
): Tensor[] {
  const used = outputs.flatMap((output, i) =>
    output.requiresGrad ? [{ output, vector: vectors[i] ?? null }] : [],
  );
  if (used.length === 0) return inputs.map((input) => zerosLike(input));
  return gradientsOf(
    used.map(({ output }) => output),
    inputs,
    { gradOutputs: used.map(({ vector }) => vector), createGraph, retainGraph: true, materializeGrads: true },
  );
}
