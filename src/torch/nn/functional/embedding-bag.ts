// Sums, means or maxima of rows of a table. Single rows: ./embedding.ts.
import { ShapeError, UsageError, suggestion } from "../../../base/index.ts";
import * as torch from "../../ops.generated.ts";
import type { Tensor } from "../../tensor.ts";
import { resolveRow, shrinkRows } from "./embedding.ts";
import type { EmbeddingLookupOptions } from "./embedding.ts";

const modes = { sum: 0, mean: 1, max: 2 } as const;

/** What becomes of the rows of a bag. */
export type EmbeddingBagMode = keyof typeof modes;

/** What an embedding bag takes besides its ids. */
export interface EmbeddingBagInputs {
  /** Where each bag starts in flat indices, `[bags]`, one more with `includeLastOffset`. */
  offsets?: Tensor | undefined;
  /** Weight of each index in its sum, shaped as the indices. */
  perSampleWeights?: Tensor | undefined;
}

/** Options of `embeddingBag`. */
export interface EmbeddingBagLookupOptions extends EmbeddingLookupOptions, EmbeddingBagInputs {
  /** @default "mean" */
  mode?: EmbeddingBagMode;
  /** Whether `offsets` ends with the number of indices. @default false */
  includeLastOffset?: boolean;
}

/**
 * Computes the sum, mean or maximum of the rows of each bag of indices without keeping the rows. The padding row
 * does not count; an empty bag gives zeros.
 *
 * Shapes: `indices [bags, length]`, or `[indices]` with `offsets [bags]`; `weight [rows, width]` -> `[bags, width]`.
 */
export function embeddingBag(
  indices: Tensor,
  weight: Tensor,
  {
    offsets,
    perSampleWeights,
    paddingIdx,
    maxNorm,
    normType = 2,
    scaleGradByFreq = false,
    sparse = false,
    mode = "mean",
    includeLastOffset = false,
  }: EmbeddingBagLookupOptions = {},
): Tensor {
  checkMode("embeddingBag", mode, { scaleGradByFreq, sparse });
  checkInputs(indices, mode, { offsets, perSampleWeights });
  shrinkRows(weight, indices, maxNorm, normType);
  const { shape, numel, dtype, device } = indices;
  const [bags] = torch.embeddingBag(
    weight,
    indices.reshape([-1]),
    offsets ?? torch.arange(0, numel, shape[1]!, { dtype, device }),
    {
      scaleGradByFreq,
      mode: modes[mode],
      sparse,
      perSampleWeights: perSampleWeights?.reshape([-1]) ?? null,
      includeLastOffset: offsets !== undefined && includeLastOffset,
      paddingIdx: resolveRow("embeddingBag", weight.size(0), paddingIdx) ?? null,
    },
  );
  return bags;
}

/** Throws unless `mode` is one, and has the gradients asked for. */
export function checkMode(
  where: string,
  mode: EmbeddingBagMode,
  { scaleGradByFreq = false, sparse = false }: { scaleGradByFreq?: boolean; sparse?: boolean },
): void {
  if (!Object.hasOwn(modes, mode)) {
    const help = suggestion(mode, Object.keys(modes));
    throw new UsageError(`${where}: unknown mode ${JSON.stringify(mode)}. ${help}`);
  }
  if (mode === "max" && (scaleGradByFreq || sparse)) {
    const option = scaleGradByFreq ? "scaleGradByFreq" : "sparse";
    throw new UsageError(`${where}: mode "max" has no such gradient, got ${option}: true. Leave it out.`);
  }
}

function checkInputs(
  indices: Tensor,
  mode: EmbeddingBagMode,
  { offsets, perSampleWeights }: EmbeddingBagInputs,
): void {
  const { shape } = indices;
  const fail = (what: string): never => {
    throw new ShapeError(`embeddingBag: ${what}, for indices [${shape.join(", ")}].`);
  };
  if (shape.length === 1) {
    const got = offsets === undefined ? "none" : `[${offsets.shape.join(", ")}]`;
    if (offsets?.ndim !== 1) fail(`flat indices need offsets [bags], got ${got}`);
  } else if (shape.length === 2) {
    if (offsets !== undefined) fail("indices [bags, length] are whole bags and take no offsets");
  } else fail("indices must be [bags, length], or [indices] with offsets");
  if (perSampleWeights === undefined) return;
  if (mode !== "sum") fail(`perSampleWeights are for mode "sum", got mode "${mode}"`);
  if (perSampleWeights.shape.join() !== shape.join()) {
    fail(`perSampleWeights must be shaped as the indices, got [${perSampleWeights.shape.join(", ")}]`);
  }
}
