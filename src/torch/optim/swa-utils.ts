export {
  AveragedModel,
  getEmaAvgFn,
  getEmaMultiAvgFn,
  getSwaAvgFn,
  getSwaMultiAvgFn,
  updateBn,
} from "./averaged-model.ts";
export type { AveragedModelOptions, AvgFn, MultiAvgFn } from "./averaged-model.ts";
export { SWALR } from "./lr-scheduler/swa-lr.ts";
export type { SWALROptions } from "./lr-scheduler/swa-lr.ts";
