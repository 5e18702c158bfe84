// A model: tells classes of points apart by a network of two layers. Its options stand in conf/model/my_part.yaml.
import { BaseModel, type Metric, registerModel } from "sconce";
import { Accuracy, F1Score } from "sconce/contracts";
import { type Tensor, nn } from "sconce/torch";
import * as z from "zod";

const schema = z.strictObject({
  inputs: z.int().min(1).default(2),
  classes: z.int().min(2).default(3),
  hidden: z.int().min(1).default(32),
  lr: z.number().positive().default(0.01),
});
type Config = z.output<typeof schema>;

/** Shapes: batches are points `[batch, inputs]` and classes `[batch]` (int64); outputs are scores `[batch, classes]`. */
export class MyPart extends BaseModel<Config, [Tensor, Tensor]> {
  static override readonly schema = schema;

  override buildModel({ inputs, classes, hidden }: Config): nn.Module {
    return new nn.Sequential(new nn.Linear(inputs, hidden), new nn.ReLU(), new nn.Linear(hidden, classes));
  }

  /** Logged as `val_accuracy`, `test_accuracy` and so on. */
  override setupMetrics(): Record<string, Metric> {
    return { accuracy: new Accuracy(), f1: new F1Score() };
  }

  override lossOf(scores: Tensor, classes: Tensor): Tensor {
    return nn.functional.crossEntropy(scores, classes);
  }
}

registerModel("my_part", MyPart);
