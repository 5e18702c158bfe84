export { Adam, AdamW } from "./adam.ts";
export type { AdamOptions } from "./adam.ts";
export { clipGradNorm_, clipGradValue_ } from "./clip.ts";
export type { ClipGradNormOptions } from "./clip.ts";
export { createOptimizer, optimizers } from "./create-optimizer.ts";
export type { OptimizerFactory } from "./create-optimizer.ts";
export { GradScaler } from "./grad-scaler.ts";
export type { GradScalerOptions, GradScalerStateDict } from "./grad-scaler.ts";
export { CosineAnnealingLR, CosineAnnealingWarmRestarts } from "./lr-scheduler/cosine-lr.ts";
export type {
  CosineAnnealingLROptions,
  CosineAnnealingWarmRestartsOptions,
} from "./lr-scheduler/cosine-lr.ts";
export { createScheduler, schedulers } from "./lr-scheduler/create-scheduler.ts";
export type { SchedulerKind, SchedulerOptions } from "./lr-scheduler/create-scheduler.ts";
export { LambdaLR } from "./lr-scheduler/lambda-lr.ts";
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
  getConstantSchedule,
  getConstantScheduleWithWarmup,
  getCosineScheduleWithWarmup,
  getCosineWithHardRestartsScheduleWithWarmup,
  getCosineWithMinLrScheduleWithWarmup,
  getInverseSqrtSchedule,
  getLinearScheduleWithWarmup,
  getPolynomialDecayScheduleWithWarmup,
  getWsdSchedule,
} from "./lr-scheduler/schedules.ts";
export type {
  CosineScheduleOptions,
  CosineWithMinLrOptions,
  HardRestartsOptions,
  InverseSqrtOptions,
  PolynomialDecayOptions,
  WsdScheduleOptions,
  WsdShape,
} from "./lr-scheduler/schedules.ts";
export { SequentialLR } from "./lr-scheduler/sequential-lr.ts";
export { ExponentialLR, MultiStepLR, StepLR } from "./lr-scheduler/step-lr.ts";
export type { StepLROptions } from "./lr-scheduler/step-lr.ts";
export { camelCaseKeys, snakeCaseKeys } from "./names.ts";
export { Optimizer } from "./optimizer.ts";
export type { ParamState } from "./optimizer.ts";
export type {
  OptimizerOptions,
  ParamGroup,
  ParamGroupInput,
  Params,
  ScheduledOptions,
} from "./param-groups.ts";
export { SGD } from "./sgd.ts";
export type { SGDOptions } from "./sgd.ts";
export type { OptimizerStateDict } from "./state-dict.ts";
