// torch.func: transforms of functions, which nest and combine.
export { replaceAllBatchNormModules_ } from "./batch-norm.ts";
export { debugUnwrap } from "./debug-unwrap.ts";
export { functionalCall, stackModuleState } from "./functional-call.ts";
export type { FunctionalCallOptions } from "./functional-call.ts";
export { functionalize } from "./functionalize.ts";
export type { FunctionalizeOptions } from "./functionalize.ts";
export { grad, gradAndValue, vjp } from "./grad.ts";
export type { Chosen, GradOptions, WithAux } from "./grad.ts";
export { hessian, jacfwd, jacrev } from "./jacobian.ts";
export type { JacobianOf } from "./jacobian.ts";
export { jvp } from "./jvp.ts";
export { linearize } from "./linearize.ts";
export { rearrange } from "./rearrange.ts";
export { vmap } from "./vmap.ts";
export type { Dims, VmapOptions } from "./vmap.ts";
