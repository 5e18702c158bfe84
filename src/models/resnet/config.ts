// Shape of a ResNet, in config.json's terms. Keys of the file that are not ours are kept and written back.
import { FileError } from "../../base/index.ts";
import {
  numberedLabels,
  readActivation,
  readBoolean,
  readKeys,
  readLabels,
  readNumber,
  readNumbers,
  requireModelType,
  writeKeys,
} from "../common/config-json.ts";
import type { ActivationName } from "../common/config-json.ts";

/** Mirrors transformers' `ResNetConfig`; defaults are those of microsoft/resnet-50. */
export interface ResNetConfig {
  /** Channels of the images. @default 3 */
  numChannels: number;
  /** Channels behind the first convolution. @default 64 */
  embeddingSize: number;
  /** Channels behind each stage. @default [256, 512, 1024, 2048] */
  hiddenSizes: readonly number[];
  /** Layers of each stage. @default [3, 4, 6, 3] */
  depths: readonly number[];
  /** `basic`: two 3x3 convolutions; `bottleneck`: 1x1, 3x3 and 1x1. @default "bottleneck" */
  layerType: "basic" | "bottleneck";
  /** Activation behind the first convolution and behind each sum; between convolutions it is relu. @default "relu" */
  hiddenAct: ActivationName;
  /** Whether the first stage halves height and width, as the others do. @default false */
  downsampleInFirstStage: boolean;
  /** Whether a bottleneck halves in its first convolution rather than its second. @default false */
  downsampleInBottleneck: boolean;
  /** Names of the classes in the order of the logits. @default ["LABEL_0", "LABEL_1"] */
  labels: readonly string[];
  /** What else config.json held. */
  extra: Readonly<Record<string, unknown>>;
}

/** The shapes of the paper (He et al., 2015) that have a name here. */
export const resnetPresets = {
  resnet18: { hiddenSizes: [64, 128, 256, 512], depths: [2, 2, 2, 2], layerType: "basic" },
  resnet50: { hiddenSizes: [256, 512, 1024, 2048], depths: [3, 4, 6, 3], layerType: "bottleneck" },
} as const satisfies Record<string, Partial<ResNetConfig>>;

const readers = {
  num_channels: ["numChannels", readNumber],
  embedding_size: ["embeddingSize", readNumber],
  hidden_sizes: ["hiddenSizes", readNumbers],
  depths: ["depths", readNumbers],
  layer_type: ["layerType", readLayerType],
  hidden_act: ["hiddenAct", readActivation],
  downsample_in_first_stage: ["downsampleInFirstStage", readBoolean],
  downsample_in_bottleneck: ["downsampleInBottleneck", readBoolean],
} as const;

/** Makes a config of the given values, the defaults elsewhere. */
export function resnetConfig(values: Partial<ResNetConfig> = {}, source = "ResNetConfig"): ResNetConfig {
  const config: ResNetConfig = {
    numChannels: 3,
    embeddingSize: 64,
    ...resnetPresets.resnet50,
    hiddenAct: "relu",
    downsampleInFirstStage: false,
    downsampleInBottleneck: false,
    labels: numberedLabels(2),
    extra: {},
    ...values,
  };
  const { hiddenSizes, depths } = config;
  if (hiddenSizes.length !== depths.length) {
    throw new FileError(
      `${source}: hidden_sizes and depths must have one number a stage, got ${hiddenSizes.length} and ${depths.length}. Give both for each stage.`,
    );
  }
  return config;
}

/** Reads the content of config.json; `source` names the file in errors. */
export function resnetConfigFromJson(json: Readonly<Record<string, unknown>>, source: string): ResNetConfig {
  requireModelType(json, "resnet", source);
  const { values, extra } = readKeys(json, readers, { source });
  const labels = readLabels(json);
  return resnetConfig({ ...values, ...(labels && { labels }), extra }, source);
}

/** Returns the content of config.json, `architecture` naming transformers' class. */
export function resnetConfigToJson(config: ResNetConfig, architecture: string): Record<string, unknown> {
  return writeKeys(config, readers, { modelType: "resnet", architecture });
}

function readLayerType(value: unknown, key: string, source: string): ResNetConfig["layerType"] {
  if (value === "basic" || value === "bottleneck") return value;
  throw new FileError(`${source}: ${key} must be "basic" or "bottleneck", got ${JSON.stringify(value)}.`);
}
