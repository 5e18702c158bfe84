// Table of vectors, looked up by index. Sums of them: ./embedding-bag.ts.
import { ShapeError } from "../../base/index.ts";
import { named } from "../operator-arguments.ts";
import { scope } from "../scope.ts";
import type { Tensor } from "../tensor.ts";
import { factoryNames, newWeight } from "./factory.ts";
import type { FactoryOptions } from "./factory.ts";
import { embedding } from "./functional/embedding.ts";
import { normal_, zeros_ } from "./init.ts";
import { Module } from "./module.ts";
import { Parameter } from "./parameter.ts";
import { pythonFloat, sized } from "./repr.ts";

/** Options of `Embedding`. */
export interface EmbeddingOptions extends FactoryOptions {
  /** Row that starts at zero and gets no gradient; negative counts from the end. */
  paddingIdx?: number;
  /** Scales rows of a greater norm down to it when they are looked up, in the table itself. */
  maxNorm?: number;
  /** Which norm `maxNorm` is of. @default 2 */
  normType?: number;
  /** Divides a row's gradient by how often the batch holds it. @default false */
  scaleGradByFreq?: boolean;
  /** Gives the table a sparse gradient, which holds the rows that were looked up. @default false */
  sparse?: boolean;
}

/** The names of `EmbeddingOptions`. */
export const embeddingNames = [
  "paddingIdx",
  "maxNorm",
  "normType",
  "scaleGradByFreq",
  "sparse",
  ...factoryNames,
] as const;

/** Options of `Embedding.fromPretrained`. */
export interface PretrainedOptions {
  /** Leaves the table as it is while training. @default true */
  freeze?: boolean;
}

/** Holds the table and the options that `Embedding` and `EmbeddingBag` share. */
export abstract class EmbeddingTable extends Module {
  readonly numEmbeddings: number;
  readonly embeddingDim: number;
  readonly paddingIdx: number | undefined;
  readonly maxNorm: number | undefined;
  readonly normType: number;
  readonly scaleGradByFreq: boolean;
  /** May be switched while the table has no gradient. */
  sparse: boolean;
  /** The table; may be replaced by another layer's weight to tie the two. */
  weight: Parameter;

  protected constructor(
    numEmbeddings: number,
    embeddingDim: number,
    {
      paddingIdx,
      maxNorm,
      normType = 2,
      scaleGradByFreq = false,
      sparse = false,
      ...factory
    }: EmbeddingOptions,
    pretrained?: Parameter,
  ) {
    super();
    const name = new.target.name;
    if (paddingIdx !== undefined && !(paddingIdx >= -numEmbeddings && paddingIdx < numEmbeddings)) {
      throw new ShapeError(`${name}: paddingIdx must be within ${numEmbeddings} rows, got ${paddingIdx}.`);
    }
    this.numEmbeddings = numEmbeddings;
    this.embeddingDim = embeddingDim;
    this.paddingIdx = paddingIdx !== undefined && paddingIdx < 0 ? paddingIdx + numEmbeddings : paddingIdx;
    this.maxNorm = maxNorm;
    this.normType = normType;
    this.scaleGradByFreq = scaleGradByFreq;
    this.sparse = sparse;
    this.weight = pretrained ?? newWeight([numEmbeddings, embeddingDim], factory);
    if (pretrained === undefined) this.resetParameters();
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

  /** Returns the options that are not the defaults, as PyTorch prints them. */
  protected printedOptions(): Record<string, unknown> {
    const { maxNorm, normType, scaleGradByFreq, sparse } = this;
    return {
      max_norm: maxNorm === undefined ? undefined : pythonFloat(maxNorm),
      norm_type: normType === 2 ? undefined : pythonFloat(normType),
      scale_grad_by_freq: scaleGradByFreq ? true : undefined,
      sparse: sparse ? true : undefined,
    };
  }
}

/**
 * Looks up a vector for each index.
 *
 * Shapes: `indices [...]` of int64 or int32 -> `[..., embeddingDim]`.
 *
 * @example
 * const table = nn.Embedding.fromPretrained(torch.tensor([[1, 2], [3, 4]]));
 * table.forward(torch.tensor([1n, 0n])).tolist(); // => [[3, 4], [1, 2]]
 */
export class Embedding extends EmbeddingTable {
  constructor(
    numEmbeddings: number,
    embeddingDim: number,
    options: EmbeddingOptions = {},
    pretrained?: Parameter,
  ) {
    super(numEmbeddings, embeddingDim, named(new.target.name, options, embeddingNames), pretrained);
  }

  /** Makes a layer of a table `[numEmbeddings, embeddingDim]`, whose memory it shares. */
  static fromPretrained(table: Tensor, given: EmbeddingOptions & PretrainedOptions = {}): Embedding {
    const names = [...embeddingNames, "freeze"];
    const { freeze = true, ...options } = named("Embedding.fromPretrained", given, names);
    return new Embedding(...pretrainedArguments("Embedding", table, freeze, options));
  }

  override forward(indices: Tensor): Tensor {
    return embedding(indices, this.weight, this);
  }

  override extraRepr(): string {
    const { numEmbeddings, embeddingDim, paddingIdx } = this;
    return sized([numEmbeddings, embeddingDim], { padding_idx: paddingIdx, ...this.printedOptions() });
  }
}

/** Returns a constructor's arguments for a table that exists. */
export function pretrainedArguments<O>(
  where: string,
  table: Tensor,
  freeze: boolean,
  options: O,
): [number, number, O, Parameter] {
  const [rows, width, ...others] = table.shape;
  if (rows === undefined || width === undefined || others.length > 0) {
    throw new ShapeError(
      `${where}.fromPretrained: the table must be [numEmbeddings, embeddingDim], got [${table.shape.join(", ")}].`,
    );
  }
  return [rows, width, options, new Parameter(table, { requiresGrad: !freeze })];
}
