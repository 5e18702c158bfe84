// torch.autograd.gradMode: whether and how gradients are recorded.
export {
  enableGrad,
  enforceGradLayoutPolicy,
  inferenceMode,
  noGrad,
  setGradEnabled,
  setMultithreadingEnabled,
} from "../grad-mode.ts";
