// BERT (Devlin et al., 2018) with its heads, in the post-norm form of the released weights. Fields carry the
// names of transformers' state dict. Loading and saving: ./weights.ts.
import * as torch from "../../torch/index.ts";
import { nn } from "../../torch/index.ts";
import type { Tensor } from "../../torch/index.ts";
import { activationOf } from "../common/config-json.ts";
import { recomputed } from "../common/gradient-checkpointing.ts";
import type { BertConfig } from "./config.ts";

const { functional: F } = nn;

/** One batch of token ids. */
export interface BertInput {
  /** `[batch, seq]`, int64 or int32. */
  inputIds: Tensor;
  /** `[batch, seq]`, nonzero = a token, 0 = padding; all tokens where it is left out. */
  attentionMask?: Tensor | undefined;
  /** `[batch, seq]`, 0 = first text, 1 = second; all 0 where it is left out. */
  tokenTypeIds?: Tensor | undefined;
}

class BertEmbeddings extends nn.Module {
  readonly word_embeddings: nn.Embedding;
  readonly position_embeddings: nn.Embedding;
  readonly token_type_embeddings: nn.Embedding;
  readonly LayerNorm: nn.LayerNorm;
  readonly dropout: nn.Dropout;

  constructor(config: BertConfig) {
    super();
    const { hiddenSize } = config;
    this.word_embeddings = new nn.Embedding(config.vocabSize, hiddenSize, { paddingIdx: config.padTokenId });
    this.position_embeddings = new nn.Embedding(config.maxPositionEmbeddings, hiddenSize);
    this.token_type_embeddings = new nn.Embedding(config.typeVocabSize, hiddenSize);
    this.LayerNorm = new nn.LayerNorm(hiddenSize, { eps: config.layerNormEps });
    this.dropout = new nn.Dropout(config.hiddenDropoutProb);
  }

  override forward({ inputIds, tokenTypeIds }: BertInput): Tensor {
    const positions = torch.arange(inputIds.size(1), { dtype: "int64", device: inputIds.device });
    const x = this.word_embeddings
      .forward(inputIds) // [batch, seq, hidden]
      .add(this.token_type_embeddings.forward(tokenTypeIds ?? torch.zerosLike(inputIds)))
      .add(this.position_embeddings.forward(positions));
    return this.dropout.forward(this.LayerNorm.forward(x));
  }
}

class BertSelfAttention extends nn.Module {
  readonly query: nn.Linear;
  readonly key: nn.Linear;
  readonly value: nn.Linear;
  readonly heads: number;
  readonly dropoutP: number;

  constructor({ hiddenSize, numAttentionHeads, attentionProbsDropoutProb }: BertConfig) {
    super();
    this.query = new nn.Linear(hiddenSize, hiddenSize);
    this.key = new nn.Linear(hiddenSize, hiddenSize);
    this.value = new nn.Linear(hiddenSize, hiddenSize);
    this.heads = numAttentionHeads;
    this.dropoutP = attentionProbsDropoutProb;
  }

  override forward(x: Tensor, attnMask: Tensor | undefined): Tensor {
    const [batch, seq, hidden] = x.shape as [number, number, number];
    const split = (y: Tensor) => y.view([batch, seq, this.heads, hidden / this.heads]).transpose(1, 2);
    const y = F.scaledDotProductAttention(
      split(this.query.forward(x)), // [batch, heads, seq, head]
      split(this.key.forward(x)),
      split(this.value.forward(x)),
      { attnMask, dropoutP: this.training ? this.dropoutP : 0 },
    );
    return y.transpose(1, 2).reshape([batch, seq, hidden]);
  }
}

/** Projects, drops out, adds the residual and normalises: the end of both halves of a layer. */
class BertOutput extends nn.Module {
  readonly dense: nn.Linear;
  readonly LayerNorm: nn.LayerNorm;
  readonly dropout: nn.Dropout;

  constructor(config: BertConfig, inFeatures: number) {
    super();
    this.dense = new nn.Linear(inFeatures, config.hiddenSize);
    this.LayerNorm = new nn.LayerNorm(config.hiddenSize, { eps: config.layerNormEps });
    this.dropout = new nn.Dropout(config.hiddenDropoutProb);
  }

