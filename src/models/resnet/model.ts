// ResNet (He et al., 2015), with the stride in the 3x3 convolution of a bottleneck as torchvision has it. Fields carry
// the names of transformers' state dict. Loading and saving: ./weights.ts.
import { nn } from "../../torch/index.ts";
import type { Tensor } from "../../torch/index.ts";
import { activationOf } from "../common/config-json.ts";
import type { ActivationName } from "../common/config-json.ts";
import { recomputed } from "../common/gradient-checkpointing.ts";
import type { ResNetConfig } from "./config.ts";

const reduction = 4;

interface ConvolutionOptions {
  /** @default 3 */
  kernelSize?: number;
  /** @default 1 */
  stride?: number;
  /** null: none. @default "relu" */
  activation?: ActivationName | null;
}

class ResNetConvLayer extends nn.Module {
  readonly convolution: nn.Conv2d;
  readonly normalization: nn.BatchNorm2d;
  readonly activation: (x: Tensor) => Tensor;

  constructor(
    inChannels: number,
    outChannels: number,
    { kernelSize = 3, stride = 1, activation = "relu" }: ConvolutionOptions = {},
  ) {
    super();
    const padding = Math.floor(kernelSize / 2);
    this.convolution = new nn.Conv2d(inChannels, outChannels, kernelSize, { stride, padding, bias: false });
    this.normalization = new nn.BatchNorm2d(outChannels);
    this.activation = activation === null ? (x) => x : activationOf(activation);
  }

  override forward(x: Tensor): Tensor {
    return this.activation(this.normalization.forward(this.convolution.forward(x)));
  }
}

class ResNetEmbeddings extends nn.Module {
  readonly embedder: ResNetConvLayer;
  readonly pooler: nn.MaxPool2d;

  constructor({ numChannels, embeddingSize, hiddenAct }: ResNetConfig) {
    super();
    this.embedder = new ResNetConvLayer(numChannels, embeddingSize, {
      kernelSize: 7,
      stride: 2,
      activation: hiddenAct,
    });
    this.pooler = new nn.MaxPool2d(3, { stride: 2, padding: 1 });
  }

  override forward(pixels: Tensor): Tensor {
    return this.pooler.forward(this.embedder.forward(pixels));
  }
}

/** Gives the residual the channels and the size of what it is added to. */
class ResNetShortCut extends nn.Module {
  readonly convolution: nn.Conv2d;
  readonly normalization: nn.BatchNorm2d;

  constructor(inChannels: number, outChannels: number, stride: number) {
    super();
    this.convolution = new nn.Conv2d(inChannels, outChannels, 1, { stride, bias: false });
    this.normalization = new nn.BatchNorm2d(outChannels);
  }

  override forward(x: Tensor): Tensor {
    return this.normalization.forward(this.convolution.forward(x));
  }
}

class ResNetLayer extends nn.Module {
  readonly shortcut: ResNetShortCut | nn.Identity;
  readonly layer: nn.Sequential;
  readonly activation: (x: Tensor) => Tensor;

  constructor(config: ResNetConfig, inChannels: number, outChannels: number, stride: number) {
    super();
    this.shortcut =
      inChannels !== outChannels || stride !== 1
        ? new ResNetShortCut(inChannels, outChannels, stride)
        : new nn.Identity();
    const convolutions = config.layerType === "basic" ? basic : bottleneck;
    this.layer = new nn.Sequential(
      ...convolutions(inChannels, outChannels, stride, config.downsampleInBottleneck),
    );
    this.activation = activationOf(config.hiddenAct);
  }

  override forward(x: Tensor): Tensor {
    const y = this.layer.forward(x) as Tensor;
    return this.activation(y.add(this.shortcut.forward(x)));
  }
}

function basic(inChannels: number, outChannels: number, stride: number): ResNetConvLayer[] {
  return [
    new ResNetConvLayer(inChannels, outChannels, { stride }),
    new ResNetConvLayer(outChannels, outChannels, { activation: null }),
  ];
}

function bottleneck(
  inChannels: number,
  outChannels: number,
  stride: number,
  isStrideFirst: boolean,
): ResNetConvLayer[] {
  const width = Math.floor(outChannels / reduction);
  return [
    new ResNetConvLayer(inChannels, width, { kernelSize: 1, stride: isStrideFirst ? stride : 1 }),
    new ResNetConvLayer(width, width, { stride: isStrideFirst ? 1 : stride }),
    new ResNetConvLayer(width, outChannels, { kernelSize: 1, activation: null }),
  ];
}

