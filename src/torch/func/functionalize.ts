// Functions without changes in place, by libtorch's functionalization; after torch/_functorch/eager_transforms.py.
import { UsageError } from "../../base/index.ts";
import { wrap } from "../binding.ts";
import { native } from "../native.ts";
import { Tensor } from "../tensor.ts";
import { atLevel, synchronous } from "./level.ts";
import { flatten, mapTensors } from "./tree.ts";

/** Options of `functionalize`. */
export interface FunctionalizeOptions {
  /** What is replaced: operators that change in place, or also those that return views, by copies. @default "mutations" */
  remove?: "mutations" | "mutations_and_views";
}

/**
 * Makes a function that computes the same with other operators: those that change a tensor in place become those that
 * return a new one (`add_` becomes `add`). Arguments that the function changes are changed at its end. The profiler and
 * other transforms see the replaced operators.
 *
 * @example
 * const twice = torch.func.functionalize((x: Tensor) => x.clone().mul_(2));
 * twice(torch.tensor([3])).tolist(); // => [6]
 */
export function functionalize<Args extends unknown[], Result>(
  run: (...args: Args) => Result,
  { remove = "mutations" }: FunctionalizeOptions = {},
): (...args: Args) => Result {
  if (remove !== "mutations" && remove !== "mutations_and_views") {
    throw new UsageError(
      `functionalize: remove must be "mutations" or "mutations_and_views", got ${JSON.stringify(remove)}.`,
    );
  }
  const addBackViews = remove === "mutations";
  return (...args) =>
    atLevel(
      () => native.pushFunctionalize(addBackViews),
      (level) => {
        const inside = mapTensors(args, (tensor) => wrap(native.wrapFunctional(tensor.handle, level)));
        const returned = synchronous("functionalize", run(...inside));
        const result = mapTensors(returned, (tensor) =>
          wrap(native.unwrapFunctional(tensor.handle, addBackViews)),
        );
        const wrapped = flatten(inside).leaves;
        for (const [i, leaf] of flatten(args).leaves.entries()) {
          if (leaf instanceof Tensor) native.returnChanges(leaf.handle, (wrapped[i] as Tensor).handle);
        }
        return result;
      },
    );
}
