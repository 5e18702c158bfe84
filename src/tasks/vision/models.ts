// ResNet and ViT as models that a trainer trains: new weights, cross entropy, accuracy and F1.
import { z } from "zod";
import { UsageError } from "../../base/index.ts";
import { BaseVisionModel } from "../../contracts/index.ts";
import type { ConfigSchema } from "../../contracts/index.ts";
import {
  ResNetForImageClassification,
  ViTForImageClassification,
  resnetConfig,
  resnetPresets,
  setGradientCheckpointing,
  vitConfig,
} from "../../models/index.ts";
import type { ResNetConfig, ViTConfig } from "../../models/index.ts";

/** Says what every classifier of images is told. One of `labels` and `numClasses` must be given. */
interface ClassifierConfig {
  /** Names of the classes, in the order of the logits. @default LABEL_0, LABEL_1, ... */
  labels?: readonly string[];
  /** @default the number of labels */
  numClasses?: number;
  /** Learning rate of AdamW. @default 0.001 */
  lr?: number;
  /** Backward computes the layers again: less memory for one more forward pass, and the same weights. @default false */
  gradientCheckpointing?: boolean;
}

/** Shape of the network, and what it is trained with; defaults are those of `resnetConfig`. */
export interface ResNetClassifierConfig
  extends ClassifierConfig, Partial<Omit<ResNetConfig, "labels" | "extra">> {}

/** Shape of the network, and what it is trained with; defaults are those of `vitConfig`. */
export interface ViTClassifierConfig
  extends ClassifierConfig, Partial<Omit<ViTConfig, "labels" | "extra" | "poolerOutputSize" | "poolerAct">> {}

const count = z.int().min(1).exactOptional();
const share = z.number().min(0).max(1).exactOptional();
const positive = z.number().positive().exactOptional();
const side = z.int().min(1);
const size = z.union([side, z.tuple([side, side])]).exactOptional();
const counts = z.array(z.int().min(1)).min(1).exactOptional();
const activation = z.string().exactOptional();
const classifierOptions = {
  labels: z.array(z.string()).min(1).exactOptional(),
  numClasses: count,
  numChannels: count,
  lr: positive,
  gradientCheckpointing: z.boolean().exactOptional(),
};
const resnetSchema = z.strictObject({
  ...classifierOptions,
  embeddingSize: count,
  hiddenSizes: counts,
  depths: counts,
  layerType: z.enum(["basic", "bottleneck"]).exactOptional(),
  hiddenAct: activation,
  downsampleInFirstStage: z.boolean().exactOptional(),
  downsampleInBottleneck: z.boolean().exactOptional(),
});

/**
 * Classifies images with a ResNet.
 *
 * Shapes: `image [batch, channels, height, width]` -> logits `[batch, classes]`.
 *
 * @example
 * const model = new ResNetClassifier({ ...resnetPresets.resnet18, numClasses: 10 });
 * model.forward(torch.rand([2, 3, 32, 32])).shape; // => [2, 10]
 */
export class ResNetClassifier extends BaseVisionModel<ResNetClassifierConfig> {
  static override readonly schema: ConfigSchema<any> = resnetSchema;

  override buildModel(config: ResNetClassifierConfig): ResNetForImageClassification {
    const { labels, numClasses, lr: _lr, gradientCheckpointing = false, ...shape } = config;
    const model = new ResNetForImageClassification(
      resnetConfig({ ...shape, labels: labelsOf("ResNetClassifier", labels, numClasses) }),
    );
    setGradientCheckpointing(model, gradientCheckpointing);
    return model;
  }
}

/** Makes the class of the ResNets of a preset's shape, which a config may change in part. */
export function resnetClassifier(preset: keyof typeof resnetPresets): typeof ResNetClassifier {
  return class extends ResNetClassifier {
    static override readonly schema: ConfigSchema<any> = resnetSchema.transform((config) => ({
      ...resnetPresets[preset],
      ...config,
    }));
  };
}

/**
 * Classifies images with a vision transformer.
 *
 * Shapes: `image [batch, channels, height, width]`, of the size `imageSize` -> logits `[batch, classes]`.
 *
 * @example
 * const shape = { imageSize: 32, patchSize: 8, hiddenSize: 16, numHiddenLayers: 2, numAttentionHeads: 2, intermediateSize: 32 };
 * const model = new ViTClassifier({ ...shape, numClasses: 10 });
 * model.forward(torch.rand([2, 3, 32, 32])).shape; // => [2, 10]
 */
export class ViTClassifier extends BaseVisionModel<ViTClassifierConfig> {
  static override readonly schema: ConfigSchema<any> = z.strictObject({
    ...classifierOptions,
    hiddenSize: count,
    numHiddenLayers: count,
    numAttentionHeads: count,
    intermediateSize: count,
    hiddenAct: activation,
    hiddenDropoutProb: share,
    attentionProbsDropoutProb: share,
    initializerRange: positive,
    layerNormEps: positive,
    imageSize: size,
    patchSize: size,
    qkvBias: z.boolean().exactOptional(),
  });

  override buildModel(config: ViTClassifierConfig): ViTForImageClassification {
    const { labels, numClasses, lr: _lr, gradientCheckpointing = false, ...shape } = config;
    const model = new ViTForImageClassification(
      vitConfig({ ...shape, labels: labelsOf("ViTClassifier", labels, numClasses) }),
    );
    setGradientCheckpointing(model, gradientCheckpointing);
    return model;
  }
}

function labelsOf(
  where: string,
  labels: readonly string[] | undefined,
  numClasses: number | undefined,
): readonly string[] {
  if (labels === undefined && numClasses === undefined)
    throw new UsageError(`${where}: the classes must be given. Set labels, or numClasses.`);
  if (labels !== undefined && numClasses !== undefined && labels.length !== numClasses) {
    throw new UsageError(
      `${where}: numClasses must be the number of labels, got ${numClasses} and ${labels.length} labels. Leave numClasses out.`,
    );
  }
  return labels ?? Array.from({ length: numClasses! }, (_, id) => `LABEL_${id}`);
}
