// Stacks of encoder and decoder layers, and the whole model of both. The layers: ./transformer-layers.ts.
import { ShapeError } from "../../base/index.ts";
import type { Device, Dtype } from "../dtype.ts";
import { named } from "../operator-arguments.ts";
import { full } from "../ops.generated.ts";
import { scope } from "../scope.ts";
import type { Tensor } from "../tensor.ts";
import { additiveMask } from "./attention.ts";
import { ModuleList } from "./containers.ts";
import type { TensorModule } from "./containers.ts";
import { deepCopy } from "./deep-copy.ts";
import { xavierUniform_ } from "./init.ts";
import { Module } from "./module.ts";
import { LayerNorm } from "./normalization.ts";
import {
  TransformerDecoderLayer,
  TransformerEncoderLayer,
  transformerLayerNames,
} from "./transformer-layers.ts";
import type {
  DecoderLayerInputs,
  EncoderLayerInputs,
  TransformerLayerOptions,
} from "./transformer-layers.ts";

/** A layer that `TransformerEncoder` can stack. */
export type EncoderLayer = Module & { forward(src: Tensor, inputs?: EncoderLayerInputs): Tensor };
/** A layer that `TransformerDecoder` can stack. */
export type DecoderLayer = Module & {
  forward(tgt: Tensor, memory: Tensor, inputs?: DecoderLayerInputs): Tensor;
};

/** Masks: boolean (true = does not attend) or added to the scores. */
export interface EncoderInputs {
  /** `[seq, seq]` or `[batch * heads, seq, seq]`. */
  mask?: Tensor | undefined;
  /** `[batch, seq]`. */
  srcKeyPaddingMask?: Tensor | undefined;
  /** Whether `mask` is the causal mask. @default found out */
  isCausal?: boolean | undefined;
}

/** As for one layer, but whether `tgtMask` is the causal mask is found out where it is left open. */
export type DecoderInputs = Omit<DecoderLayerInputs, "tgtIsCausal"> & { tgtIsCausal?: boolean | undefined };

/**
 * Passes a sequence through `numLayers` copies of a layer: equal first values, weights of their own.
 *
 * Unlike PyTorch's inference with padding, which gives zeros there, padded positions hold values: ignore them.
 *
 * Shapes: `src` as the layer takes it -> the same.
 *
 * @example
 * const layer = new nn.TransformerEncoderLayer(8, 2, { dimFeedforward: 16, batchFirst: true });
 * const encoder = new nn.TransformerEncoder(layer, 3, { norm: new nn.LayerNorm(8) });
 * const mask = nn.Transformer.generateSquareSubsequentMask(5);
 * encoder.forward(torch.ones([2, 5, 8]), { mask }).shape; // => [2, 5, 8]
 */
export class TransformerEncoder extends Module {
  readonly layers: ModuleList<EncoderLayer>;
  readonly numLayers: number;
  readonly norm: TensorModule | null;

  constructor(layer: EncoderLayer, numLayers: number, options: { norm?: TensorModule | null } = {}) {
    super();
    const { norm = null } = named(new.target.name, options, ["norm"]);
    this.layers = copies(layer, numLayers);
    this.numLayers = numLayers;
    this.norm = norm;
  }

  override forward(src: Tensor, { mask, srcKeyPaddingMask, isCausal }: EncoderInputs = {}): Tensor {
    const inputs: EncoderLayerInputs = {
      srcMask: mask && additiveMask(mask, src.dtype),
      srcKeyPaddingMask: srcKeyPaddingMask && additiveMask(srcKeyPaddingMask, src.dtype),
      isCausal: isCausal ?? isCausalMask(mask),
    };
    let x = src;
    for (const layer of this.layers) x = layer.forward(x, inputs);
    return this.norm === null ? x : this.norm.forward(x);
  }
}

/**
 * Passes a sequence, and an encoder's output, through `numLayers` copies of a layer: equal first values, weights of
 * their own.
 *
 * Shapes: `tgt` and `memory` as the layer takes them -> as `tgt`.
 */
export class TransformerDecoder extends Module {
  readonly layers: ModuleList<DecoderLayer>;
  readonly numLayers: number;
  readonly norm: TensorModule | null;

  constructor(layer: DecoderLayer, numLayers: number, options: { norm?: TensorModule | null } = {}) {
    super();
    const { norm = null } = named(new.target.name, options, ["norm"]);
    this.layers = copies(layer, numLayers);
    this.numLayers = numLayers;
    this.norm = norm;
  }

  override forward(tgt: Tensor, memory: Tensor, { tgtIsCausal, ...inputs }: DecoderInputs = {}): Tensor {
    const forLayers = { ...inputs, tgtIsCausal: tgtIsCausal ?? isCausalMask(inputs.tgtMask) };
    let x = tgt;
    for (const layer of this.layers) x = layer.forward(x, memory, forLayers);
    return this.norm === null ? x : this.norm.forward(x);
  }
}

