// The vision transformer (Dosovitskiy et al., 2020), in the pre-norm form of the released weights. Fields carry the names
// of transformers' state dict; files have older names, see ./weights.ts.
import { ShapeError } from "../../base/index.ts";
import * as torch from "../../torch/index.ts";
import { nn } from "../../torch/index.ts";
import type { Tensor } from "../../torch/index.ts";
import { activationOf } from "../common/config-json.ts";
import { recomputed } from "../common/gradient-checkpointing.ts";
import { heightAndWidth } from "./config.ts";
import type { ViTConfig } from "./config.ts";

const { functional: F } = nn;

class ViTPatchEmbeddings extends nn.Module {
  readonly projection: nn.Conv2d;

  constructor({ numChannels, hiddenSize, patchSize }: ViTConfig) {
    super();
    const size = heightAndWidth(patchSize);
    this.projection = new nn.Conv2d(numChannels, hiddenSize, size, { stride: size });
  }

  override forward(pixels: Tensor): Tensor {
    return this.projection.forward(pixels).flatten(2).transpose(1, 2); // [batch, patches, hidden]
  }
}

class ViTEmbeddings extends nn.Module {
  readonly cls_token: nn.Parameter;
  readonly position_embeddings: nn.Parameter;
  readonly patch_embeddings: ViTPatchEmbeddings;
  readonly dropout: nn.Dropout;
  readonly imageSize: readonly [height: number, width: number];

  constructor(config: ViTConfig) {
    super();
    this.imageSize = heightAndWidth(config.imageSize);
    const [height, width] = heightAndWidth(config.patchSize);
    const patches = Math.floor(this.imageSize[0] / height) * Math.floor(this.imageSize[1] / width);
    this.cls_token = new nn.Parameter(torch.zeros([1, 1, config.hiddenSize]));
    this.position_embeddings = new nn.Parameter(torch.zeros([1, patches + 1, config.hiddenSize]));
    this.patch_embeddings = new ViTPatchEmbeddings(config);
    this.dropout = new nn.Dropout(config.hiddenDropoutProb);
  }

  override forward(pixels: Tensor): Tensor {
    const [batch, , height, width] = pixels.shape as [number, number, number, number];
    if (height !== this.imageSize[0] || width !== this.imageSize[1]) {
      throw new ShapeError(
        `ViT: images must be of ${this.imageSize.join("x")} pixels as image_size says, got ${height}x${width}. Resize them.`,
      );
    }
    const patches = this.patch_embeddings.forward(pixels);
    const x = torch.cat([this.cls_token.expand([batch, -1, -1]), patches], 1);
    return this.dropout.forward(x.add(this.position_embeddings));
  }
}

class ViTAttention extends nn.Module {
  readonly q_proj: nn.Linear;
  readonly k_proj: nn.Linear;
  readonly v_proj: nn.Linear;
  readonly o_proj: nn.Linear;
  readonly heads: number;
  readonly dropoutP: number;

  constructor({ hiddenSize, numAttentionHeads, attentionProbsDropoutProb, qkvBias }: ViTConfig) {
    super();
    this.q_proj = new nn.Linear(hiddenSize, hiddenSize, { bias: qkvBias });
    this.k_proj = new nn.Linear(hiddenSize, hiddenSize, { bias: qkvBias });
    this.v_proj = new nn.Linear(hiddenSize, hiddenSize, { bias: qkvBias });
    this.o_proj = new nn.Linear(hiddenSize, hiddenSize);
    this.heads = numAttentionHeads;
    this.dropoutP = attentionProbsDropoutProb;
  }

  override forward(x: Tensor): Tensor {
    const [batch, seq, hidden] = x.shape as [number, number, number];
    const split = (y: Tensor) => y.view([batch, seq, this.heads, hidden / this.heads]).transpose(1, 2);
    const y = F.scaledDotProductAttention(
      split(this.q_proj.forward(x)), // [batch, heads, seq, head]
      split(this.k_proj.forward(x)),
      split(this.v_proj.forward(x)),
      { dropoutP: this.training ? this.dropoutP : 0 },
    );
    return this.o_proj.forward(y.transpose(1, 2).reshape([batch, seq, hidden]));
  }
}

class ViTMLP extends nn.Module {
  readonly fc1: nn.Linear;
  readonly fc2: nn.Linear;
  readonly activation: (x: Tensor) => Tensor;

  constructor({ hiddenSize, intermediateSize, hiddenAct }: ViTConfig) {
    super();
    this.fc1 = new nn.Linear(hiddenSize, intermediateSize);
    this.fc2 = new nn.Linear(intermediateSize, hiddenSize);
    this.activation = activationOf(hiddenAct);
  }

  override forward(x: Tensor): Tensor {
    return this.fc2.forward(this.activation(this.fc1.forward(x)));
  }
}

