// Weights as one vector, and back.
import { ShapeError } from "../../../base/index.ts";
import { noGrad } from "../../grad-mode.ts";
import { cat } from "../../ops.generated.ts";
import { scope } from "../../scope.ts";
import type { Tensor } from "../../tensor.ts";

/** Puts all elements of the parameters behind each other. */
export function parametersToVector(parameters: Iterable<Tensor>): Tensor {
  return cat(Array.from(parameters, (parameter) => parameter.reshape([-1])));
}

/** Copies a vector, as `parametersToVector` gives it, into the parameters. */
export function vectorToParameters(vector: Tensor, parameters: Iterable<Tensor>): void {
  const targets = [...parameters];
  const count = targets.reduce((sum, { numel }) => sum + numel, 0);
  if (vector.ndim !== 1 || vector.numel !== count) {
    throw new ShapeError(
      `vectorToParameters: the vector must have the parameters' ${count} elements, got shape [${vector.shape.join(", ")}].`,
    );
  }
  scope(() =>
    noGrad(() => {
      let start = 0;
      for (const target of targets) {
        target.copy_(vector.narrow(0, start, target.numel).view(target.shape));
        start += target.numel;
      }
    }),
  );
}
