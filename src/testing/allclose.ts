// Compares tensors with a tolerance, for tests.
import { noGrad, scope, tensor } from "../torch/index.ts";
import { Tensor } from "../torch/index.ts";
import type { NestedNumbers } from "../torch/index.ts";

export interface Tolerance {
  /** Largest absolute difference. @default 1e-6 */
  atol?: number;
  /** Largest difference relative to the expected value, added to `atol`. @default 0 */
  rtol?: number;
}

/** Says how two tensors differ, or undefined when they are equal within the tolerance. NaN equals NaN. */
export function difference(
  actual: Tensor,
  expected: Tensor | NestedNumbers,
  { atol = 1e-6, rtol = 0 }: Tolerance = {},
): string | undefined {
  return scope(() =>
    noGrad(() => {
      const a = actual.detach().to("float64");
      const b = (expected instanceof Tensor ? expected.detach() : tensor(expected, { dtype: "float64" })).to(
        "float64",
      );
      if (a.shape.join() !== b.shape.join())
        return `shape [${a.shape.join(", ")}] instead of [${b.shape.join(", ")}]`;
      if (a.numel === 0) return undefined;
      if (a.isclose(b, rtol, atol, true).all().item()) return undefined;
      const error = a.sub(b).abs().flatten();
      const worst = error.nanToNum(Infinity).argmax().item();
      const [got, wanted] = [a, b].map((x) => x.flatten().select(0, worst).item());
      return `largest difference ${Math.abs(got! - wanted!)} at element ${worst}: ${got} instead of ${wanted} (atol ${atol}, rtol ${rtol})`;
    }),
  );
}

/** Matchers for vitest's `expect.extend`. */
export const matchers = {
  toBeAllclose(actual: Tensor, expected: Tensor | NestedNumbers, tolerance?: Tolerance) {
    const problem = difference(actual, expected, tolerance);
    return {
      pass: problem === undefined,
      message: () =>
        problem === undefined ? "expected the tensors to differ" : `expected equal tensors, got ${problem}`,
    };
  },
};
