// Layers that keep their inputs alone and are computed again in backward: less memory for one more forward pass.
import { UsageError } from "../../base/index.ts";
import { nn, noGrad, utils } from "../../torch/index.ts";
import type { Tensor } from "../../torch/index.ts";

/** A stack of layers that can do so. */
interface Stack {
  gradientCheckpointing: boolean;
}

/**
 * Makes the layers of a model be computed again in backward, where they are trained, or keep their activations again.
 * Gradients are the same bit for bit, with dropout too.
 *
 * @throws UsageError for a model that has no such layers.
 *
 * @example
 * const model = new BertForSequenceClassification(bertConfig({ numHiddenLayers: 1, hiddenSize: 12, vocabSize: 9 }));
 * setGradientCheckpointing(model);
 */
export function setGradientCheckpointing(model: nn.Module, enabled = true): void {
  const stacks = [...model.modules()].filter(isStack);
  if (stacks.length === 0) {
    throw new UsageError(
      `setGradientCheckpointing: ${model.constructor.name} has no layers that can be computed again. Use torch.utils.checkpoint in its forward.`,
    );
  }
  for (const stack of stacks) stack.gradientCheckpointing = enabled;
}

/** Calls a layer, which backward will compute again. What it counts, as batch norms do, is counted once. */
export function recomputed<Inputs extends (Tensor | undefined)[]>(
  layer: nn.Module & { forward(...inputs: Inputs): Tensor },
  ...inputs: Inputs
): Tensor {
  let isFirst = true;
  const run = (...given: Inputs): Tensor => {
    if (!isFirst) return withSameBuffers(layer, () => layer.forward(...given));
    isFirst = false;
    return layer.forward(...given);
  };
  return utils.checkpoint(run, ...inputs);
}

function withSameBuffers<T>(layer: nn.Module, run: () => T): T {
  const before = Array.from(layer.buffers(), (buffer) => [buffer, noGrad(() => buffer.clone())] as const);
  try {
    return run();
  } finally {
    noGrad(() => {
      for (const [buffer, copy] of before) buffer.copy_(copy);
    });
  }
}

function isStack(module: nn.Module): module is nn.Module & Stack {
  return typeof (module as Partial<Stack>).gradientCheckpointing === "boolean";
}
