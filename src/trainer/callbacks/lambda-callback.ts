// A callback made of functions.
import type { Callback } from "./callback.ts";

/**
 * Makes a callback of the hooks that are given.
 *
 * @example
 * const steps: number[] = [];
 * new LambdaCallback({ onTrainBatchEnd: (run) => void steps.push(run.state.step) });
 */
export class LambdaCallback implements Callback {
  readonly name: string = "lambda_callback";

  constructor(hooks: Partial<Callback>) {
    Object.assign(this, hooks);
  }
}