  override forward(x: Tensor, residual: Tensor): Tensor {
    return this.LayerNorm.forward(this.dropout.forward(this.dense.forward(x)).add(residual));
  }
}

class BertAttention extends nn.Module {
  readonly self: BertSelfAttention;
  readonly output: BertOutput;

  constructor(config: BertConfig) {
    super();
    this.self = new BertSelfAttention(config);
    this.output = new BertOutput(config, config.hiddenSize);
  }

  override forward(x: Tensor, attnMask: Tensor | undefined): Tensor {
    return this.output.forward(this.self.forward(x, attnMask), x);
  }
}

class BertIntermediate extends nn.Module {
  readonly dense: nn.Linear;
  readonly activation: (x: Tensor) => Tensor;

  constructor(config: BertConfig) {
    super();
    this.dense = new nn.Linear(config.hiddenSize, config.intermediateSize);
    this.activation = activationOf(config.hiddenAct);
  }

  override forward(x: Tensor): Tensor {
    return this.activation(this.dense.forward(x));
  }
}

class BertLayer extends nn.Module {
  readonly attention: BertAttention;
  readonly intermediate: BertIntermediate;
  readonly output: BertOutput;

  constructor(config: BertConfig) {
    super();
    this.attention = new BertAttention(config);
    this.intermediate = new BertIntermediate(config);
    this.output = new BertOutput(config, config.intermediateSize);
  }

  override forward(x: Tensor, attnMask: Tensor | undefined): Tensor {
    const y = this.attention.forward(x, attnMask);
    return this.output.forward(this.intermediate.forward(y), y);
  }
}

class BertEncoder extends nn.Module {
  readonly layer: nn.ModuleList<BertLayer>;
  /** Computes each layer again in backward; see setGradientCheckpointing. */
  gradientCheckpointing = false;

  constructor(config: BertConfig) {
    super();
    this.layer = new nn.ModuleList(
      Array.from({ length: config.numHiddenLayers }, () => new BertLayer(config)),
    );
  }

  override forward(x: Tensor, attnMask: Tensor | undefined): Tensor {
    let y = x;
    const isRecomputed = this.gradientCheckpointing && this.training;
    for (const layer of this.layer)
      y = isRecomputed ? recomputed(layer, y, attnMask) : layer.forward(y, attnMask);
    return y;
  }
}

class BertPooler extends nn.Module {
  readonly dense: nn.Linear;

  constructor({ hiddenSize }: BertConfig) {
    super();
    this.dense = new nn.Linear(hiddenSize, hiddenSize);
  }

  override forward(x: Tensor): Tensor {
    return torch.tanh(this.dense.forward(x.select(1, 0))); // the [CLS] token: [batch, hidden]
  }
}

/**
 * Encodes tokens.
 *
 * Shapes: `inputIds [batch, seq]` -> `hidden [batch, seq, hidden]`, `pooled [batch, hidden]` (null without pooler).
 */
export class BertModel extends nn.Module {
  readonly config: BertConfig;
  readonly embeddings: BertEmbeddings;
  readonly encoder: BertEncoder;
  readonly pooler: BertPooler | null;

  constructor(config: BertConfig, { addPoolingLayer = true }: { addPoolingLayer?: boolean } = {}) {
    super();
    this.config = config;
    this.embeddings = new BertEmbeddings(config);
    this.encoder = new BertEncoder(config);
    this.pooler = addPoolingLayer ? new BertPooler(config) : null;
    initWeights(this, config);
  }

  override forward(input: BertInput): { hidden: Tensor; pooled: Tensor | null } {
    const { attentionMask } = input;
    const [batch, seq] = input.inputIds.shape as [number, number];
    const attnMask = attentionMask?.ne(0).view([batch, 1, 1, seq]).expand([batch, 1, seq, seq]);
    const hidden = this.encoder.forward(this.embeddings.forward(input), attnMask);
    return { hidden, pooled: this.pooler?.forward(hidden) ?? null };
  }
}

/**
 * Classifies whole texts from the pooled first token.
 *
 * Shapes: `inputIds [batch, seq]` -> logits `[batch, labels]`.
 */
export class BertForSequenceClassification extends nn.Module {
  static readonly architecture = "BertForSequenceClassification";
  readonly config: BertConfig;
  readonly bert: BertModel;
  readonly dropout: nn.Dropout;
  readonly classifier: nn.Linear;

