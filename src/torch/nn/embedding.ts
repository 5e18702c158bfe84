// Table of vectors, looked up by index.
import { ShapeError } from "../../base/index.ts";
import { embedding, empty } from "../ops.generated.ts";
import { scope } from "../scope.ts";
import type { Tensor } from "../tensor.ts";
import { normal_, zeros_ } from "./init.ts";
import { Module } from "./module.ts";
import { Parameter } from "./parameter.ts";

export interface EmbeddingOptions {
  /** Row that starts at zero and gets no gradient. */
  paddingIdx?: number;
}

/**
 * Looks up a vector for each index.
 *
 * Shapes: `indices [...]` of int64 or int32 -> `[..., embeddingDim]`.
 */
export class Embedding extends Module {
  readonly numEmbeddings: number;
  readonly embeddingDim: number;
  readonly paddingIdx: number | undefined;
  readonly weight: Parameter;

  constructor(numEmbeddings: number, embeddingDim: number, { paddingIdx }: EmbeddingOptions = {}) {
    super();
    if (paddingIdx !== undefined && !(paddingIdx >= -numEmbeddings && paddingIdx < numEmbeddings)) {
      throw new ShapeError(`Embedding: paddingIdx must be within ${numEmbeddings} rows, got ${paddingIdx}.`);
    }
    this.numEmbeddings = numEmbeddings;
    this.embeddingDim = embeddingDim;
    this.paddingIdx = paddingIdx !== undefined && paddingIdx < 0 ? paddingIdx + numEmbeddings : paddingIdx;
    this.weight = new Parameter(empty([numEmbeddings, embeddingDim]));
    this.resetParameters();
  }

  /** Draws the table from N(0, 1); the padding row is zero. */
  resetParameters(): void {
    normal_(this.weight);
    this.zeroPadding();
  }

  /** Sets the padding row to zero. */
  zeroPadding(): void {
    const { paddingIdx } = this;
    if (paddingIdx !== undefined) scope(() => void zeros_(this.weight.detach().select(0, paddingIdx)));
  }

  override forward(indices: Tensor): Tensor {
    return embedding(this.weight, indices, { paddingIdx: this.paddingIdx ?? -1 });
  }
}
