// The classes of torch.optim.lr_scheduler, as `optim.lrScheduler` and directly in `optim`.
export { AdafactorSchedule } from "./adafactor-schedule.ts";
export { ChainedScheduler } from "./chained-scheduler.ts";
export { CosineAnnealingLR, CosineAnnealingWarmRestarts } from "./cosine-lr.ts";
export { CyclicLR } from "./cyclic-lr.ts";
export { GreedyLR } from "./greedy-lr.ts";
export { LambdaLR, MultiplicativeLR } from "./lambda-lr.ts";
export { ConstantLR, LinearLR, PolynomialLR } from "./linear-lr.ts";
export { LRScheduler } from "./lr-scheduler.ts";
export { OneCycleLR } from "./one-cycle-lr.ts";
export { ReduceLROnPlateau } from "./reduce-lr-on-plateau.ts";
export { SequentialLR } from "./sequential-lr.ts";
export { ExponentialLR, MultiStepLR, StepLR } from "./step-lr.ts";
export { SWALR } from "./swa-lr.ts";
