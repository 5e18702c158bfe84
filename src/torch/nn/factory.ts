// Where layers make their weights.
import { UsageError } from "../../base/index.ts";
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

/**
 * Makes a weight of unknown content, for a layer's `resetParameters` to fill. Layers pass on all options that they do
 * not take themselves, so that one which is none, such as Python's `batch_first`, is refused here.
 */
export function newWeight(
  shape: readonly number[],
  { dtype, device, ...unknown }: FactoryOptions,
): Parameter {
  const [name] = Object.keys(unknown);
  if (name !== undefined) {
    const camelCase = name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
    const hint = camelCase === name ? "See the options of the layer." : `Write it as "${camelCase}".`;
    throw new UsageError(`nn: the layer has no option "${name}". ${hint}`);
  }
  return new Parameter(empty([...shape], { dtype, device }));
}
