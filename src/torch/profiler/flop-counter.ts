// Floating-point operations of a computation, counted as it runs. By module: ../utils/flop-counter.ts.
import { native } from "../native.ts";

/**
 * Counts the floating-point operations of matrix products, convolutions and attention, in backward too.
 *
 * A multiplication and an addition count as two. The formulas are those of PyTorch's `FlopCounterMode`
 * (torch/utils/flop_counter.py), which does not count elementwise operators either.
 *
 * @example
 * const counter = new torch.profiler.FlopCounter();
 * counter.run(() => torch.ones([2, 3]).matmul(torch.ones([3, 4])));
 * counter.totalFlops; // => 48
 * counter.flopCounts; // => { "aten::mm": 48 }
 */
export class FlopCounter {
  readonly #counts = new Map<string, number>();

  /** Runs `run` and adds what it computes on this thread. */
  run<T>(run: () => T): T {
    this.start();
    try {
      return run();
    } finally {
      this.stop();
    }
  }

  /** Counts what this thread computes until `stop`. One counter counts at a time. */
  start(): void {
    native.startFlops();
  }

  /** Ends what `start` began, and adds what was counted. */
  stop(): void {
    for (const [operator, flops] of native.stopFlops())
      this.#counts.set(operator, (this.#counts.get(operator) ?? 0) + flops);
  }

  /** By operator. */
  get flopCounts(): Record<string, number> {
    return Object.fromEntries(this.#counts);
  }

  get totalFlops(): number {
    return Array.from(this.#counts.values()).reduce((total, flops) => total + flops, 0);
  }

  reset(): void {
    this.#counts.clear();
  }
}
