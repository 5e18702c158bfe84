// A loss: focal loss (Lin et al. 2017), cross entropy that looks away from what is easy.
import { registerLoss } from "sconce";
import { type Tensor, nn } from "sconce/torch";
import * as z from "zod";

const schema = z.strictObject({ gamma: z.number().min(0).default(2) });

/** Shapes: scores `[batch, classes]`, classes `[batch]` (int64) -> `[]`. With `gamma` 0 it is cross entropy. */
export class FocalLoss extends nn.Module {
  static readonly schema = schema;
  readonly gamma: number;

  constructor({ gamma }: z.output<typeof schema>) {
    super();
    this.gamma = gamma;
  }

  override forward(scores: Tensor, classes: Tensor): Tensor {
    const logProbability = scores.logSoftmax(1).gather(1, classes.unsqueeze(1)); // [batch, 1]
    const doubt = logProbability.exp().neg().add(1);
    return doubt.pow(this.gamma).mul(logProbability).mean().neg();
  }
}

registerLoss("focal", FocalLoss);
