// torch.autograd: gradients, hooks, functions of one's own.
export {
  detectAnomaly,
  isAnomalyCheckNanEnabled,
  isAnomalyEnabled,
  moduleScope,
  nameModules,
  setDetectAnomaly,
} from "./anomaly.ts";
export type { AnomalyOptions } from "./anomaly.ts";
export { backward, grad } from "./backward.ts";
export type { BackwardOptions, GradOptions } from "./backward.ts";
export * as functional from "./functional.ts";
export { gradcheck, gradgradcheck } from "./gradcheck.ts";
export type { GradcheckOptions } from "./gradcheck.ts";
export * as gradMode from "./grad-mode.ts";
export { enforceGradLayoutPolicy, setMultithreadingEnabled } from "../grad-mode.ts";
export * as graph from "./graph.ts";
export { AutogradFunction as Function, onceDifferentiable } from "./function.ts";
export type { FunctionContext } from "./function.ts";
export { GraphNode as Node, RemovableHandle } from "./hooks.ts";
export type { AccumulatedHook, NodeHook, NodePreHook, TensorHook } from "./hooks.ts";
export { savedTensorsHooks, saveOnCpu } from "./saved-hooks.ts";
