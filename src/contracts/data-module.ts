// The base of data modules: what is downloaded, what is read, and the batches of each part.
import { UsageError } from "../base/index.ts";
import { utils } from "../torch/index.ts";
import { registry } from "./registry.ts";
import type { ConfigSchema } from "./trainable.ts";

/** What a data module is set up for; names are Lightning's. */
export type DataStage = "fit" | "validate" | "test" | "predict";

/** Gives batches, epoch after epoch, as `torch.utils.data.DataLoader`. */
export interface BatchLoader<B = any> extends AsyncIterable<B> {
  /** Batches of an epoch. */
  readonly length: number;
  /** Continues before batch number `batch` of an epoch. */
  seek(position: { epoch: number; batch: number }): void;
  /** Returns the next batch of the epoch, or undefined at its end. */
  next(): Promise<B | undefined>;
  /** Ends what it works with; it may be asked for batches again. */
  close?(): Promise<void>;
}

/** Gives the batches of every part of a data set. What a plain object has of it is enough to train with. */
export interface DataModule<B = any> {
  /** Fetches and prepares files; runs once a machine. */
  prepareData?(): void | Promise<void>;
  /** Reads what a stage needs; runs in each process. */
  setup?(stage: DataStage): void | Promise<void>;
  trainDataloader?(): BatchLoader<B>;
  valDataloader?(): BatchLoader<B> | readonly BatchLoader<B>[] | undefined;
  testDataloader?(): BatchLoader<B> | readonly BatchLoader<B>[] | undefined;
  predictDataloader?(): BatchLoader<B> | readonly BatchLoader<B>[] | undefined;
  teardown?(stage: DataStage): void | Promise<void>;
  /** Identifies the training data and their order: a checkpoint of another one is refused. @default it is not asked */
  fingerprint?(): string | Promise<string>;
}

/** Options that every data module understands. */
export interface DataModuleConfig {
  /** @default 32 */
  batchSize?: number;
  /** Rows of a batch where nothing is trained. @default twice batchSize */
  evalBatchSize?: number;
  /** Seed of order and augmentation. @default 42 */
  seed?: number;
  /** @default false */
  dropLast?: boolean;
  /** Threads that make the examples of a loader, where the data set says how (`inWorker`). @default 0 */
  numWorkers?: number;
  /** Batches, of each worker, that are made ahead of their use. @default 2 */
  prefetchFactor?: number;
  /** A registered sampler of the training examples, with its options. @default all in another order each epoch */
  sampler?: string | { name: string };
  /** Keeps the threads of the training loader from one epoch to the next. @default true */
  persistentWorkers?: boolean;
}

/** The parts of a data set; `setup` makes those that its stage needs. */
export interface Parts<T> {
  train?: utils.data.Dataset<T>;
  val?: utils.data.Dataset<T>;
  test?: utils.data.Dataset<T>;
  predict?: utils.data.Dataset<T>;
}

/**
 * Is the base of data modules: a subclass says in `setup` what the parts are, and the loaders follow.
 *
 * @example
 * class Digits extends BaseDataModule<Tensor[]> {
 *   override setup(): void {
 *     const all = new torch.utils.data.TensorDataset(torch.rand([100, 4]), torch.arange(100).remainder(3));
 *     const [train, val] = torch.utils.data.randomSplit(all, [0.8, 0.2], { seed: 1 });
 *     this.parts = { train: train!, val: val! };
 *   }
 * }
 */
export abstract class BaseDataModule<
  T = any,
  Config extends DataModuleConfig = DataModuleConfig,
> implements DataModule {
  /** Accepts the config, and gives it its defaults; `registerDataset` reads it. */
  static readonly schema: ConfigSchema<any> | undefined;

  readonly config: Config;
  parts: Parts<T> = {};
  /** Loaders that `setup` made itself, in place of those that follow from `parts`. */
  loaders: { [Part in keyof Parts<T>]?: BatchLoader } = {};

  constructor(config: Config = {} as Config) {
    this.config = config;
  }

  /** Makes a data module of a config that the class's `schema` accepts. */
  static fromConfig<D extends BaseDataModule>(this: new (config: any) => D, config: unknown): D {
    const { schema } = this as unknown as typeof BaseDataModule;
    return new this(schema === undefined ? config : schema.parse(config));
  }

  prepareData(): void | Promise<void> {}

  /** Fills `parts` with what the stage needs. */
  abstract setup(stage: DataStage): void | Promise<void>;

  teardown(_stage: DataStage): void | Promise<void> {}

  /** Puts examples together. @default torch.utils.data.defaultCollate */
  collate(examples: T[]): unknown {
    return utils.data.defaultCollate(examples);
  }

  trainDataloader(): BatchLoader {
    if (this.loaders.train !== undefined) return this.loaders.train;
    if (this.parts.train === undefined) {
      throw new UsageError(
        `${this.constructor.name}: setup("fit") must fill parts.train, it has ${Object.keys(this.parts).join(", ") || "no part"}.`,
      );
    }
    const { batchSize = 32, seed = 42, dropLast = false, persistentWorkers = true, sampler } = this.config;
    return this.#loader(this.parts.train, {
      batchSize,
      seed,
      dropLast,
      persistentWorkers,
      ...(sampler === undefined ? { shuffle: true } : { sampler: samplerOf(sampler) }),
    });
  }

  valDataloader(): BatchLoader | undefined {
    return this.loaders.val ?? this.#evalLoader(this.parts.val);
  }

  testDataloader(): BatchLoader | undefined {
    return this.loaders.test ?? this.#evalLoader(this.parts.test);
  }

  predictDataloader(): BatchLoader | undefined {
    return this.loaders.predict ?? this.#evalLoader(this.parts.predict);
  }

  #evalLoader(dataset: utils.data.Dataset<T> | undefined): BatchLoader | undefined {
    if (dataset === undefined) return undefined;
    const { batchSize = 32, evalBatchSize = 2 * batchSize, seed = 42 } = this.config;
    return this.#loader(dataset, { batchSize: evalBatchSize, seed });
  }

  #loader(
    dataset: utils.data.Dataset<T>,
    options: utils.data.DataLoaderOptions<T, unknown>,
  ): utils.data.DataLoader<T, unknown> {
    const { numWorkers = 0, prefetchFactor = 2 } = this.config;
    return new utils.data.DataLoader<T, unknown>(dataset, {
      numWorkers,
      prefetchFactor,
      ...options,
      collateFn: (examples) => this.collate(examples),
    });
  }
}

function samplerOf(sampler: string | { name: string }): utils.data.Sampler {
  const { name, ...options } = typeof sampler === "string" ? { name: sampler } : sampler;
  return registry.createSampler(name, options);
}
