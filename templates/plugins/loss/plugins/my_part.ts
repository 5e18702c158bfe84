// A loss: cross entropy that keeps the model from being too sure of itself (Pereyra et al. 2017). A model takes it in its
// constructor, registry.createLoss("my_part", { beta: 0.1 }), and calls its forward in lossOf.
import { registerLoss } from "sconce";
import { type Tensor, nn } from "sconce/torch";
import * as z from "zod";

const schema = z.strictObject({ beta: z.number().min(0).default(0.1) });

/** Shapes: scores `[batch, classes]`, classes `[batch]` (int64) -> `[]`. With `beta` 0 it is cross entropy. */
export class MyPart extends nn.Module {
  static readonly schema = schema;
  readonly beta: number;

  constructor({ beta }: z.output<typeof schema>) {
    super();
    this.beta = beta;
  }

  override forward(scores: Tensor, classes: Tensor): Tensor {
    const logProbabilities = scores.logSoftmax(1);
    const entropy = logProbabilities.exp().mul(logProbabilities).sum([1]).neg().mean();
    return nn.functional.nllLoss(logProbabilities, classes).sub(entropy.mul(this.beta));
  }
}

registerLoss("my_part", MyPart);
