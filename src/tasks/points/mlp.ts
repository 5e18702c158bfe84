// A multilayer perceptron that classifies rows of numbers.
import { z } from "zod";
import { Accuracy, BaseModel, F1Score } from "../../contracts/index.ts";
import type { ConfigSchema, Metric } from "../../contracts/index.ts";
import { nn } from "../../torch/index.ts";
import type { Tensor } from "../../torch/index.ts";

/** Options of `MLPClassifier`. */
export interface MLPClassifierConfig {
  /** Numbers of a row. @default 2 */
  inputs?: number;
  /** @default 3 */
  classes?: number;
  /** Widths of the hidden layers. @default [32] */
  hidden?: readonly number[];
  /** Rate of AdamW, where the config names no optimizer. @default 0.01 */
  lr?: number;
}

/**
 * Classifies rows of numbers by layers with ReLU between them; logs `accuracy` and the macro average of `f1`.
 *
 * Shapes: batches are rows `[batch, inputs]` and classes `[batch]` (int64); outputs are scores `[batch, classes]`.
 */
export class MLPClassifier extends BaseModel<MLPClassifierConfig, [Tensor, Tensor]> {
  static override readonly schema: ConfigSchema<any> = z.strictObject({
    inputs: z.int().min(1).exactOptional(),
    classes: z.int().min(2).exactOptional(),
    hidden: z.array(z.int().min(1)).exactOptional(),
    lr: z.number().positive().default(0.01),
  });

  override buildModel({ inputs = 2, classes = 3, hidden = [32] }: MLPClassifierConfig): nn.Module {
    const widths = [inputs, ...hidden];
    return new nn.Sequential(
      ...hidden.flatMap((width, index) => [new nn.Linear(widths[index]!, width), new nn.ReLU()]),
      new nn.Linear(widths.at(-1)!, classes),
    );
  }

  override setupMetrics(): Record<string, Metric> {
    return { accuracy: new Accuracy(), f1: new F1Score() };
  }

  override lossOf(scores: Tensor, classes: Tensor): Tensor {
    return nn.functional.crossEntropy(scores, classes);
  }
}
