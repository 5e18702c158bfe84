// Sums, means or maxima of rows of a table. Single rows: ./embedding.ts.
import { named } from "../operator-arguments.ts";
import type { Tensor } from "../tensor.ts";
import { EmbeddingTable, embeddingNames, pretrainedArguments } from "./embedding.ts";
import type { EmbeddingOptions, PretrainedOptions } from "./embedding.ts";
import { checkMode, embeddingBag } from "./functional/embedding-bag.ts";
import type { EmbeddingBagInputs, EmbeddingBagMode } from "./functional/embedding-bag.ts";
import type { Parameter } from "./parameter.ts";
import { sized } from "./repr.ts";

/** Options of `EmbeddingBag`. */
export interface EmbeddingBagOptions extends EmbeddingOptions {
  /** @default "mean" */
  mode?: EmbeddingBagMode;
  /** Whether `offsets` ends with the number of indices. @default false */
  includeLastOffset?: boolean;
}

const optionNames = [...embeddingNames, "mode", "includeLastOffset"];

/**
 * Computes the sum, mean or maximum of the rows of each bag of indices without keeping the rows. The padding row
 * does not count; an empty bag gives zeros.
 *
 * Shapes: `indices [bags, length]`, or `[indices]` with `offsets [bags]` -> `[bags, embeddingDim]`.
 *
 * @example
 * const bags = nn.EmbeddingBag.fromPretrained(torch.tensor([[1, 2], [3, 4], [5, 6]]), { mode: "sum" });
 * bags.forward(torch.tensor([0n, 1n, 2n]), { offsets: torch.tensor([0n, 2n]) }).tolist(); // => [[4, 6], [5, 6]]
 */
export class EmbeddingBag extends EmbeddingTable {
  readonly mode: EmbeddingBagMode;
  readonly includeLastOffset: boolean;

  constructor(
    numEmbeddings: number,
    embeddingDim: number,
    given: EmbeddingBagOptions = {},
    pretrained?: Parameter,
  ) {
    const {
      mode = "mean",
      includeLastOffset = false,
      ...options
    } = named(new.target.name, given, optionNames);
    checkMode("EmbeddingBag", mode, options);
    super(numEmbeddings, embeddingDim, options, pretrained);
    this.mode = mode;
    this.includeLastOffset = includeLastOffset;
  }

  /** Makes a layer of a table `[numEmbeddings, embeddingDim]`, whose memory it shares. */
  static fromPretrained(table: Tensor, given: EmbeddingBagOptions & PretrainedOptions = {}): EmbeddingBag {
    const names = [...optionNames, "freeze"];
    const { freeze = true, ...options } = named("EmbeddingBag.fromPretrained", given, names);
    return new EmbeddingBag(...pretrainedArguments("EmbeddingBag", table, freeze, options));
  }

  override forward(indices: Tensor, { offsets, perSampleWeights }: EmbeddingBagInputs = {}): Tensor {
    const { paddingIdx, maxNorm, normType, scaleGradByFreq, sparse, mode, includeLastOffset } = this;
    const options = { paddingIdx, maxNorm, normType, scaleGradByFreq, sparse, mode, includeLastOffset };
    return embeddingBag(indices, this.weight, { ...options, offsets, perSampleWeights });
  }

  override extraRepr(): string {
    const { numEmbeddings, embeddingDim, mode, paddingIdx } = this;
    const options = { ...this.printedOptions(), mode: `'${mode}'`, padding_idx: paddingIdx };
    return sized([numEmbeddings, embeddingDim], options);
  }
}
