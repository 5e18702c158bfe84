// The blocks of an encoder and of a decoder. Stacks of them: ./transformer.ts.
import { UsageError } from "../../base/index.ts";
import { named } from "../operator-arguments.ts";
import { nnFunctional, relu } from "../ops.generated.ts";
import type { Tensor } from "../tensor.ts";
import { MultiheadAttention } from "./attention.ts";
import type { MultiheadAttentionInputs } from "./attention.ts";
import { Dropout } from "./dropout.ts";
import { factoryNames } from "./factory.ts";
import type { FactoryOptions } from "./factory.ts";
import { Linear } from "./linear.ts";
import { Module } from "./module.ts";
import { LayerNorm } from "./normalization.ts";

/** Options of `TransformerEncoderLayer` and `TransformerDecoderLayer`. */
export interface TransformerLayerOptions extends FactoryOptions {
  /** Features between the two linear layers. @default 2048 */
  dimFeedforward?: number;
  /** Dropout of attention weights, feed-forward features and block outputs. @default 0.1 */
  dropout?: number;
  /** Function between the two linear layers. @default "relu" */
  activation?: "relu" | "gelu" | ((x: Tensor) => Tensor);
  /** Added to the variance by the norms. @default 1e-5 */
  layerNormEps?: number;
  /** Whether sequences are `[batch, seq, dModel]` instead of `[seq, batch, dModel]`. @default false */
  batchFirst?: boolean;
  /** Normalises before each block instead of after (Xiong et al., 2020). @default false */
  normFirst?: boolean;
  /** @default true */
  bias?: boolean;
}

/** The names of `TransformerLayerOptions`. */
export const transformerLayerNames = [
  "dimFeedforward",
  "dropout",
  "activation",
  "layerNormEps",
  "batchFirst",
  "normFirst",
  "bias",
  ...factoryNames,
] as const;

/** Masks: boolean (true = does not attend) or added to the scores. */
export interface EncoderLayerInputs {
  /** `[seq, seq]` or `[batch * heads, seq, seq]`. */
  srcMask?: Tensor | undefined;
  /** `[batch, seq]`. */
  srcKeyPaddingMask?: Tensor | undefined;
  /** Says that `srcMask` is the causal mask. @default false */
  isCausal?: boolean;
}

/** Masks: boolean (true = does not attend) or added to the scores. */
export interface DecoderLayerInputs {
  /** `[target, target]` or `[batch * heads, target, target]`. */
  tgtMask?: Tensor | undefined;
  /** `[target, source]` or `[batch * heads, target, source]`. */
  memoryMask?: Tensor | undefined;
  /** `[batch, target]`. */
  tgtKeyPaddingMask?: Tensor | undefined;
  /** `[batch, source]`. */
  memoryKeyPaddingMask?: Tensor | undefined;
  /** Says that `tgtMask` is the causal mask. @default false */
  tgtIsCausal?: boolean;
  /** Says that `memoryMask` is the causal mask. @default false */
  memoryIsCausal?: boolean;
}

/**
 * Computes self-attention and a feed-forward network, each with a residual and a norm (Vaswani et al., 2017).
 *
 * Shapes: `src [seq, batch, dModel]` (batch first with `batchFirst`, no batch for one sequence) -> the same.
 *
 * @example
 * const layer = new nn.TransformerEncoderLayer(8, 2, { dimFeedforward: 16, batchFirst: true });
 * layer.forward(torch.ones([3, 5, 8])).shape; // => [3, 5, 8]
 */
export class TransformerEncoderLayer extends Module {
  readonly self_attn: MultiheadAttention;
  readonly linear1: Linear;
  readonly dropout: Dropout;
  readonly linear2: Linear;
  readonly normFirst: boolean;
  readonly norm1: LayerNorm;
  readonly norm2: LayerNorm;
  readonly dropout1: Dropout;
  readonly dropout2: Dropout;
  readonly activation: (x: Tensor) => Tensor;

  constructor(dModel: number, nhead: number, options: TransformerLayerOptions = {}) {
    super();
    const {
      dimFeedforward = 2048,
      dropout = 0.1,
      activation = "relu",
      layerNormEps: eps = 1e-5,
      batchFirst = false,
      normFirst = false,
      bias = true,
      ...factory
    } = named(new.target.name, options, transformerLayerNames);
    this.self_attn = new MultiheadAttention(dModel, nhead, { dropout, bias, batchFirst, ...factory });
    this.linear1 = new Linear(dModel, dimFeedforward, { bias, ...factory });
    this.dropout = new Dropout(dropout);
    this.linear2 = new Linear(dimFeedforward, dModel, { bias, ...factory });
    this.normFirst = normFirst;
    this.norm1 = new LayerNorm(dModel, { eps, bias, ...factory });
    this.norm2 = new LayerNorm(dModel, { eps, bias, ...factory });
    this.dropout1 = new Dropout(dropout);
    this.dropout2 = new Dropout(dropout);
    this.activation = activationNamed("TransformerEncoderLayer", activation);
  }

