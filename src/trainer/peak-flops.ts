// What the processor can do at best, for the share of it that a training uses. Nothing lists processors by their peak, as
// Lightning does graphics cards: it is measured.
import { matmul, noGrad, rand, scope } from "../torch/index.ts";
import type { Dtype } from "../torch/index.ts";
import type { Precision } from "./run.ts";

const computeDtypes: Readonly<Record<Precision, Dtype>> = {
  "32-true": "float32",
  "bf16-mixed": "bfloat16",
  "bf16-true": "bfloat16",
  "64-true": "float64",
};

const size = 1024;
const tries = 5;
const measured = new Map<Dtype, number>();

/**
 * Returns the floating-point operations per second of large matrix products in the format that a precision computes in:
 * the fastest of five of 1024 x 1024, measured once in a process with the threads that libtorch has then.
 */
export function peakFlops(precision: Precision): number {
  const dtype = computeDtypes[precision];
  const known = measured.get(dtype);
  if (known !== undefined) return known;
  let seconds = Infinity;
  scope(() =>
    noGrad(() => {
      const a = rand([size, size]).to(dtype);
      for (let i = 0; i <= tries; i++) {
        const startedAt = performance.now();
        matmul(a, a).dispose();
        if (i > 0) seconds = Math.min(seconds, (performance.now() - startedAt) / 1000); // the first one warms up
      }
    }),
  );
  const flops = (2 * size ** 3) / seconds;
  measured.set(dtype, flops);
  return flops;
}
