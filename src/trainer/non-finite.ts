// Finds where NaN or infinity came from.
import { TrainingError } from "../base/index.ts";
import { noGrad, scope, Tensor } from "../torch/index.ts";
import type { nn } from "../torch/index.ts";

/** Tells a loss that is not finite from other errors of training, as which it is shown. */
export class NonFiniteLossError extends TrainingError {
  constructor(message: string) {
    super(message);
    this.name = TrainingError.name;
  }
}

/**
 * Says which weight, or else which module first put out a number that is not finite, by running `forward` again
 * and looking at every module's output. Slow; for the error message alone.
 */
export function findNonFinite(model: nn.Module, forward: () => unknown): string {
  return scope(() =>
    noGrad(() => {
      for (const [name, parameter] of model.namedParameters()) {
        if (!isFinite(parameter)) return `The weight "${name}" holds ${describe(parameter)}.`;
      }
      let first: string | undefined;
      const restore = watchOutputs(model, (name, output) => {
        if (first === undefined && !isFinite(output))
          first = `"${name}" was the first module to put out ${describe(output)}.`;
      });
      try {
        forward();
      } finally {
        restore();
      }
      return first ?? "Every module put out finite numbers, so the loss itself overflowed.";
    }),
  );
}

/** Calls `visit` with every tensor that a module of `model` returns, until the returned function is called. */
function watchOutputs(model: nn.Module, visit: (name: string, output: Tensor) => void): () => void {
  const handles = Array.from(model.namedModules(), ([name, module]) =>
    module.registerForwardHook((_, __, output) => {
      for (const tensor of tensors(output)) visit(name === "" ? module.constructor.name : name, tensor);
    }),
  );
  return () => {
    for (const handle of handles) handle.remove();
  };
}

function tensors(output: unknown): Tensor[] {
  if (output instanceof Tensor) return [output];
  return typeof output === "object" && output !== null
    ? Object.values(output).filter((value) => value instanceof Tensor)
    : [];
}

function isFinite(tensor: Tensor): boolean {
  return Boolean(tensor.isfinite().all().item());
}

function describe(tensor: Tensor): string {
  return tensor.isnan().any().item() ? "NaN" : "infinity";
}
