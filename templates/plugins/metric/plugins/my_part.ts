// A metric: the share of rows whose class does not have the highest score. A model takes it in setupMetrics:
// { errors: registry.createMetric("my_part") } is logged as val_errors and test_errors.
import { type Metric, registerMetric } from "sconce";
import type { Tensor } from "sconce/torch";

/** Shapes: scores `[batch, classes]`, classes `[batch]` (int64). */
export class MyPart implements Metric {
  #wrong = 0;
  #all = 0;

  update(scores: Tensor, classes: Tensor): void {
    this.#wrong += scores.argmax(1).ne(classes).sum().item();
    this.#all += classes.numel;
  }

  compute(): number {
    return this.#wrong / this.#all;
  }

  reset(): void {
    this.#wrong = this.#all = 0;
  }
}

registerMetric("my_part", MyPart);
