// The bases of data modules by what they hold; each makes the batches that the models of its domain take.
import { UsageError } from "../base/index.ts";
import { Tokenizer, collate as padTokens, tokenizeAll } from "../data/index.ts";
import type { TokenRow } from "../data/index.ts";
import { fromTypedArray, narrow, nn, stack, tensor, utils } from "../torch/index.ts";
import type { Tensor } from "../torch/index.ts";
import { BaseDataModule } from "./data-module.ts";
import type { DataModuleConfig } from "./data-module.ts";
import type { AudioBatch, NLPBatch, TimeSeriesBatch, VisionBatch } from "./domain-models.ts";

/** Shapes: `image [channels, height, width]`, bytes (0 to 255) or floats (0 to 1). */
export interface VisionExample {
  image: Tensor;
  label: number;
}

/** Options of data modules of images. */
export interface VisionDataConfig extends DataModuleConfig {
  /** Mean of each channel, of images from 0 to 1. @default not subtracted */
  mean?: readonly number[];
  /** Standard deviation of each channel. @default not divided by */
  std?: readonly number[];
}

/** Holds images of one size: batches are floats from 0 to 1, normalised where `mean` and `std` are given. */
export abstract class BaseVisionDataModule<
  Config extends VisionDataConfig = VisionDataConfig,
> extends BaseDataModule<VisionExample, Config> {
  override collate(examples: VisionExample[]): VisionBatch {
    const { mean, std } = this.config;
    const images = stack(examples.map(({ image }) => image));
    let image = images.dtype === "uint8" ? images.to("float32").div_(255) : images;
    if (mean !== undefined) image = image.sub(perChannel(mean));
    if (std !== undefined) image = image.div(perChannel(std));
    return { image, label: classes(examples) };
  }
}

/** Is a text with its class, and the second text of a pair. */
export interface TextExample {
  text: string;
  pair?: string;
  label: number;
}

/** Options of data modules of texts. */
export interface NLPDataConfig extends DataModuleConfig {
  /** Folder with the tokenizer's files. */
  tokenizer: string;
  /** Most tokens of a row, special ones included. @default 128 */
  maxLength?: number;
  /** Folder where tokens are kept for later runs of the same texts, tokenizer and length. @default none */
  cacheFolder?: string;
}

/** Holds texts; `tokenize` makes a part of them in `setup`, and batches are padded to their longest row. */
export abstract class BaseNLPDataModule<Config extends NLPDataConfig = NLPDataConfig> extends BaseDataModule<
  TokenRow & { label: number },
  Config
> {
  readonly tokenizer: Tokenizer;

  constructor(config: Config) {
    super(config);
    this.tokenizer = Tokenizer.fromFolder(config.tokenizer);
  }

  /** Makes a data set of texts. */
  async tokenize(
    examples: readonly TextExample[],
  ): Promise<utils.data.Dataset<TokenRow & { label: number }>> {
    const { maxLength = 128, cacheFolder } = this.config;
    const paired = examples.filter(({ pair }) => pair !== undefined).length;
    if (paired !== 0 && paired !== examples.length) {
      throw new UsageError(
        `${this.constructor.name}.tokenize: all examples must have a pair, or none, got ${paired} of ${examples.length}.`,
      );
    }
    const tokens = await tokenizeAll(
      {
        texts: examples.map(({ text }) => text),
        ...(paired > 0 && { pairs: examples.map(({ pair }) => pair!) }),
        tokenizer: this.tokenizer,
        maxLength,
      },
      cacheFolder,
    );
    return {
      length: examples.length,
      get: (index) => ({ ...tokens.row(index), label: examples[index]!.label }),
    };
  }

  override collate(examples: (TokenRow & { label: number })[]): NLPBatch {
    const { padId, paddingSide } = this.tokenizer;
    const { inputIds, attentionMask, tokenTypeIds, shape } = padTokens(examples, { padId, paddingSide });
    return {
      inputIds: fromTypedArray(inputIds, shape),
      attentionMask: fromTypedArray(attentionMask, shape),
      tokenTypeIds: fromTypedArray(tokenTypeIds, shape),
      labels: classes(examples),
    };
  }
}

