// Averages of a model's weights over training: equal ones (SWA, Izmailov et al. 2018) or decaying ones (EMA).
import { UsageError } from "../../base/index.ts";
import type { Device } from "../dtype.ts";
import { isFloatingPoint } from "../dtype.ts";
import { noGrad } from "../grad-mode.ts";
import { deepCopy } from "../nn/deep-copy.ts";
import { Module } from "../nn/module.ts";
import { scope } from "../scope.ts";
import { tensor } from "../factories.ts";
import type { Tensor } from "../tensor.ts";
import { foreach } from "./foreach.ts";
import { checkNumber } from "./options.ts";
import { bucketsOf, handleOf } from "./optimizer.ts";

/** Returns the new average of one tensor, from the present one, the model's and how many are in it. */
export type AvgFn = (averaged: Tensor, current: Tensor, numAveraged: number) => Tensor;

/** Changes the averages in place; all tensors are of one device and dtype. */
export type MultiAvgFn = (
  averaged: readonly Tensor[],
  current: readonly Tensor[],
  numAveraged: number,
) => void;

/** Options of `AveragedModel`. */
export interface AveragedModelOptions {
  /** Where the average is kept. @default where the model is */
  device?: Device;
  /** Averages one tensor; only one of the two may be given. */
  avgFn?: AvgFn;
  /** Averages lists of tensors at once. @default getSwaMultiAvgFn() */
  multiAvgFn?: MultiAvgFn;
  /** Averages buffers too, instead of copying them. @default false */
  useBuffers?: boolean;
}

/**
 * Holds a copy of a model whose weights are an average. Call `updateParameters` after each update (EMA) or
 * epoch (SWA), and evaluate this instead of the model. The first call copies the weights.
 *
 * @example
 * const model = new nn.Linear(2, 1);
 * const average = new optim.swaUtils.AveragedModel(model, { multiAvgFn: optim.swaUtils.getEmaMultiAvgFn(0.9) });
 * average.updateParameters(model);
 * [...average.stateDict().keys()]; // => ["n_averaged", "module.weight", "module.bias"]
 */
export class AveragedModel<M extends Module = Module> extends Module {
  readonly module: M;
  declare readonly n_averaged: Tensor;
  readonly useBuffers: boolean;
  readonly #avgFn: AvgFn | undefined;
  readonly #multiAvgFn: MultiAvgFn;

  constructor(model: M, { device, avgFn, multiAvgFn, useBuffers = false }: AveragedModelOptions = {}) {
    super();
    if (avgFn !== undefined && multiAvgFn !== undefined) {
      throw new UsageError("AveragedModel: give avgFn or multiAvgFn, got both.");
    }
    this.registerBuffer("n_averaged", tensor(0, { dtype: "int64", ...(device !== undefined && { device }) }));
    this.module = deepCopy(model);
    if (device !== undefined) this.module.to(device);
    this.useBuffers = useBuffers;
    this.#avgFn = avgFn;
    this.#multiAvgFn = multiAvgFn ?? getSwaMultiAvgFn();
  }

  override forward(...inputs: never[]): ReturnType<M["forward"]> {
    return this.module.forward(...inputs) as ReturnType<M["forward"]>;
  }

  /** Takes the model's present weights into the average. */
  updateParameters(model: Module): void {
    scope(() =>
      noGrad(() => {
        const numAveraged = this.n_averaged.item();
        const pairs = pairsOf(this.module.parameters(), model.parameters());
        const buffers = pairsOf(this.module.buffers(), model.buffers());
        if (this.useBuffers) pairs.push(...buffers);
        else for (const { averaged, current } of buffers) averaged.copy_(current);
        if (numAveraged === 0) for (const { averaged, current } of pairs) averaged.copy_(current);
        else this.#average(pairs, numAveraged);
        this.n_averaged.add_(1);
      }),
    );
  }