  constructor(config: BertConfig) {
    super();
    this.config = config;
    this.bert = new BertModel(config);
    this.dropout = new nn.Dropout(config.classifierDropout ?? config.hiddenDropoutProb);
    this.classifier = new nn.Linear(config.hiddenSize, config.labels.length);
    initWeights(this.classifier, config);
  }

  override forward(input: BertInput): Tensor {
    const { pooled } = this.bert.forward(input);
    return this.classifier.forward(this.dropout.forward(pooled!));
  }
}

/**
 * Classifies each token.
 *
 * Shapes: `inputIds [batch, seq]` -> logits `[batch, seq, labels]`.
 */
export class BertForTokenClassification extends nn.Module {
  static readonly architecture = "BertForTokenClassification";
  readonly config: BertConfig;
  readonly bert: BertModel;
  readonly dropout: nn.Dropout;
  readonly classifier: nn.Linear;

  constructor(config: BertConfig) {
    super();
    this.config = config;
    this.bert = new BertModel(config, { addPoolingLayer: false });
    this.dropout = new nn.Dropout(config.classifierDropout ?? config.hiddenDropoutProb);
    this.classifier = new nn.Linear(config.hiddenSize, config.labels.length);
    initWeights(this.classifier, config);
  }

  override forward(input: BertInput): Tensor {
    return this.classifier.forward(this.dropout.forward(this.bert.forward(input).hidden));
  }
}

class BertPredictionHeadTransform extends nn.Module {
  readonly dense: nn.Linear;
  readonly LayerNorm: nn.LayerNorm;
  readonly activation: (x: Tensor) => Tensor;

  constructor(config: BertConfig) {
    super();
    this.dense = new nn.Linear(config.hiddenSize, config.hiddenSize);
    this.LayerNorm = new nn.LayerNorm(config.hiddenSize, { eps: config.layerNormEps });
    this.activation = activationOf(config.hiddenAct);
  }

  override forward(x: Tensor): Tensor {
    return this.LayerNorm.forward(this.activation(this.dense.forward(x)));
  }
}

class BertLMPredictionHead extends nn.Module {
  readonly transform: BertPredictionHeadTransform;
  readonly bias: nn.Parameter;

  constructor(config: BertConfig) {
    super();
    this.transform = new BertPredictionHeadTransform(config);
    this.bias = new nn.Parameter(torch.zeros([config.vocabSize]));
  }

  /** The decoder's weight is the word embedding (tied), so it is passed in rather than held. */
  override forward(x: Tensor, wordEmbeddings: Tensor): Tensor {
    return F.linear(this.transform.forward(x), wordEmbeddings, this.bias);
  }
}

class BertOnlyMLMHead extends nn.Module {
  readonly predictions: BertLMPredictionHead;

  constructor(config: BertConfig) {
    super();
    this.predictions = new BertLMPredictionHead(config);
  }
}

/**
 * Predicts masked tokens; the output weights are the word embeddings.
 *
 * Shapes: `inputIds [batch, seq]` -> logits `[batch, seq, vocab]`.
 */
export class BertForMaskedLM extends nn.Module {
  static readonly architecture = "BertForMaskedLM";
  readonly config: BertConfig;
  readonly bert: BertModel;
  readonly cls: BertOnlyMLMHead;

  constructor(config: BertConfig) {
    super();
    this.config = config;
    this.bert = new BertModel(config, { addPoolingLayer: false });
    this.cls = new BertOnlyMLMHead(config);
    initWeights(this.cls, config);
  }

  override forward(input: BertInput): Tensor {
    return this.cls.predictions.forward(
      this.bert.forward(input).hidden,
      this.bert.embeddings.word_embeddings.weight,
    );
  }
}

/** Fills the weights below `root` as BERT's authors did: N(0, initializerRange), biases zero, norms one. */
export function initWeights(root: nn.Module, { initializerRange: std }: BertConfig): void {
  for (const module of root.modules()) {
    if (module instanceof nn.Linear) {
      nn.init.normal_(module.weight, { std });
      if (module.bias !== null) nn.init.zeros_(module.bias);
    } else if (module instanceof nn.Embedding) {
      nn.init.normal_(module.weight, { std });
      module.zeroPadding();
    } else if (module instanceof nn.LayerNorm) {
      module.resetParameters();
    }
  }
}
