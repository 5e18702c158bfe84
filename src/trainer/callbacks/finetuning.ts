// Freezes a part of a model at first, and trains it later with parameter groups of its own.
import { UsageError, logger } from "../../base/index.ts";
import { nn } from "../../torch/index.ts";
import type { Tensor, optim } from "../../torch/index.ts";
import type { Run } from "../run.ts";
import type { Callback } from "./callback.ts";

interface SavedGroups {
  /** Names of the parameters of each group of each optimizer. */
  groups: string[][][];
  trainable: string[];
  /** Names of the layers that are kept in evaluation mode. */
  evaluated: string[];
}

/**
 * Is the base of callbacks that freeze and unfreeze parts of a model. `freezeBeforeTraining` runs before the
 * optimizers are made, which must leave frozen parameters out; `finetune` runs as each epoch starts.
 */
export abstract class BaseFinetuning implements Callback {
  readonly name: string = "finetuning";
  #model: nn.Module | undefined;
  #optimizers: readonly optim.Optimizer[] = [];
  #restored: SavedGroups | undefined;

  /** Freezes what is not trained at first. */
  abstract freezeBeforeTraining(model: nn.Module): void;

  /** Unfreezes what is trained from this epoch on, counted from 0. */
  abstract finetune(model: nn.Module, epoch: number, optimizer: optim.Optimizer): void;

  setup(run: Run): void {
    if (run.stage !== "fit") return;
    this.#model = run.task.model;
    this.freezeBeforeTraining(run.task.model);
  }

  /** Makes the groups again that an earlier run added; their rates and state come with the optimizers'. */
  onFitStart(run: Run): void {
    this.#optimizers = run.optimizers;
    if (this.#restored === undefined) return;
    const { groups, trainable } = this.#restored;
    const parameters = new Map(run.task.model.namedParameters());
    const isTrained = new Set(trainable);
    for (const [name, parameter] of parameters) parameter.requiresGrad_(isTrained.has(name));
    for (const [index, optimizer] of run.optimizers.entries())
      for (const names of groups[index]!.slice(optimizer.paramGroups.length))
        addGroup(
          optimizer,
          names.map((name) => [name, parameters.get(name)!] as const),
        );
  }

  /** Keeps frozen normalisation in evaluation mode, so that its statistics do not move either. */
  onTrainStart({ task }: Run): void {
    const evaluated = this.#restored && new Set(this.#restored.evaluated);
    for (const [name, module] of task.model.namedModules()) {
      const isFrozen = evaluated === undefined ? isFrozenNorm(module) : evaluated.has(name);
      if (isFrozen) module.eval();
    }
    this.#restored = undefined;
  }

  onTrainEpochStart({ optimizers, state, task }: Run): void {
    for (const optimizer of optimizers) this.finetune(task.model, state.epoch, optimizer);
  }

  stateDict(): Record<string, unknown> {
    const model = this.#model!;
    const names = new Map(Array.from(model.namedParameters(), ([name, parameter]) => [parameter, name]));
    return {
      groups: this.#optimizers.map(({ paramGroups }) =>
        paramGroups.map(({ params }) => params.map((parameter) => names.get(parameter as nn.Parameter)!)),
      ),
      trainable: [...model.namedParameters()].flatMap(([name, { requiresGrad }]) =>
        requiresGrad ? [name] : [],
      ),
      evaluated: [...model.namedModules()].flatMap(([name, module]) => (isFrozenNorm(module) ? [name] : [])),
    } satisfies SavedGroups;
  }

  loadStateDict(state: Readonly<Record<string, unknown>>): void {
    this.#restored = state as unknown as SavedGroups;
  }

  /** Freezes a module; without `trainBn` its batch normalisation too, which then stays in evaluation mode. */
  static freeze(module: nn.Module, { trainBn = true }: { trainBn?: boolean } = {}): void {
    for (const part of module.modules())
      if (!trainBn || !isBatchNorm(part)) for (const parameter of own(part)) parameter.requiresGrad_(false);
  }

  /** Lets a module be trained; without `trainBn` its batch normalisation stays as it is. */
  static makeTrainable(module: nn.Module, { trainBn = true }: { trainBn?: boolean } = {}): void {
    for (const part of module.modules()) {
      if (isBatchNorm(part) && !trainBn) continue;
      for (const parameter of own(part)) parameter.requiresGrad_(true);
      if (isBatchNorm(part)) part.train();
    }
  }

