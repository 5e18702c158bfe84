// Number formats of training, by Lightning's names.
import { autocast } from "../torch/index.ts";
import type { Dtype, nn } from "../torch/index.ts";
import type { Precision } from "./run.ts";

const weightDtypes: Readonly<Record<Precision, Dtype>> = {
  "32-true": "float32",
  "bf16-mixed": "float32",
  "bf16-true": "bfloat16",
  "64-true": "float64",
};

/** Brings the weights to the format that a precision keeps them in. */
export function castWeights(model: nn.Module, precision: Precision): void {
  model.to({ dtype: weightDtypes[precision] });
}

/** Runs a forward pass in a precision: mixed ones compute matrix products in 16 bits. */
export function withPrecision<T>(precision: Precision, run: () => T): T {
  return precision === "bf16-mixed" ? autocast({ dtype: "bfloat16" }, run) : run();
}
