// Metrics that grow batch by batch and are read at the end of an epoch.
import { f1Score } from "../metrics/index.ts";
import type { Average } from "../metrics/index.ts";
import type { Tensor } from "../torch/index.ts";

/** Sees the outputs of an epoch batch by batch; `compute` gives the metric of all that it saw. */
export interface Metric {
  update(outputs: Tensor, targets: Tensor): void;
  /** NaN before the first update. */
  compute(): number;
  reset(): void;
}

/**
 * Counts how many classes are right.
 *
 * Shapes: outputs `[batch, classes, ...]` (scores) or `[batch, ...]` (classes), targets `[batch, ...]`.
 */
export class Accuracy implements Metric {
  #right = 0;
  #all = 0;

  update(outputs: Tensor, targets: Tensor): void {
    this.#right += classesOf(outputs, targets).eq(targets).sum().item();
    this.#all += targets.numel;
  }

  compute(): number {
    return this.#right / this.#all;
  }

  reset(): void {
    this.#right = this.#all = 0;
  }
}

/** Computes the F1 score of all classes seen, as scikit-learn. Shapes: as `Accuracy`. */
export class F1Score implements Metric {
  readonly #average: Exclude<Average, null>;
  #labels: number[] = [];
  #predictions: number[] = [];

  constructor({ average = "macro" }: { average?: "macro" | "micro" | "weighted" } = {}) {
    this.#average = average;
  }

  update(outputs: Tensor, targets: Tensor): void {
    this.#labels.push(...integers(targets));
    this.#predictions.push(...integers(classesOf(outputs, targets)));
  }

  compute(): number {
    if (this.#labels.length === 0) return NaN;
    return f1Score(this.#labels, this.#predictions, { average: this.#average });
  }

  reset(): void {
    this.#labels = [];
    this.#predictions = [];
  }
}

/** Averages a distance between outputs and targets of one shape over all their numbers. */
abstract class MeanError implements Metric {
  #sum = 0;
  #count = 0;

  protected abstract sumOf(difference: Tensor): Tensor;

  update(outputs: Tensor, targets: Tensor): void {
    this.#sum += this.sumOf(outputs.sub(targets)).item();
    this.#count += targets.numel;
  }

  compute(): number {
    return this.#sum / this.#count;
  }

  reset(): void {
    this.#sum = this.#count = 0;
  }
}

/** Averages the distance between outputs and targets. Shapes: both alike. */
export class MeanAbsoluteError extends MeanError {
  protected sumOf(difference: Tensor): Tensor {
    return difference.abs().sum();
  }
}

/** Averages the squared distance between outputs and targets. Shapes: both alike. */
export class MeanSquaredError extends MeanError {
  protected sumOf(difference: Tensor): Tensor {
    return difference.square().sum();
  }
}

/** Takes outputs of one more dimension than the targets for scores of classes. */
function classesOf(outputs: Tensor, targets: Tensor): Tensor {
  return outputs.ndim === targets.ndim ? outputs : outputs.argmax(1);
}

function integers(tensor: Tensor): number[] {
  return (tensor.flatten().tolist() as (number | bigint)[]).map(Number);
}