  /**
   * Unfreezes a module, and adds those of its parameters that the optimizer lacks as a group of rate `lr`, by default
   * that of the first group divided by `initialDenomLr`.
   */
  static unfreezeAndAddParamGroup(
    module: nn.Module,
    optimizer: optim.Optimizer,
    {
      lr,
      initialDenomLr = 10,
      trainBn = true,
    }: { lr?: number; initialDenomLr?: number; trainBn?: boolean } = {},
  ): void {
    BaseFinetuning.makeTrainable(module, { trainBn });
    const taken = new Set<Tensor>(optimizer.paramGroups.flatMap(({ params }) => params));
    const added = [...module.namedParameters()].filter(
      ([, parameter]) => parameter.requiresGrad && !taken.has(parameter),
    );
    if (added.length > 0) addGroup(optimizer, added, lr ?? optimizer.paramGroups[0]!.lr / initialDenomLr);
  }
}

/** Options by Lightning's names. */
export interface BackboneFinetuningConfig {
  /** Epoch, counted from 0, from which the backbone is trained. @default 10 */
  unfreezeBackboneAtEpoch?: number;
  /** What the backbone's rate is multiplied by as an epoch starts. @default 2 in every epoch */
  lambdaFunc?: (epoch: number) => number;
  /** The backbone's first rate, as a share of the model's. @default 0.1 */
  backboneInitialRatioLr?: number;
  /** The backbone's first rate. */
  backboneInitialLr?: number | undefined;
  /** Keeps the backbone's rate at the model's once it has reached it. @default true */
  shouldAlign?: boolean;
  /** Whether batch normalisation in the backbone is trained, from the first epoch on. @default true */
  trainBn?: boolean;
  /** Says in the log what the rates are. @default false */
  verbose?: boolean;
}

/** Trains `model.backbone` only from an epoch on, at a rate that begins low and grows. */
export class BackboneFinetuning extends BaseFinetuning {
  override readonly name: string = "backbone_finetuning";
  readonly config: BackboneFinetuningConfig;
  #rate: number | undefined;

  constructor(config: BackboneFinetuningConfig = {}) {
    super();
    this.config = config;
  }

  override freezeBeforeTraining(model: nn.Module): void {
    BaseFinetuning.freeze(backboneOf(model), { trainBn: this.config.trainBn ?? true });
  }

  override finetune(model: nn.Module, epoch: number, optimizer: optim.Optimizer): void {
    const { unfreezeBackboneAtEpoch = 10, lambdaFunc = () => 2, shouldAlign = true } = this.config;
    const { backboneInitialRatioLr = 0.1, backboneInitialLr, trainBn = true, verbose = false } = this.config;
    if (epoch < unfreezeBackboneAtEpoch) return;
    const { lr } = optimizer.paramGroups[0]!;
    if (epoch === unfreezeBackboneAtEpoch) {
      this.#rate = backboneInitialLr ?? lr * backboneInitialRatioLr;
      BaseFinetuning.unfreezeAndAddParamGroup(backboneOf(model), optimizer, { lr: this.#rate, trainBn });
    } else {
      const next = lambdaFunc(epoch + 1) * this.#rate!;
      this.#rate = shouldAlign && next > lr ? lr : next;
      optimizer.paramGroups.at(-1)!.lr = this.#rate;
    }
    if (verbose) logger.info(`${this.name}: the rate is ${lr}, that of the backbone ${this.#rate}`);
  }

  override stateDict(): Record<string, unknown> {
    return { ...super.stateDict(), rate: this.#rate };
  }

  override loadStateDict({ rate, ...state }: Readonly<Record<string, unknown>>): void {
    super.loadStateDict(state);
    this.#rate = rate as number | undefined;
  }
}

function backboneOf(model: nn.Module): nn.Module {
  const { backbone } = model as { backbone?: unknown };
  if (backbone instanceof nn.Module) return backbone;
  throw new UsageError(
    `backbone_finetuning: the model must have a module named backbone, ${model.constructor.name} has none. Name the part to freeze so.`,
  );
}

function addGroup(
  optimizer: optim.Optimizer,
  named: readonly (readonly [string, Tensor])[],
  lr = optimizer.paramGroups[0]!.lr,
): void {
  const isNamed = optimizer.paramGroups[0]!.paramNames !== undefined;
  optimizer.addParamGroup({ params: isNamed ? named : named.map(([, parameter]) => parameter), lr });
}

function isBatchNorm(module: nn.Module): boolean {
  return (
    module instanceof nn.BatchNorm1d || module instanceof nn.BatchNorm2d || module instanceof nn.BatchNorm3d
  );
}

function isFrozenNorm(module: nn.Module): boolean {
  const parameters = own(module);
  return (
    isBatchNorm(module) && parameters.length > 0 && parameters.every(({ requiresGrad }) => !requiresGrad)
  );
}

function own(module: nn.Module): nn.Parameter[] {
  return module.parameters({ recurse: false });
}
