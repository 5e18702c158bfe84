export { clipGradNorm_, clipGradValue_, clipGradsWithNorm_, getTotalNorm } from "../../optim/clip.ts";
export { fuseConvBnEval, fuseConvBnWeights, fuseLinearBnEval, fuseLinearBnWeights } from "./fusion.ts";
export type { NormTensors } from "./fusion.ts";
export * as parametrizations from "./parametrizations.ts";
export * as parametrize from "./parametrize.ts";
export * as rnn from "./rnn.ts";
export { parametersToVector, vectorToParameters } from "./vectors.ts";