/** Options of `Transformer`. */
export interface TransformerOptions extends TransformerLayerOptions {
  /** @default 6 */
  numEncoderLayers?: number;
  /** @default 6 */
  numDecoderLayers?: number;
  /** Takes the place of the encoder. */
  customEncoder?: Module & { forward(src: Tensor, inputs?: EncoderInputs): Tensor };
  /** Takes the place of the decoder. */
  customDecoder?: Module & { forward(tgt: Tensor, memory: Tensor, inputs?: DecoderInputs): Tensor };
}

/** Masks of both halves; see the encoder's and the decoder's. */
export interface TransformerInputs extends DecoderInputs {
  /** `[source, source]` or `[batch * heads, source, source]`. */
  srcMask?: Tensor | undefined;
  /** `[batch, source]`. */
  srcKeyPaddingMask?: Tensor | undefined;
  /** Whether `srcMask` is the causal mask. @default found out */
  srcIsCausal?: boolean | undefined;
}

/**
 * Encodes a source sequence and decodes a target sequence with it (Vaswani et al., 2017).
 *
 * Shapes: `src [source, batch, dModel]`, `tgt [target, batch, dModel]` (batch first with `batchFirst`, no batch for
 * one sequence) -> as `tgt`.
 *
 * @example
 * const model = new nn.Transformer(8, 2, { numEncoderLayers: 1, numDecoderLayers: 1, dimFeedforward: 16 });
 * const tgtMask = nn.Transformer.generateSquareSubsequentMask(3);
 * model.forward(torch.ones([5, 2, 8]), torch.ones([3, 2, 8]), { tgtMask }).shape; // => [3, 2, 8]
 */
export class Transformer extends Module {
  readonly dModel: number;
  readonly nhead: number;
  readonly batchFirst: boolean;
  readonly encoder: NonNullable<TransformerOptions["customEncoder"]>;
  readonly decoder: NonNullable<TransformerOptions["customDecoder"]>;

  constructor(dModel = 512, nhead = 8, given: TransformerOptions = {}) {
    super();
    const {
      numEncoderLayers = 6,
      numDecoderLayers = 6,
      customEncoder,
      customDecoder,
      ...options
    } = named(new.target.name, given, [
      "numEncoderLayers",
      "numDecoderLayers",
      "customEncoder",
      "customDecoder",
      ...transformerLayerNames,
    ]);
    const { layerNormEps: eps = 1e-5, bias = true, batchFirst = false, dtype, device } = options;
    const norm = () => new LayerNorm(dModel, { eps, bias, dtype, device });
    this.encoder =
      customEncoder ??
      new TransformerEncoder(new TransformerEncoderLayer(dModel, nhead, options), numEncoderLayers, {
        norm: norm(),
      });
    this.decoder =
      customDecoder ??
      new TransformerDecoder(new TransformerDecoderLayer(dModel, nhead, options), numDecoderLayers, {
        norm: norm(),
      });
    this.dModel = dModel;
    this.nhead = nhead;
    this.batchFirst = batchFirst;
    this.resetParameters();
  }

  /** Draws every weight of more than one dimension anew (Glorot and Bengio, 2010). */
  resetParameters(): void {
    for (const weight of this.parameters()) if (weight.ndim > 1) xavierUniform_(weight);
  }

  override forward(
    src: Tensor,
    tgt: Tensor,
    { srcMask, srcKeyPaddingMask, srcIsCausal, ...inputs }: TransformerInputs = {},
  ): Tensor {
    const batchDim = this.batchFirst ? 0 : 1;
    const sameBatch = src.ndim !== 3 || tgt.ndim !== 3 || src.size(batchDim) === tgt.size(batchDim);
    if (!sameBatch || src.ndim !== tgt.ndim || src.size(-1) !== this.dModel || tgt.size(-1) !== this.dModel) {
      const layout = this.batchFirst ? "[batch, seq, dModel]" : "[seq, batch, dModel]";
      throw new ShapeError(
        `Transformer: src and tgt must be ${layout} or [seq, dModel] of one batch size and dModel=${this.dModel}, got [${src.shape.join(", ")}] and [${tgt.shape.join(", ")}].`,
      );
    }
    const memory = this.encoder.forward(src, { mask: srcMask, srcKeyPaddingMask, isCausal: srcIsCausal });
    return this.decoder.forward(tgt, memory, inputs);
  }

  /** Makes the causal mask `[size, size]`: 0 where a position may attend, -Infinity at later ones. */
  static generateSquareSubsequentMask(
    size: number,
    { dtype, device }: { dtype?: Dtype; device?: Device } = {},
  ): Tensor {
    return full([size, size], -Infinity, { dtype, device }).triu(1);
  }
}

function copies<M extends Module>(layer: M, count: number): ModuleList<M> {
  return new ModuleList(Array.from({ length: count }, () => deepCopy(layer)));
}

function isCausalMask(mask: Tensor | undefined): boolean {
  if (mask?.ndim !== 2 || mask.size(0) !== mask.size(1)) return false;
  return scope(() => {
    const causal = Transformer.generateSquareSubsequentMask(mask.size(0), { device: mask.device });
    return additiveMask(mask, "float32").float().equal(causal);
  });
}
