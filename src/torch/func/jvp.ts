// Products of Jacobians with vectors in forward mode: one pass, no graph; after torch/_functorch/eager_transforms.py.
import { UsageError } from "../../base/index.ts";
import { wrap, wrapOrNull } from "../binding.ts";
import { native } from "../native.ts";
import { rawOp } from "../raw.ts";
import { zerosLike } from "../ops.generated.ts";
import type { Tensor } from "../tensor.ts";
import { tensorLeaves } from "./grad.ts";
import { atLevel, enter, leave, synchronous } from "./level.ts";
import { flatten } from "./tree.ts";

const makeDual = rawOp("_make_dual");
const unpackDual = rawOp("_unpack_dual");
const dualLevel = 0; // libtorch has one level of dual numbers, which nested calls share
let depth = 0;

/**
 * Returns what `run` returns for `primals`, and the product of its Jacobian with `tangents`, `J v`, which are nested
 * and shaped as the primals are.
 *
 * @example
 * const [, product] = torch.func.jvp((x: Tensor) => x.pow(2), [torch.tensor([3, 4])], [torch.tensor([1, 10])]);
 * product.tolist(); // => [6, 80]
 */
export function jvp<Args extends unknown[], Output>(
  run: (...args: Args) => Output,
  primals: readonly [...Args],
  tangents: readonly [...Args],
): [output: Output, product: Output] {
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
        const returned = flatten(synchronous("jvp", run(...(rebuild(duals) as Args))));
        const outputs = tensorLeaves("jvp", returned.leaves).map((output) => {
          const [primal, tangent] = unpackDual(output.handle, dualLevel) as [number, number];
          const value = wrap(primal);
          return [value, wrapOrNull(tangent) ?? zerosLike(value)] as const;
        });
        return [
          returned.rebuild(outputs.map(([value]) => value)),
          returned.rebuild(outputs.map(([, tangent]) => tangent)),
        ] as [Output, Output];
      }),
    ),
  );
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
