// torch.autograd.graph: the graph's nodes and edges, and what is saved in it.
export { GradientEdge, getGradientEdge, incrementVersion } from "./gradient-edge.ts";
export { GraphNode as Node } from "./hooks.ts";
export { MultiHandle, registerMultiGradHook } from "./multi-grad-hook.ts";
export type { AllGradientsHook, AnyGradientHook } from "./multi-grad-hook.ts";
export {
  allowMutationOnSavedTensors,
  disableSavedTensorsHooks,
  saveOnCpu,
  savedTensorsHooks,
} from "./saved-hooks.ts";
