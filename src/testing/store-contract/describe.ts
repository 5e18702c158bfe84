// The contract of a store: what MLflow's stores do, as tests that any store must pass.
import { batchContract } from "./batches.ts";
import { registryConcurrencyContract, trackingConcurrencyContract } from "./concurrency.ts";
import { type Lack, type OpenStore, type TestRunner, storeTest } from "./contract.ts";
import { experimentContract } from "./experiments.ts";
import { loggedModelContract } from "./logged-models.ts";
import { customStageContract, historyContract, registryContract } from "./registry.ts";
import { purgeContract, runContract } from "./runs.ts";
import { searchContract } from "./search.ts";
import { transferContract } from "./transfer.ts";
import { webhookCallContract, webhookContract } from "./webhooks.ts";

/** Says who runs the contract, and what the store cannot do. */
export interface ContractOptions {
  /** Vitest, Jest or `node:test`. */
  runner: TestRunner;
  /** What the store cannot do because what it stands on cannot. @default [] */
  lacks?: readonly Lack[];
}

/**
 * Declares the tests that every tracking store must pass: experiments, runs, batches, searches, logged models, the
 * trash, and several users at once. All tests share one store, which may hold other things.
 *
 * @example
 * import { describe, test } from "vitest";
 * describeTrackingStore("my store", () => MyStore.open({ path }), { runner: { describe, test } });
 */
export function describeTrackingStore(
  name: string,
  open: OpenStore,
  { runner, lacks = [] }: ContractOptions,
): void {
  const test = storeTest(open, runner);
  const { describe } = runner;
  describe(`${name} as a tracking store`, () => {
    describe("experiments", () => experimentContract(test));
    describe("runs", () => runContract(test));
    describe("batches", () => batchContract(test));
    describe("searches", () => searchContract(test));
    describe("logged models", () => loggedModelContract(test));
    describe("several at once", () => trackingConcurrencyContract(test));
    if (!lacks.includes("purge")) describe("the trash", () => purgeContract(test));
    if (!lacks.includes("transfer")) describe("transfers", () => transferContract(test));
  });
}

/**
 * Declares the tests that every registry must pass: models, versions, stages, aliases, their history, webhooks, and
 * several users at once.
 *
 * @example
 * import { describe, test } from "vitest";
 * describeRegistryStore("my store", (options) => MyStore.open({ path, ...options }), { runner: { describe, test } });
 */
export function describeRegistryStore(
  name: string,
  open: OpenStore,
  { runner, lacks = [] }: ContractOptions,
): void {
  const test = storeTest(open, runner);
  const { describe } = runner;
  describe(`${name} as a registry`, () => {
    describe("models and versions", () => registryContract(test));
    describe("several at once", () => registryConcurrencyContract(test));
    if (!lacks.includes("registryHistory")) describe("history", () => historyContract(test));
    if (!lacks.includes("webhooks")) describe("webhooks", () => webhookContract(test));
    if (!lacks.includes("webhooks") && !lacks.includes("webhookCalls")) {
      describe("calls of webhooks", () => webhookCallContract(test));
    }
    if (!lacks.includes("customStages")) describe("stages of one's own", () => customStageContract(test));
  });
}
