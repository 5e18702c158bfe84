// Multi-head attention with projections. The kernel alone: functional.scaledDotProductAttention.
import { ShapeError, UsageError } from "../../base/index.ts";
import { isFloatingPoint } from "../dtype.ts";
import type { Dtype } from "../dtype.ts";
import { named } from "../operator-arguments.ts";
import { baddbmm, bmm, cat, dropout, nnFunctional, softmax, zeros, zerosLike } from "../ops.generated.ts";
import type { Tensor } from "../tensor.ts";
import { factoryNames, newWeight } from "./factory.ts";
import type { FactoryOptions } from "./factory.ts";
import { scaledDotProductAttention } from "./functional/attention.ts";
import { xavierNormal_, xavierUniform_, zeros_ } from "./init.ts";
import { Linear } from "./linear.ts";
import { Module } from "./module.ts";
import type { Parameter } from "./parameter.ts";

/** Options of `MultiheadAttention`. */
export interface MultiheadAttentionOptions extends FactoryOptions {
  /** Dropout of the attention weights. @default 0 */
  dropout?: number;
  /** @default true */
  bias?: boolean;
  /** Adds a learnt position to keys and values. @default false */
  addBiasKv?: boolean;
  /** Adds a position of zeros to keys and values. @default false */
  addZeroAttn?: boolean;
  /** Features of the keys. @default embedDim */
  kdim?: number;
  /** Features of the values. @default embedDim */
  vdim?: number;
  /** Whether sequences are `[batch, seq, embed]` instead of `[seq, batch, embed]`. @default false */
  batchFirst?: boolean;
}

/** What `MultiheadAttention.forward` takes besides query, key and value. */
export interface MultiheadAttentionInputs {
  /** Keys that nobody attends to, `[batch, key]`: true, or added to the scores. */
  keyPaddingMask?: Tensor | undefined;
  /** Pairs that do not attend, `[query, key]` or `[batch * heads, query, key]`: true, or added to the scores. */
  attnMask?: Tensor | undefined;
  /** Whether to return the attention weights; a faster kernel computes the output without them. @default true */
  needWeights?: boolean;
  /** Whether the returned weights are the mean over the heads. @default true */
  averageAttnWeights?: boolean;
  /** Says that `attnMask` is the causal mask, which a faster kernel has built in. @default false */
  isCausal?: boolean;
}

const optionNames = [
  "dropout",
  "bias",
  "addBiasKv",
  "addZeroAttn",
  "kdim",
  "vdim",
  "batchFirst",
  ...factoryNames,
];

/**
 * Lets queries attend to keys and values in several projections (Vaswani et al., 2017).
 *
 * Shapes: `query [query, batch, embedDim]`, `key [key, batch, kdim]`, `value [key, batch, vdim]` (batch first with
 * `batchFirst`, no batch for one sequence) -> output shaped as `query`, and weights `[batch, query, key]`, or
 * `[batch, heads, query, key]` unless averaged.
 *
 * @example
 * const attention = new nn.MultiheadAttention(8, 2, { batchFirst: true });
 * const x = torch.ones([3, 5, 8]);
 * const [output, weights] = attention.forward(x, x, x);
 * [output.shape, weights?.shape]; // => [[3, 5, 8], [3, 5, 5]]
 */
export class MultiheadAttention extends Module {
  readonly embedDim: number;
  readonly numHeads: number;
  readonly kdim: number;
  readonly vdim: number;
  readonly dropout: number;
  readonly batchFirst: boolean;
  readonly addZeroAttn: boolean;
  /** Projections of query, key and value in one; null where keys or values have other features. */
  readonly in_proj_weight: Parameter | null = null;
  readonly q_proj_weight: Parameter | null = null;
  readonly k_proj_weight: Parameter | null = null;
  readonly v_proj_weight: Parameter | null = null;
  readonly in_proj_bias: Parameter | null;
  readonly bias_k: Parameter | null;
  readonly bias_v: Parameter | null;
  readonly out_proj: Linear;

  constructor(embedDim: number, numHeads: number, options: MultiheadAttentionOptions = {}) {
    super();
    const {
      dropout = 0,
      bias = true,
      addBiasKv = false,
      addZeroAttn = false,
      kdim = embedDim,
      vdim = embedDim,
      batchFirst = false,
      ...factory
    } = named(new.target.name, options, optionNames);
    if (!(embedDim > 0 && numHeads > 0 && Number.isInteger(embedDim / numHeads))) {
      throw new UsageError(
        `MultiheadAttention: embedDim must be a positive multiple of numHeads, got embedDim=${embedDim} and numHeads=${numHeads}.`,
      );
    }
    if (!(dropout >= 0 && dropout <= 1)) {
      throw new UsageError(`MultiheadAttention: dropout must be a probability in [0, 1], got ${dropout}.`);
    }
    this.embedDim = embedDim;
    this.numHeads = numHeads;
    this.kdim = kdim;
    this.vdim = vdim;
    this.dropout = dropout;
    this.batchFirst = batchFirst;
    this.addZeroAttn = addZeroAttn;
    if (kdim === embedDim && vdim === embedDim) {
      this.in_proj_weight = newWeight([3 * embedDim, embedDim], factory);
    } else {
      this.q_proj_weight = newWeight([embedDim, embedDim], factory);
      this.k_proj_weight = newWeight([embedDim, kdim], factory);
      this.v_proj_weight = newWeight([embedDim, vdim], factory);
    }
    this.in_proj_bias = bias ? newWeight([3 * embedDim], factory) : null;
    this.bias_k = addBiasKv ? newWeight([1, 1, embedDim], factory) : null;
    this.bias_v = addBiasKv ? newWeight([1, 1, embedDim], factory) : null;
    this.out_proj = new NonDynamicallyQuantizableLinear(embedDim, embedDim, { bias, ...factory });
    this.resetParameters();
  }

