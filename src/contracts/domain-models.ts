// The bases of models by what they see: images, texts, time series, sound. Each says what a batch holds.
import { nn } from "../torch/index.ts";
import type { Tensor } from "../torch/index.ts";
import { BaseModel } from "./base-model.ts";
import { Accuracy, F1Score, MeanAbsoluteError, MeanSquaredError } from "./metric.ts";
import type { Metric } from "./metric.ts";

/** Shapes: `image [batch, channels, height, width]`, `label [batch]` (int64). */
export interface VisionBatch {
  image: Tensor;
  label: Tensor;
}

/** Shapes: `inputIds`, `attentionMask`, `tokenTypeIds [batch, tokens]`, `labels [batch]` (int64). */
export interface NLPBatch {
  inputIds: Tensor;
  attentionMask: Tensor;
  tokenTypeIds?: Tensor;
  labels: Tensor;
}

/** Shapes: `past [batch, time, features]`, `future [batch, horizon, targets]`. */
export interface TimeSeriesBatch {
  past: Tensor;
  future: Tensor;
}

/** Shapes: `waveform [batch, channels, samples]`, or features in its place, `label [batch]` (int64). */
export interface AudioBatch {
  waveform: Tensor;
  label: Tensor;
}

/** What classifying is alike, whatever is seen: cross entropy over `[batch, classes]`; `accuracy` and macro `f1`. */
abstract class Classifier<Config extends object, Batch> extends BaseModel<Config, Batch> {
  override setupMetrics(_config: Config): Record<string, Metric> {
    return { accuracy: new Accuracy(), f1: new F1Score() };
  }

  override lossOf(logits: Tensor, labels: Tensor): Tensor {
    return nn.functional.crossEntropy(logits, labels);
  }
}

/** Classifies images: cross entropy; `accuracy` and macro `f1`. `forward` takes the images and gives `[batch, classes]`. */
export abstract class BaseVisionModel<Config extends object = Record<string, unknown>> extends Classifier<
  Config,
  VisionBatch
> {
  override inputsOf({ image }: VisionBatch): unknown[] {
    return [image];
  }

  override targetsOf({ label }: VisionBatch): Tensor {
    return label;
  }
}

/** Classifies texts: cross entropy; `accuracy` and macro `f1`. `forward` takes the batch and gives `[batch, classes]`. */
export abstract class BaseNLPModel<Config extends object = Record<string, unknown>> extends Classifier<
  Config,
  NLPBatch
> {
  override inputsOf(batch: NLPBatch): unknown[] {
    return [batch];
  }

  override targetsOf({ labels }: NLPBatch): Tensor {
    return labels;
  }
}

/** Forecasts: mean squared error; `mae` and `mse`. `forward` takes the past and gives the future. */
export abstract class BaseTimeSeriesModel<Config extends object = Record<string, unknown>> extends BaseModel<
  Config,
  TimeSeriesBatch
> {
  override setupMetrics(_config: Config): Record<string, Metric> {
    return { mae: new MeanAbsoluteError(), mse: new MeanSquaredError() };
  }

  override inputsOf({ past }: TimeSeriesBatch): unknown[] {
    return [past];
  }

  override targetsOf({ future }: TimeSeriesBatch): Tensor {
    return future;
  }

  override lossOf(forecast: Tensor, future: Tensor): Tensor {
    return nn.functional.mseLoss(forecast, future);
  }
}

/** Classifies sound: cross entropy; `accuracy` and macro `f1`. `forward` takes the waveform and gives `[batch, classes]`. */
export abstract class BaseAudioModel<Config extends object = Record<string, unknown>> extends Classifier<
  Config,
  AudioBatch
> {
  override inputsOf({ waveform }: AudioBatch): unknown[] {
    return [waveform];
  }

  override targetsOf({ label }: AudioBatch): Tensor {
    return label;
  }
}
