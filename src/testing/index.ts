export { difference, matchers } from "./allclose.ts";
export type { Tolerance } from "./allclose.ts";