class ResNetStage extends nn.Module {
  readonly layers: nn.Sequential;

  constructor(config: ResNetConfig, stage: number) {
    super();
    const outChannels = config.hiddenSizes[stage]!;
    const inChannels = stage === 0 ? config.embeddingSize : config.hiddenSizes[stage - 1]!;
    const stride = stage > 0 || config.downsampleInFirstStage ? 2 : 1;
    this.layers = new nn.Sequential(
      ...Array.from({ length: config.depths[stage]! }, (_, layer) =>
        layer === 0
          ? new ResNetLayer(config, inChannels, outChannels, stride)
          : new ResNetLayer(config, outChannels, outChannels, 1),
      ),
    );
  }

  override forward(x: Tensor): Tensor {
    return this.layers.forward(x) as Tensor;
  }
}

class ResNetEncoder extends nn.Module {
  readonly stages: nn.ModuleList<ResNetStage>;
  /** Computes each layer again in backward; see setGradientCheckpointing. */
  gradientCheckpointing = false;

  constructor(config: ResNetConfig) {
    super();
    this.stages = new nn.ModuleList(config.depths.map((_, stage) => new ResNetStage(config, stage)));
  }

  override forward(x: Tensor): Tensor {
    let y = x;
    const isRecomputed = this.gradientCheckpointing && this.training;
    for (const stage of this.stages) {
      if (!isRecomputed) y = stage.forward(y);
      else for (const layer of stage.layers) y = recomputed(layer as ResNetLayer, y);
    }
    return y;
  }
}

/**
 * Turns images into features.
 *
 * Shapes: `pixels [batch, channels, height, width]` -> `hidden [batch, features, height / 32, width / 32]`,
 * `pooled [batch, features, 1, 1]`, for four stages.
 */
export class ResNetModel extends nn.Module {
  static readonly architecture = "ResNetModel";
  readonly config: ResNetConfig;
  readonly embedder: ResNetEmbeddings;
  readonly encoder: ResNetEncoder;
  readonly pooler: nn.AdaptiveAvgPool2d;

  constructor(config: ResNetConfig) {
    super();
    this.config = config;
    this.embedder = new ResNetEmbeddings(config);
    this.encoder = new ResNetEncoder(config);
    this.pooler = new nn.AdaptiveAvgPool2d(1);
    initWeights(this);
  }

  override forward(pixels: Tensor): { hidden: Tensor; pooled: Tensor } {
    const hidden = this.encoder.forward(this.embedder.forward(pixels));
    return { hidden, pooled: this.pooler.forward(hidden) };
  }
}

/**
 * Classifies images from the mean of their features.
 *
 * Shapes: `pixels [batch, channels, height, width]` -> logits `[batch, labels]`.
 *
 * @example
 * const model = new ResNetForImageClassification(resnetConfig({ ...resnetPresets.resnet18, labels: ["cat", "dog"] }));
 * model.forward(torch.rand([2, 3, 64, 64])).shape; // => [2, 2]
 */
export class ResNetForImageClassification extends nn.Module {
  static readonly architecture = "ResNetForImageClassification";
  readonly config: ResNetConfig;
  readonly resnet: ResNetModel;
  readonly classifier: nn.Sequential;

  constructor(config: ResNetConfig) {
    super();
    this.config = config;
    this.resnet = new ResNetModel(config);
    this.classifier = new nn.Sequential(
      new nn.Flatten(),
      new nn.Linear(config.hiddenSizes.at(-1)!, config.labels.length),
    );
  }

  override forward(pixels: Tensor): Tensor {
    return this.classifier.forward(this.resnet.forward(pixels).pooled) as Tensor;
  }
}

/** Fills the weights below `root`: convolutions by He's rule for what goes out, linear layers by torch's own. */
export function initWeights(root: nn.Module): void {
  for (const module of root.modules()) {
    if (module instanceof nn.Conv2d) {
      nn.init.kaimingNormal_(module.weight, { mode: "fan_out", nonlinearity: "relu" });
    } else if (module instanceof nn.Linear || module instanceof nn.BatchNorm2d) {
      module.resetParameters();
    }
  }
}