  /** Draws the projections of the inputs (Glorot and Bengio, 2010) and sets their biases and the output's to zero. */
  resetParameters(): void {
    const { in_proj_weight, q_proj_weight, k_proj_weight, v_proj_weight } = this;
    for (const weight of [in_proj_weight, q_proj_weight, k_proj_weight, v_proj_weight]) {
      if (weight !== null) xavierUniform_(weight);
    }
    for (const bias of [this.in_proj_bias, this.out_proj.bias]) if (bias !== null) zeros_(bias);
    for (const bias of [this.bias_k, this.bias_v]) if (bias !== null) xavierNormal_(bias);
  }

  override forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    inputs: MultiheadAttentionInputs = {},
  ): [output: Tensor, weights: Tensor | null] {
    this.checkShapes(query, key, value, inputs);
    if (query.ndim === 2) {
      const { keyPaddingMask } = inputs;
      const [output, weights] = this.attend(
        ...distinct([query, key, value], (x) => x.unsqueeze(1)),
        keyPaddingMask === undefined ? inputs : { ...inputs, keyPaddingMask: keyPaddingMask.unsqueeze(0) },
      );
      return [output.squeeze(1), weights?.squeeze(0) ?? null];
    }
    if (!this.batchFirst) return this.attend(query, key, value, inputs);
    const [output, weights] = this.attend(...distinct([query, key, value], (x) => x.transpose(0, 1)), inputs);
    return [output.transpose(0, 1), weights];
  }

  /** Computes with sequences `[seq, batch, features]`. */
  protected attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    {
      keyPaddingMask,
      attnMask,
      needWeights = true,
      averageAttnWeights = true,
      isCausal = false,
    }: MultiheadAttentionInputs,
  ): [output: Tensor, weights: Tensor | null] {
    const [queries, batch, embed] = query.shape as [number, number, number];
    const heads = this.numHeads;
    // the kernel's own causal mask takes the place of attnMask where it is the only one
    const causal = isCausal && keyPaddingMask === undefined && !needWeights;

    let [q, k, v] = this.project(query, key, value); // [seq, batch, embed]
    let mask = causal || attnMask === undefined ? undefined : additiveMask(attnMask, query.dtype);
    if (mask?.ndim === 2) mask = mask.unsqueeze(0); // [1 or batch * heads, query, key]
    let padding = keyPaddingMask && additiveMask(keyPaddingMask, query.dtype); // [batch, key]
    const extend = (added: (x: Tensor) => Tensor, other: (x: Tensor) => Tensor): void => {
      [k, v] = [added(k), other(v)];
      mask = mask && nnFunctional.pad(mask, [0, 1]);
      padding = padding && nnFunctional.pad(padding, [0, 1]);
    };
    if (this.bias_k !== null && this.bias_v !== null) {
      const [biasK, biasV] = [this.bias_k, this.bias_v].map((bias) => bias.repeat([1, batch, 1]));
      extend((x) => cat([x, biasK!]), (x) => cat([x, biasV!])); // prettier-ignore
    }
    if (this.addZeroAttn) {
      const append = (x: Tensor) => cat([x, zeros([1, batch, embed], { dtype: x.dtype, device: x.device })]);
      extend(append, append);
    }
    const keys = k.size(0);
    // [seq, batch, embed] -> [batch * heads, seq, head]
    const split = (x: Tensor) =>
      x
        .contiguous()
        .view([-1, batch * heads, embed / heads])
        .transpose(0, 1);
    [q, k, v] = [split(q), split(k), split(v)];
    if (padding !== undefined) {
      const each = padding.view([batch, 1, 1, keys]).expand([-1, heads, -1, -1]).reshape([-1, 1, keys]);
      mask = mask === undefined ? each : mask.add(each);
    }

    const dropoutP = this.training ? this.dropout : 0;
    let attended: Tensor; // [query, batch, embed]
    let weights: Tensor | null = null;
    if (needWeights) {
      const scaled = q.mul(Math.sqrt(heads / embed));
      const transposed = k.transpose(1, 2);
      const scores = mask === undefined ? bmm(scaled, transposed) : baddbmm(mask, scaled, transposed);
      let shares = softmax(scores, -1);
      if (dropoutP > 0) shares = dropout(shares, dropoutP, true);
      attended = bmm(shares, v).transpose(0, 1).reshape([queries, batch, embed]);
      weights = shares.view([batch, heads, queries, keys]);
      if (averageAttnWeights) weights = weights.mean(1);
    } else {
      const byHead = (x: Tensor) => x.view([batch, heads, -1, embed / heads]);
      const attnMask = mask?.size(0) === 1 ? mask.unsqueeze(0) : mask?.view([batch, heads, -1, keys]);
      attended = scaledDotProductAttention(byHead(q), byHead(k), byHead(v), {
        attnMask,
        dropoutP,
        isCausal: causal,
      })
        .permute([2, 0, 1, 3])
        .reshape([queries, batch, embed]);
    }
    return [this.out_proj.forward(attended), weights];
  }

  protected project(query: Tensor, key: Tensor, value: Tensor): [Tensor, Tensor, Tensor] {
    const { in_proj_weight: weight, in_proj_bias: bias } = this;
    // one matrix product where all three are the same
    if (weight !== null && query === key && key === value) {
      return nnFunctional.linear(query, weight, bias).chunk(3, -1) as [Tensor, Tensor, Tensor];
    }
    const weights = weight?.chunk(3) ?? [this.q_proj_weight!, this.k_proj_weight!, this.v_proj_weight!];
    const biases = bias?.chunk(3);
    return [query, key, value].map((x, i) => nnFunctional.linear(x, weights[i]!, biases?.[i] ?? null)) as [
      Tensor,
      Tensor,
      Tensor,
    ];
  }

  protected checkShapes(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    { keyPaddingMask, attnMask, isCausal = false }: MultiheadAttentionInputs,
  ): void {
    const fail = (what: string, got: Tensor): never => {
      throw new ShapeError(`MultiheadAttention: ${what}, got [${got.shape.join(", ")}].`);
    };
    const { ndim } = query;
    const layout = this.batchFirst ? "[batch, seq, features]" : "[seq, batch, features]";
    if (ndim !== 2 && ndim !== 3) fail(`query must be ${layout} or [seq, features]`, query);
    const features = { query: this.embedDim, key: this.kdim, value: this.vdim };
    for (const [name, x] of Object.entries({ query, key, value })) {
      const width = features[name as keyof typeof features];
      const expected = `${name} must have ${ndim} dimensions, as query has, and ${width} features`;
      if (x.ndim !== ndim || x.size(-1) !== width) fail(expected, x);
    }
    if (key.shape.slice(0, -1).join() !== value.shape.slice(0, -1).join()) {
      fail(`value must be as long as key [${key.shape.join(", ")}], and of its batch`, value);
    }
    const [batchDim, seqDim] = this.batchFirst && ndim === 3 ? [0, 1] : [1, 0];
    const batch = ndim === 3 ? query.size(batchDim) : 1;
    if (ndim === 3 && key.size(batchDim) !== batch) fail(`key must have query's batch of ${batch}`, key);
    const [queries, keys] = [query.size(seqDim), key.size(seqDim)];
    if (attnMask !== undefined) {
      const each = [batch * this.numHeads, queries, keys].join(", ");
      if (![`${queries}, ${keys}`, each].includes(attnMask.shape.join(", "))) {
        fail(`attnMask must be [${queries}, ${keys}] or [${each}]`, attnMask);
      }
    } else if (isCausal) {
      throw new UsageError(
        "MultiheadAttention: isCausal says what attnMask is, but attnMask is missing. Give nn.Transformer.generateSquareSubsequentMask(length) as attnMask too.",
      );
    }
    const padded = ndim === 3 ? `${batch}, ${keys}` : `${keys}`;
    if (keyPaddingMask !== undefined && keyPaddingMask.shape.join(", ") !== padded) {
      fail(`keyPaddingMask must be [${padded}]`, keyPaddingMask);
    }
  }
}

/** Is a plain linear layer; the class of PyTorch's that printed models name here. */
class NonDynamicallyQuantizableLinear extends Linear {}

/** Turns a boolean mask (true = not allowed) into numbers that are added to the scores. */
export function additiveMask(mask: Tensor, dtype: Dtype): Tensor {
  if (isFloatingPoint(mask.dtype)) return mask;
  if (mask.dtype === "bool") return zerosLike(mask, { dtype }).maskedFill_(mask, -Infinity);
  throw new UsageError(`A mask must be of bool or of a floating-point dtype, got ${mask.dtype}.`);
}

/** Changes three tensors, and the same ones once, so that they stay the same. */
function distinct(
  [query, key, value]: [Tensor, Tensor, Tensor],
  change: (x: Tensor) => Tensor,
): [Tensor, Tensor, Tensor] {
  const q = change(query);
  const k = key === query ? q : change(key);
  return [q, k, value === key ? k : change(value)];
}
