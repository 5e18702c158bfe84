export { difference, matchers } from "./allclose.ts";
export type { Tolerance } from "./allclose.ts";
export { gradcheck, gradgradcheck } from "./gradcheck.ts";
export type { GradcheckOptions } from "./gradcheck.ts";
