// A callback: logs how long each epoch took. sconce train takes it as +callbacks.my_part={}, a program gives it to the
// trainer: new Trainer({ callbacks: [registry.createCallback("my_part")] }).
import { type Callback, registerCallback } from "sconce";
import type { Run } from "sconce/trainer";
import * as z from "zod";

const schema = z.strictObject({ metric: z.string().default("epoch_seconds") });

/** Logs the seconds of each epoch of training under the name `metric`. The other hooks: `Callback` of sconce. */
export class MyPart implements Callback {
  static readonly schema = schema;
  readonly name = "my_part";
  readonly #metric: string;
  #startedAt = 0;

  constructor({ metric }: z.output<typeof schema>) {
    this.#metric = metric;
  }

  onTrainEpochStart(): void {
    this.#startedAt = performance.now();
  }

  onTrainEpochEnd(run: Run): void {
    run.log({ [this.#metric]: (performance.now() - this.#startedAt) / 1000 });
  }
}

registerCallback("my_part", MyPart);
