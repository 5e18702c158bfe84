// Where layers make their weights.
import type { Dtype, Device } from "../dtype.ts";
import { empty } from "../ops.generated.ts";
import { Parameter } from "./parameter.ts";

/** Where and in what dtype a layer's weights are made. */
export interface FactoryOptions {
  /** Dtype of the weights. @default torch.getDefaultDtype() */
  dtype?: Dtype | undefined;
  /** Where the weights live; "meta" gives them no memory. @default "cpu" */
  device?: Device | undefined;
}

/** The names of `FactoryOptions`, for layers to check theirs with. */
export const factoryNames = ["dtype", "device"] as const;

/** Makes a weight of unknown content, for a layer's `resetParameters` to fill. */
export function newWeight(shape: readonly number[], { dtype, device }: FactoryOptions): Parameter {
  return new Parameter(empty([...shape], { dtype, device }));
}
