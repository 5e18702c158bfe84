// The base of models that are trained: steps, logging and a default optimizer around a network.
import { UsageError, logger, suggestion } from "../base/index.ts";
import { Tensor, nn, optim } from "../torch/index.ts";
import type { Metric } from "./metric.ts";
import type { ConfigSchema, ISerializable, ITrainable, OptimizerSetup, StepOutput } from "./trainable.ts";

/** Says how a value is logged; names are Lightning's. */
export interface LogOptions {
  /** Logs the value of every `log_every_n_steps`-th step. @default in training steps */
  onStep?: boolean;
  /** Logs the mean of the epoch. @default outside of training steps */
  onEpoch?: boolean;
  /** Shows the value on the progress bar too. @default false, but for what `setupMetrics` gives */
  progBar?: boolean;
  /** Rows that the value stands for, by which it is weighted in the mean. @default the rows of the batch */
  batchSize?: number;
}

/** What the trainer lends a model while it trains. */
export interface TrainerContext {
  readonly optimizers: readonly optim.Optimizer[];
  readonly lrSchedulers: readonly (optim.LRScheduler | optim.ReduceLROnPlateau)[];
  readonly currentEpoch: number;
  readonly globalStep: number;
  log(name: string, value: number, options: LogOptions): void;
  /** Runs backward of a loss, as the run's precision asks for. */
  backward(loss: Tensor): void;
}

/** Is what a step judges: its name begins the names of metrics. */
export type Stage = "train" | "val" | "test";

/**
 * Is the base of models. `buildModel` gives the network; by default the model trains it on batches of inputs and
 * targets, `[x, y]`, and logs `<stage>_loss` and its metrics; `inputsOf`, `targetsOf` and `lossOf` adapt that, and a
 * step can be written whole. Fields of a subclass do not exist yet while `buildModel` and `setupMetrics` run.
 *
 * @example
 * class Classifier extends BaseModel<{ hidden: number }> {
 *   override buildModel({ hidden }: { hidden: number }) {
 *     return new nn.Sequential(new nn.Linear(4, hidden), new nn.ReLU(), new nn.Linear(hidden, 3));
 *   }
 *   override lossOf(logits: Tensor, labels: Tensor) {
 *     return nn.functional.crossEntropy(logits, labels);
 *   }
 * }
 */