  #average(pairs: readonly Pair[], numAveraged: number): void {
    if (this.#avgFn !== undefined) {
      for (const { averaged, current } of pairs) {
        averaged.copy_(this.#avgFn(averaged, current, numAveraged));
      }
      return;
    }
    for (const alike of bucketsOf(pairs, ({ averaged }) => averaged)) {
      this.#multiAvgFn(
        alike.map(({ averaged }) => averaged),
        alike.map(({ current }) => current),
        numAveraged,
      );
    }
  }
}

interface Pair {
  averaged: Tensor;
  current: Tensor;
}

function pairsOf(averaged: readonly Tensor[], current: readonly Tensor[]): Pair[] {
  if (averaged.length !== current.length) {
    throw new UsageError(
      `AveragedModel.updateParameters: the model must have the ${averaged.length} tensors of the one that was copied, got ${current.length}.`,
    );
  }
  return averaged.map((own, i) => ({ averaged: own.detach(), current: current[i]!.detach().to(own.device) }));
}

/** Returns a function for an exponential moving average that keeps `decay` of itself at each update. */
export function getEmaAvgFn(decay = 0.999): AvgFn {
  checkNumber("getEmaAvgFn", "decay", decay, { min: 0, max: 1 });
  return (averaged, current) => averaged.mul(decay).add(current.mul(1 - decay));
}

/** Returns the same for lists of tensors, in one pass. */
export function getEmaMultiAvgFn(decay = 0.999): MultiAvgFn {
  checkNumber("getEmaMultiAvgFn", "decay", decay, { min: 0, max: 1 });
  const one = getEmaAvgFn(decay);
  return (averaged, current) => {
    if (isFloatingPoint(averaged[0]!.dtype)) {
      foreach.lerp_(averaged.map(handleOf), current.map(handleOf), 1 - decay);
    } else {
      averaged.forEach((own, i) => own.copy_(one(own, current[i]!, 0)));
    }
  };
}

/** Returns a function for the equal average of all that was taken in. */
export function getSwaAvgFn(): AvgFn {
  return (averaged, current, numAveraged) => averaged.add(current.sub(averaged).div(numAveraged + 1));
}

/** Returns the same for lists of tensors, in one pass. */
export function getSwaMultiAvgFn(): MultiAvgFn {
  const one = getSwaAvgFn();
  return (averaged, current, numAveraged) => {
    if (isFloatingPoint(averaged[0]!.dtype)) {
      foreach.lerp_(averaged.map(handleOf), current.map(handleOf), 1 / (numAveraged + 1));
    } else {
      averaged.forEach((own, i) => own.copy_(one(own, current[i]!, numAveraged)));
    }
  };
}

/** What batch normalisation has, and no other module: statistics that can start over. */
interface BatchStatistics extends Module {
  momentum: number | null;
  resetRunningStats(): void;
}

/**
 * Computes the statistics of batch normalisation anew, in one pass over the data: those of averaged weights are
 * no average of statistics. A batch is a tensor, or a list whose first entry is the input.
 */
export function updateBn(
  loader: Iterable<Tensor | readonly [input: Tensor, ...rest: unknown[]]>,
  model: Module,
  { device }: { device?: Device } = {},
): void {
  const normalisations = [...model.modules()].filter(
    (module): module is BatchStatistics => "resetRunningStats" in module,
  );
  if (normalisations.length === 0) return;
  const { training } = model;
  const momenta = normalisations.map(({ momentum }) => momentum);
  model.train();
  try {
    for (const module of normalisations) {
      module.resetRunningStats();
      module.momentum = null; // the equal average of all batches
    }
    for (const batch of loader) {
      const input = Array.isArray(batch) ? (batch[0] as Tensor) : (batch as Tensor);
      scope(() => {
        noGrad(() => model.forward((device === undefined ? input : input.to(device)) as never));
      });
    }
  } finally {
    normalisations.forEach((module, i) => (module.momentum = momenta[i]!));
    model.train(training);
  }
}
