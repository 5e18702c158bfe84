// The linear part of a function at a point, computed once and applied often.
import { UsageError } from "../../base/index.ts";
import { zerosLike } from "../ops.generated.ts";
import { tensorLeaves, vjp } from "./grad.ts";
import { mapTensors } from "./tree.ts";

/**
 * Returns what `run` returns for `primals`, and a function that gives the product of its Jacobian there with tangents,
 * `J v`, nested and shaped as the primals are. `run` is called once and its intermediate results are kept: for one
 * product alone, `jvp` takes less memory. The product is the transpose of `v^T J`, so operators need second derivatives,
 * where PyTorch's own `linearize` traces forward mode.
 *
 * @example
 * const [, push] = torch.func.linearize((x: Tensor) => x.pow(2), [torch.tensor([3, 4])]);
 * push(torch.tensor([1, 10])).tolist(); // => [6, 80]
 */
export function linearize<Args extends unknown[], Output>(
  run: (...args: Args) => Output,
  primals: readonly [...Args],
): [output: Output, push: (...tangents: Args) => Output] {
  const inputs = tensorLeaves("linearize", primals);
  const [output, pullBack] = vjp(run, primals);
  const zeros = mapTensors(output, (tensor) => zerosLike(tensor)); // v^T J is linear in v: any v will do
  const [, transposed] = vjp((cotangents: Output) => pullBack(cotangents), [zeros]);
  const push = (...tangents: Args): Output => {
    const vectors = tensorLeaves("linearize", tangents);
    if (vectors.length !== inputs.length) {
      throw new UsageError(
        `linearize: the tangents must be nested as the ${inputs.length} primals are, got ${vectors.length} tensors.`,
      );
    }
    for (const [i, vector] of vectors.entries()) {
      const [wanted, given] = [inputs[i]!, vector].map(({ shape, dtype, device }) => `${dtype} [${shape.join(", ")}] on ${device}`); // prettier-ignore
      if (wanted === given) continue;
      throw new UsageError(`linearize: tangent ${i} must be as its primal is, ${wanted}, got ${given}.`);
    }
    return transposed(tangents)[0];
  };
  return [output, push];
}
