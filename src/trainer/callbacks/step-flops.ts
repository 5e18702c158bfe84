// What a step of training costs, counted on a few of them: the model need not say it.
import { profiler } from "../../torch/index.ts";

/** Steps from one that is counted to the next: counting makes small operators half as slow again. */
const interval = 100;

/** Counts the floating-point operations of forward and backward on the first and each hundredth step. */
export class StepFlops {
  readonly #counter = new profiler.FlopCounter();
  #isCounting = false;
  /** Whether a step is counted whose positions are not. */
  #isFresh = false;
  /** Positions of the steps that were counted. */
  #positions = 0;

  /** Begins to count, where the step is one of those that are counted and nothing else counts. */
  begin(step: number): void {
    if (this.#positions > 0 && step % interval !== 0) return;
    try {
      this.#counter.start();
      this.#isCounting = true;
    } catch {
      // someone else's counter is at work: this step is not counted
    }
  }

  /** Ends what `begin` began, when the gradients are there or will not be. */
  end(): void {
    if (!this.#isCounting) return;
    this.#counter.stop();
    this.#isCounting = false;
    this.#isFresh = true;
  }

  /** Returns what a step of so many positions (rows, or tokens) costs, the one that was counted last among them. */
  of(positions: number): number | undefined {
    if (this.#isFresh) this.#positions += positions;
    this.#isFresh = false;
    return this.#positions === 0 ? undefined : (positions * this.#counter.totalFlops) / this.#positions;
  }
}
