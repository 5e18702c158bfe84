// Products of Jacobians with vectors in forward mode: one pass, no graph; after torch/_functorch/eager_transforms.py.
import { UsageError } from "../../base/index.ts";
import { wrap, wrapOrNull } from "../binding.ts";
import { native } from "../native.ts";
import { rawOp } from "../raw.ts";
import { zerosLike } from "../ops.generated.ts";
import type { Tensor } from "../tensor.ts";
import { splitAux, tensorLeaves } from "./grad.ts";
import type { WithAux } from "./grad.ts";
import { atLevel, enter, leave, synchronous } from "./level.ts";
import { flatten, mapTensors } from "./tree.ts";

const makeDual = rawOp("_make_dual");
const unpackDual = rawOp("_unpack_dual");
const dualLevel = 0; // libtorch has one level of dual numbers, which nested calls share
let depth = 0;

/**
 * Returns what `run` returns for `primals`, and the product of its Jacobian with `tangents`, `J v`, which are nested
 * and shaped as the primals are. With `hasAux`, `run` returns `[output, aux]`, and aux comes back as the third value.
 *
 * @example
 * const [, product] = torch.func.jvp((x: Tensor) => x.pow(2), [torch.tensor([3, 4])], [torch.tensor([1, 10])]);
 * product.tolist(); // => [6, 80]
 */
export function jvp<Args extends unknown[], Output, Aux>(
  run: (...args: Args) => readonly [Output, Aux],
  primals: readonly [...Args],
  tangents: readonly [...Args],
  options: WithAux,
): [output: Output, product: Output, aux: Aux];
export function jvp<Args extends unknown[], Output>(
  run: (...args: Args) => Output,
  primals: readonly [...Args],
  tangents: readonly [...Args],
  options?: { hasAux?: false },
): [output: Output, product: Output];
export function jvp(
  run: (...args: any[]) => unknown,
  primals: readonly unknown[],
  tangents: readonly unknown[],
  { hasAux = false }: { hasAux?: boolean } = {},
): [output: any, product: any, aux?: any] {
  const vectors = tensorLeaves("jvp", tangents);
  const count = tensorLeaves("jvp", primals).length;
  if (vectors.length !== count) {
    throw new UsageError(
      `jvp: the tangents must be nested as the ${count} primals are, got ${vectors.length} tensors.`,
    );
  }
  return leave(
    atLevel(native.pushJvp, (level) =>
      forwardMode(() => {
        const { leaves, rebuild } = flatten(enter([...primals], level));
        const duals = leaves.map((leaf, i) =>
          wrap(makeDual((leaf as Tensor).handle, vectors[i]!.handle, dualLevel) as number),
        );
        const [output, aux] = splitAux(
          "jvp",
          synchronous("jvp", run(...(rebuild(duals) as unknown[]))),
          hasAux,
        );
        const returned = flatten(output);
        const outputs = tensorLeaves("jvp", returned.leaves).map(partsOf);
        const values = returned.rebuild(outputs.map(([value]) => value));
        const products = returned.rebuild(outputs.map(([, tangent]) => tangent));
        return hasAux
          ? [values, products, mapTensors(aux, (tensor) => partsOf(tensor)[0])]
          : [values, products];
      }),
    ),
  );
}

/** The value and the tangent of a dual number. */
function partsOf(dual: Tensor): [value: Tensor, tangent: Tensor] {
  const [primal, tangent] = unpackDual(dual.handle, dualLevel) as [number, number];
  const value = wrap(primal);
  return [value, wrapOrNull(tangent) ?? zerosLike(value)];
}

/** Runs `run` where tensors may be dual numbers. */
function forwardMode<T>(run: () => T): T {
  const before = native.setForwardGradEnabled(true);
  try {
    if (depth++ === 0) native.enterDualLevel();
    return run();
  } finally {
    if (--depth === 0) native.leaveDualLevel(dualLevel);
    native.setForwardGradEnabled(before);
  }
}