class ViTLayer extends nn.Module {
  readonly attention: ViTAttention;
  readonly layernorm_before: nn.LayerNorm;
  readonly layernorm_after: nn.LayerNorm;
  readonly mlp: ViTMLP;
  readonly dropout: nn.Dropout;

  constructor(config: ViTConfig) {
    super();
    this.attention = new ViTAttention(config);
    this.layernorm_before = new nn.LayerNorm(config.hiddenSize, { eps: config.layerNormEps });
    this.layernorm_after = new nn.LayerNorm(config.hiddenSize, { eps: config.layerNormEps });
    this.mlp = new ViTMLP(config);
    this.dropout = new nn.Dropout(config.hiddenDropoutProb);
  }

  override forward(x: Tensor): Tensor {
    const y = this.dropout.forward(this.attention.forward(this.layernorm_before.forward(x))).add(x);
    return this.dropout.forward(this.mlp.forward(this.layernorm_after.forward(y))).add(y);
  }
}

class ViTPooler extends nn.Module {
  readonly dense: nn.Linear;
  readonly activation: (x: Tensor) => Tensor;

  constructor({ hiddenSize, poolerOutputSize, poolerAct }: ViTConfig) {
    super();
    this.dense = new nn.Linear(hiddenSize, poolerOutputSize ?? hiddenSize);
    this.activation = activationOf(poolerAct);
  }

  override forward(x: Tensor): Tensor {
    return this.activation(this.dense.forward(x.select(1, 0)));
  }
}

/**
 * Encodes images, patch by patch, behind a class token.
 *
 * Shapes: `pixels [batch, channels, height, width]` -> `hidden [batch, 1 + patches, hidden]`,
 * `pooled [batch, poolerOutputSize]` (null without pooler).
 */
export class ViTModel extends nn.Module {
  static readonly architecture = "ViTModel";
  readonly config: ViTConfig;
  readonly embeddings: ViTEmbeddings;
  readonly layers: nn.ModuleList<ViTLayer>;
  readonly layernorm: nn.LayerNorm;
  readonly pooler: ViTPooler | null;
  /** Computes each layer again in backward; see setGradientCheckpointing. */
  gradientCheckpointing = false;

  constructor(config: ViTConfig, { addPoolingLayer = true }: { addPoolingLayer?: boolean } = {}) {
    super();
    this.config = config;
    this.embeddings = new ViTEmbeddings(config);
    this.layers = new nn.ModuleList(
      Array.from({ length: config.numHiddenLayers }, () => new ViTLayer(config)),
    );
    this.layernorm = new nn.LayerNorm(config.hiddenSize, { eps: config.layerNormEps });
    this.pooler = addPoolingLayer ? new ViTPooler(config) : null;
    initWeights(this, config);
  }

  override forward(pixels: Tensor): { hidden: Tensor; pooled: Tensor | null } {
    let x = this.embeddings.forward(pixels);
    const isRecomputed = this.gradientCheckpointing && this.training;
    for (const layer of this.layers) x = isRecomputed ? recomputed(layer, x) : layer.forward(x);
    const hidden = this.layernorm.forward(x);
    return { hidden, pooled: this.pooler?.forward(hidden) ?? null };
  }
}

/**
 * Classifies images from the class token.
 *
 * Shapes: `pixels [batch, channels, height, width]` -> logits `[batch, labels]`.
 *
 * @example
 * const config = vitConfig({ hiddenSize: 32, numHiddenLayers: 2, numAttentionHeads: 4, imageSize: 32, patchSize: 8 });
 * new ViTForImageClassification(config).forward(torch.rand([2, 3, 32, 32])).shape; // => [2, 2]
 */
export class ViTForImageClassification extends nn.Module {
  static readonly architecture = "ViTForImageClassification";
  readonly config: ViTConfig;
  readonly vit: ViTModel;
  readonly classifier: nn.Linear;

  constructor(config: ViTConfig) {
    super();
    this.config = config;
    this.vit = new ViTModel(config, { addPoolingLayer: false });
    this.classifier = new nn.Linear(config.hiddenSize, config.labels.length);
    initWeights(this.classifier, config);
  }

  override forward(pixels: Tensor): Tensor {
    return this.classifier.forward(this.vit.forward(pixels).hidden.select(1, 0));
  }
}

/** Fills the weights below `root` from N(0, initializerRange), with biases zero and norms one. */
export function initWeights(root: nn.Module, { initializerRange: std }: ViTConfig): void {
  for (const module of root.modules()) {
    if (module instanceof nn.Linear || module instanceof nn.Conv2d) {
      nn.init.normal_(module.weight, { std });
      if (module.bias !== null) nn.init.zeros_(module.bias);
    } else if (module instanceof ViTEmbeddings) {
      nn.init.truncNormal_(module.position_embeddings, { std });
      nn.init.truncNormal_(module.cls_token, { std });
    } else if (module instanceof nn.LayerNorm) {
      module.resetParameters();
    }
  }
}