export abstract class BaseModel<Config extends object = Record<string, unknown>, B = any>
  extends nn.Module
  implements ITrainable<B>, ISerializable
{
  /** Accepts the config, and gives it its defaults; `registerModel` reads it. */
  static readonly schema: ConfigSchema<any> | undefined;

  readonly config: Config;
  readonly model: nn.Module;
  /** False: `trainingStep` itself calls `manualBackward` and steps the optimizers. */
  automaticOptimization = true;
  readonly #metrics: Readonly<Record<string, Metric>>;
  #context: TrainerContext | undefined;
  #isWarned = false;

  constructor(config: Config) {
    super();
    this.config = config;
    if (typeof (this.buildModel as unknown) !== "function") {
      throw new UsageError(
        `${this.constructor.name}: must say what the network is. Give it buildModel(config).`,
      );
    }
    this.model = this.buildModel(config);
    this.#metrics = this.setupMetrics(config);
  }

  /** Makes a model of a config that the class's `schema` accepts. */
  static fromConfig<T extends BaseModel>(this: new (config: any) => T, config: unknown): T {
    const { schema } = this as unknown as typeof BaseModel;
    return new this(schema === undefined ? config : schema.parse(config));
  }

  /** Makes the network; its weights are named `model.*`. */
  abstract buildModel(config: Config): nn.Module;

  /** Makes the metrics of validation and test, by their bare names. @default none */
  setupMetrics(_config: Config): Record<string, Metric> {
    return {};
  }

  /** Computes the outputs. @default what the network computes */
  override forward(...inputs: any[]): any {
    return (this.model.forward as (...inputs: unknown[]) => unknown)(...inputs);
  }

  /** Returns what `forward` takes. @default the first of a list, `x` of an object */
  inputsOf(batch: B): unknown[] {
    return [part(batch, 0, "x")];
  }

  /** Returns what the outputs are judged by. @default the second of a list, `y` of an object */
  targetsOf(batch: B): Tensor {
    return part(batch, 1, "y") as Tensor;
  }

  /** Returns the mean loss of a batch. */
  lossOf(_outputs: Tensor, _targets: Tensor): Tensor {
    throw new UsageError(
      `${this.constructor.name}: must say how its outputs are judged. Give it lossOf(outputs, targets), or a trainingStep of its own.`,
    );
  }

  trainingStep(batch: B, _batchIndex: number): StepOutput | undefined {
    return this.#step(batch, "train");
  }

  validationStep(batch: B, _batchIndex: number, _dataloaderIndex: number): StepOutput | undefined | void {
    return this.#step(batch, "val");
  }

  testStep(batch: B, _batchIndex: number, _dataloaderIndex: number): StepOutput | undefined | void {
    return this.#step(batch, "test");
  }

  /** Returns what is predicted for a batch. @default the outputs */
  predictStep(batch: B, _batchIndex: number, _dataloaderIndex: number): unknown {
    return this.forward(...this.inputsOf(batch));
  }

  /** @default AdamW, at the config's `lr` or 0.001 */
  configureOptimizers(): OptimizerSetup {
    const { lr = 1e-3 } = this.config as { lr?: number };
    const trained = this.parameters().filter((parameter) => parameter.requiresGrad);
    return new optim.AdamW(trained, { lr });
  }

  /** Logs a value; a tensor must hold one number. Outside of a trainer it is not kept. */
  log(name: string, value: number | Tensor, options: LogOptions = {}): void {
    if (value instanceof Tensor && value.numel !== 1) {
      throw new UsageError(
        `${this.constructor.name}.log: "${name}" must be one number, got a tensor of shape [${value.shape}]. Take its mean().`,
      );
    }
    refuseUnknownOptions(`${this.constructor.name}.log("${name}")`, options);
    if (this.#context !== undefined) {
      this.#context.log(name, value instanceof Tensor ? value.item() : value, options);
    } else if (!this.#isWarned) {
      this.#isWarned = true;
      logger.warn(`${this.constructor.name}.log: "${name}" is not kept, as no trainer runs the model`);
    }
  }

  /** Logs several values. */
  logDict(values: Readonly<Record<string, number | Tensor>>, options: LogOptions = {}): void {
    for (const [name, value] of Object.entries(values)) this.log(name, value, options);
  }

  /** Runs backward of a loss in manual optimisation. */
  manualBackward(loss: Tensor): void {
    this.#trainer("manualBackward").backward(loss);
  }

  /** Lists what `configureOptimizers` gave. */
  optimizers(): readonly optim.Optimizer[] {
    return this.#trainer("optimizers").optimizers;
  }

  /** Lists the schedulers that `configureOptimizers` gave. */
  lrSchedulers(): TrainerContext["lrSchedulers"] {
    return this.#trainer("lrSchedulers").lrSchedulers;
  }

  get currentEpoch(): number {
    return this.#context?.currentEpoch ?? 0;
  }

  get globalStep(): number {
    return this.#context?.globalStep ?? 0;
  }

  /** Is called by the trainer when it begins and (undefined) when it ends. */
  attach(context: TrainerContext | undefined): void {
    this.#context = context;
  }

  /** Logs the metrics of the epoch and begins them anew; the trainer calls it after validation and test. */
  logMetrics(stage: Exclude<Stage, "train">): void {
    for (const [name, metric] of Object.entries(this.#metrics)) {
      const value = metric.compute();
      metric.reset();
      this.log(`${stage}_${name}`, value, { onStep: false, onEpoch: true, progBar: true });
    }
  }

  #step(batch: B, stage: Stage): Tensor {
    const outputs = this.forward(...this.inputsOf(batch)) as Tensor;
    const targets = this.targetsOf(batch);
    const loss = this.lossOf(outputs, targets);
    if (stage === "train") return loss; // the trainer logs train_loss itself
    this.log(`${stage}_loss`, loss);
    for (const metric of Object.values(this.#metrics)) metric.update(outputs, targets);
    return loss;
  }

  #trainer(method: string): TrainerContext {
    if (this.#context !== undefined) return this.#context;
    throw new UsageError(`${this.constructor.name}.${method}: works only while a trainer runs the model.`);
  }
}

const logOptions: readonly string[] = [
  "onStep",
  "onEpoch",
  "progBar",
  "batchSize",
] satisfies (keyof LogOptions)[];

/** Plugins are compiled without their types being checked. */
function refuseUnknownOptions(where: string, options: LogOptions): void {
  const wrong = Object.keys(options).find((key) => !logOptions.includes(key));
  if (wrong === undefined) return;
  throw new UsageError(`${where}: unknown option "${wrong}". ${suggestion(wrong, logOptions)}`);
}

function part(batch: unknown, index: number, key: string): unknown {
  if (Array.isArray(batch)) return batch[index];
  if (typeof batch === "object" && batch !== null && key in batch)
    return (batch as Record<string, unknown>)[key];
  throw new UsageError(
    `BaseModel: a batch must be a list or have "${key}", got ${describe(batch)}. Override inputsOf and targetsOf.`,
  );
}

function describe(batch: unknown): string {
  if (batch instanceof Tensor) return `a tensor of shape [${batch.shape}]`;
  if (typeof batch === "object" && batch !== null) return `an object with ${Object.keys(batch).join(", ")}`;
  return String(batch);
}
