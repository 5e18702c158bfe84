export { difference, matchers } from "./allclose.ts";
export type { Tolerance } from "./allclose.ts";
export { gradcheck, gradgradcheck } from "./gradcheck.ts";
export type { GradcheckOptions } from "./gradcheck.ts";
export { describeRegistryStore, describeTrackingStore } from "./store-contract/index.ts";
export type { ContractOptions, Lack, OpenStore, Store, TestRunner } from "./store-contract/index.ts";
