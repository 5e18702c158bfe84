// How a model runs that is judged or asked to predict.
import { inferenceMode, noGrad } from "../torch/index.ts";

/** Runs `run` in inference mode, as `trainer.inference_mode` says, else without gradients alone. */
export function withoutGradients<T>(isInference: boolean, run: () => T): T {
  return isInference ? inferenceMode(run) : noGrad(run);
}
