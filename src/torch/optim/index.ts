export { Adadelta } from "./adadelta.ts";
export type { AdadeltaOptions } from "./adadelta.ts";
export { Adafactor } from "./adafactor.ts";
export type { AdafactorOptions } from "./adafactor.ts";
export { Adagrad } from "./adagrad.ts";
export type { AdagradOptions } from "./adagrad.ts";
export { Adam, AdamW } from "./adam.ts";
export type { AdamOptions } from "./adam.ts";
export { Adamax } from "./adamax.ts";
export type { AdamaxOptions } from "./adamax.ts";
export { ASGD } from "./asgd.ts";
export type { ASGDOptions } from "./asgd.ts";
export { clipGradNorm_, clipGradsWithNorm_, clipGradValue_, getTotalNorm } from "./clip.ts";
export type { ClipGradNormOptions } from "./clip.ts";
export { createOptimizer, optimizers } from "./create-optimizer.ts";
export type { OptimizerFactory } from "./create-optimizer.ts";
export { GradScaler } from "./grad-scaler.ts";
export type { GradScalerOptions, GradScalerStateDict } from "./grad-scaler.ts";
export * as lrScheduler from "./lr-scheduler/index.ts";
export { AdafactorSchedule } from "./lr-scheduler/adafactor-schedule.ts";
export { ChainedScheduler } from "./lr-scheduler/chained-scheduler.ts";
export { CyclicLR } from "./lr-scheduler/cyclic-lr.ts";
export type { CyclicLROptions } from "./lr-scheduler/cyclic-lr.ts";
export { GreedyLR } from "./lr-scheduler/greedy-lr.ts";
export type { GreedyLROptions } from "./lr-scheduler/greedy-lr.ts";
export { LAMB } from "./lamb.ts";
export type { LAMBOptions } from "./lamb.ts";
export { LBFGS } from "./lbfgs.ts";
export type { LBFGSOptions } from "./lbfgs.ts";
export { Lion } from "./lion.ts";
export type { LionOptions } from "./lion.ts";
export { CosineAnnealingLR, CosineAnnealingWarmRestarts } from "./lr-scheduler/cosine-lr.ts";
export type {
  CosineAnnealingLROptions,
  CosineAnnealingWarmRestartsOptions,
} from "./lr-scheduler/cosine-lr.ts";
export { createScheduler, schedulers } from "./lr-scheduler/create-scheduler.ts";
export type { SchedulerKind, SchedulerOptions } from "./lr-scheduler/create-scheduler.ts";
export { LambdaLR, MultiplicativeLR } from "./lr-scheduler/lambda-lr.ts";
export type { LrLambda } from "./lr-scheduler/lambda-lr.ts";
export { ConstantLR, LinearLR, PolynomialLR } from "./lr-scheduler/linear-lr.ts";
export type { ConstantLROptions, LinearLROptions, PolynomialLROptions } from "./lr-scheduler/linear-lr.ts";
export { LRScheduler } from "./lr-scheduler/lr-scheduler.ts";
export type { LRSchedulerOptions, SchedulerStateDict } from "./lr-scheduler/lr-scheduler.ts";
export { OneCycleLR } from "./lr-scheduler/one-cycle-lr.ts";
export type { OneCycleLROptions } from "./lr-scheduler/one-cycle-lr.ts";
export { ReduceLROnPlateau } from "./lr-scheduler/reduce-lr-on-plateau.ts";
export type { ReduceLROnPlateauOptions } from "./lr-scheduler/reduce-lr-on-plateau.ts";
export {
  getAdafactorSchedule,
  getConstantSchedule,
  getConstantScheduleWithWarmup,
  getCosineScheduleWithWarmup,
  getCosineWithHardRestartsScheduleWithWarmup,
  getCosineWithMinLrScheduleWithWarmup,
  getCosineWithMinLrScheduleWithWarmupLrRate,
  getGreedySchedule,
  getInverseSqrtSchedule,
  getLinearScheduleWithWarmup,
  getPolynomialDecayScheduleWithWarmup,
  getReduceOnPlateauSchedule,
  getWsdSchedule,
} from "./lr-scheduler/schedules.ts";
export type {
  CosineScheduleOptions,
  CosineWithMinLrOptions,
  CosineWithWarmupLrRateOptions,
  HardRestartsOptions,
  InverseSqrtOptions,
  PolynomialDecayOptions,
  WsdScheduleOptions,
  WsdShape,
} from "./lr-scheduler/schedules.ts";
export { SequentialLR } from "./lr-scheduler/sequential-lr.ts";
export { ExponentialLR, MultiStepLR, StepLR } from "./lr-scheduler/step-lr.ts";
export type { StepLROptions } from "./lr-scheduler/step-lr.ts";
export { Muon } from "./muon.ts";
export type { MuonOptions } from "./muon.ts";
export { NAdam } from "./nadam.ts";
export type { NAdamOptions } from "./nadam.ts";
export { camelCaseKeys, snakeCaseKeys } from "../../base/index.ts";
export { Optimizer } from "./optimizer.ts";
export type { ParamState, StateLayout, StepHook } from "./optimizer.ts";
export type {
  OptimizerOptions,
  ParamGroup,
  ParamGroupInput,
  Params,
  ScheduledOptions,
} from "./param-groups.ts";
export { RAdam } from "./radam.ts";
export type { RAdamOptions } from "./radam.ts";
export { RMSprop } from "./rmsprop.ts";
export type { RMSpropOptions } from "./rmsprop.ts";
export { Rprop } from "./rprop.ts";
export type { RpropOptions } from "./rprop.ts";
export { AdamWScheduleFree, SGDScheduleFree } from "./schedule-free.ts";
export type {
  AdamWScheduleFreeOptions,
  ScheduleFreeOptions,
  SGDScheduleFreeOptions,
} from "./schedule-free.ts";
export { SGD } from "./sgd.ts";
export type { SGDOptions } from "./sgd.ts";
export { SparseAdam } from "./sparse-adam.ts";
export type { SparseAdamOptions } from "./sparse-adam.ts";
export type { OptimizerStateDict } from "./state-dict.ts";
export * as swaUtils from "./swa-utils.ts";
export { TransformersAdafactor } from "./transformers-adafactor.ts";
export type { TransformersAdafactorOptions } from "./transformers-adafactor.ts";
