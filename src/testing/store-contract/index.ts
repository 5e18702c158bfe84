export { describeRegistryStore, describeTrackingStore } from "./describe.ts";
export type { ContractOptions } from "./describe.ts";
export type { Lack, OpenStore, Store, TestRunner } from "./contract.ts";