  override forward(
    src: Tensor,
    { srcMask: attnMask, srcKeyPaddingMask: keyPaddingMask, isCausal = false }: EncoderLayerInputs = {},
  ): Tensor {
    const attend = (x: Tensor) => this.attend(x, { attnMask, keyPaddingMask, isCausal });
    if (this.normFirst) {
      const x = src.add(attend(this.norm1.forward(src)));
      return x.add(this.feedForward(this.norm2.forward(x)));
    }
    const x = this.norm1.forward(src.add(attend(src)));
    return this.norm2.forward(x.add(this.feedForward(x)));
  }

  protected attend(x: Tensor, inputs: MultiheadAttentionInputs): Tensor {
    return this.dropout1.forward(this.self_attn.forward(x, x, x, { ...inputs, needWeights: false })[0]);
  }

  protected feedForward(x: Tensor): Tensor {
    const hidden = this.dropout.forward(this.activation(this.linear1.forward(x)));
    return this.dropout2.forward(this.linear2.forward(hidden));
  }
}

/**
 * Computes self-attention, attention to an encoder's output, and a feed-forward network, each with a residual and a
 * norm (Vaswani et al., 2017).
 *
 * Shapes: `tgt [target, batch, dModel]`, `memory [source, batch, dModel]` (batch first with `batchFirst`, no batch for
 * one sequence) -> as `tgt`.
 */
export class TransformerDecoderLayer extends Module {
  readonly self_attn: MultiheadAttention;
  readonly multihead_attn: MultiheadAttention;
  readonly linear1: Linear;
  readonly dropout: Dropout;
  readonly linear2: Linear;
  readonly normFirst: boolean;
  readonly norm1: LayerNorm;
  readonly norm2: LayerNorm;
  readonly norm3: LayerNorm;
  readonly dropout1: Dropout;
  readonly dropout2: Dropout;
  readonly dropout3: Dropout;
  readonly activation: (x: Tensor) => Tensor;

  constructor(dModel: number, nhead: number, options: TransformerLayerOptions = {}) {
    super();
    const {
      dimFeedforward = 2048,
      dropout = 0.1,
      activation = "relu",
      layerNormEps: eps = 1e-5,
      batchFirst = false,
      normFirst = false,
      bias = true,
      ...factory
    } = named(new.target.name, options, transformerLayerNames);
    this.self_attn = new MultiheadAttention(dModel, nhead, { dropout, bias, batchFirst, ...factory });
    this.multihead_attn = new MultiheadAttention(dModel, nhead, { dropout, bias, batchFirst, ...factory });
    this.linear1 = new Linear(dModel, dimFeedforward, { bias, ...factory });
    this.dropout = new Dropout(dropout);
    this.linear2 = new Linear(dimFeedforward, dModel, { bias, ...factory });
    this.normFirst = normFirst;
    this.norm1 = new LayerNorm(dModel, { eps, bias, ...factory });
    this.norm2 = new LayerNorm(dModel, { eps, bias, ...factory });
    this.norm3 = new LayerNorm(dModel, { eps, bias, ...factory });
    this.dropout1 = new Dropout(dropout);
    this.dropout2 = new Dropout(dropout);
    this.dropout3 = new Dropout(dropout);
    this.activation = activationNamed("TransformerDecoderLayer", activation);
  }

  override forward(tgt: Tensor, memory: Tensor, inputs: DecoderLayerInputs = {}): Tensor {
    if (this.normFirst) {
      let x = tgt.add(this.attendSelf(this.norm1.forward(tgt), inputs));
      x = x.add(this.attendMemory(this.norm2.forward(x), memory, inputs));
      return x.add(this.feedForward(this.norm3.forward(x)));
    }
    let x = this.norm1.forward(tgt.add(this.attendSelf(tgt, inputs)));
    x = this.norm2.forward(x.add(this.attendMemory(x, memory, inputs)));
    return this.norm3.forward(x.add(this.feedForward(x)));
  }

  protected attendSelf(
    x: Tensor,
    {
      tgtMask: attnMask,
      tgtKeyPaddingMask: keyPaddingMask,
      tgtIsCausal: isCausal = false,
    }: DecoderLayerInputs,
  ): Tensor {
    const inputs = { attnMask, keyPaddingMask, isCausal, needWeights: false };
    return this.dropout1.forward(this.self_attn.forward(x, x, x, inputs)[0]);
  }

  protected attendMemory(
    x: Tensor,
    memory: Tensor,
    {
      memoryMask: attnMask,
      memoryKeyPaddingMask: keyPaddingMask,
      memoryIsCausal: isCausal = false,
    }: DecoderLayerInputs,
  ): Tensor {
    const inputs = { attnMask, keyPaddingMask, isCausal, needWeights: false };
    return this.dropout2.forward(this.multihead_attn.forward(x, memory, memory, inputs)[0]);
  }

  protected feedForward(x: Tensor): Tensor {
    const hidden = this.dropout.forward(this.activation(this.linear1.forward(x)));
    return this.dropout3.forward(this.linear2.forward(hidden));
  }
}

function activationNamed(
  where: string,
  activation: "relu" | "gelu" | ((x: Tensor) => Tensor),
): (x: Tensor) => Tensor {
  if (typeof activation === "function") return activation;
  if (activation === "relu") return relu;
  if (activation === "gelu") return nnFunctional.gelu;
  throw new UsageError(
    `${where}: activation must be "relu", "gelu" or a function from tensor to tensor, got ${JSON.stringify(activation)}.`,
  );
}