/** Options of data modules of time series. */
export interface TimeSeriesDataConfig extends DataModuleConfig {
  /** Time steps that a forecast is made from. */
  contextLength: number;
  /** Time steps of the forecast. */
  horizon: number;
  /** Time steps between the beginnings of two windows. @default 1 */
  stride?: number;
}

/** Holds time series; `windows` makes a part of one in `setup`. */
export abstract class BaseTimeSeriesDataModule<
  Config extends TimeSeriesDataConfig = TimeSeriesDataConfig,
> extends BaseDataModule<TimeSeriesBatch, Config> {
  /**
   * Cuts a series into windows of past and future.
   *
   * Shapes: `[time, features]` -> examples of `past [contextLength, features]`, `future [horizon, features]`.
   */
  windows(series: Tensor): utils.data.Dataset<TimeSeriesBatch> {
    const { contextLength, horizon, stride = 1 } = this.config;
    const time = series.shape[0] ?? 0;
    if (series.ndim !== 2 || time < contextLength + horizon) {
      throw new UsageError(
        `${this.constructor.name}.windows: a series must be [time, features] with ${contextLength + horizon} time steps at least, got [${series.shape}]. Shorten contextLength or horizon.`,
      );
    }
    return {
      length: Math.floor((time - contextLength - horizon) / stride) + 1,
      get: (index) => ({
        past: narrow(series, 0, index * stride, contextLength),
        future: narrow(series, 0, index * stride + contextLength, horizon),
      }),
    };
  }

  /**
   * Cuts a series in time, so that nothing is trained on what comes after what is judged. A later part begins with
   * the context of its first forecast, which is the end of the part before.
   *
   * Shapes: `[time, features]` -> `[time of the part, features]`, one a share.
   */
  splitInTime(series: Tensor, shares: readonly number[]): Tensor[] {
    const { contextLength } = this.config;
    const time = series.shape[0] ?? 0;
    let end = 0;
    return shares.map((share, part) => {
      const start = part === 0 ? 0 : Math.max(0, end - contextLength);
      const isLast = part === shares.length - 1;
      end = isLast ? time : Math.min(time, end + Math.floor(share * time));
      return narrow(series, 0, start, end - start);
    });
  }
}

/** Shapes: `waveform [channels, samples]`, floats from -1 to 1. */
export interface AudioExample {
  waveform: Tensor;
  label: number;
}

/** Options of data modules of sounds. */
export interface AudioDataConfig extends DataModuleConfig {
  /** Samples a second. */
  sampleRate: number;
  /** Length that sounds are cut and filled up with silence to. */
  seconds: number;
}

/** Holds sounds; batches are of one length. */
export abstract class BaseAudioDataModule<
  Config extends AudioDataConfig = AudioDataConfig,
> extends BaseDataModule<AudioExample, Config> {
  override collate(examples: AudioExample[]): AudioBatch {
    const length = Math.round(this.config.sampleRate * this.config.seconds);
    const waveforms = examples.map(({ waveform }) => {
      const samples = waveform.shape.at(-1) ?? 0;
      return samples >= length
        ? narrow(waveform, -1, 0, length)
        : nn.functional.pad(waveform, [0, length - samples]);
    });
    return { waveform: stack(waveforms), label: classes(examples) };
  }
}

function classes(examples: readonly { label: number }[]): Tensor {
  return fromTypedArray(
    BigInt64Array.from(examples, ({ label }) => BigInt(label)),
    [examples.length],
  );
}

/** Shapes: `[channels]` -> `[channels, 1, 1]`. */
function perChannel(values: readonly number[]): Tensor {
  return tensor([...values], { dtype: "float32" }).view([-1, 1, 1]);
}
