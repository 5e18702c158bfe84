// What the parts of the contract share: how a test gets the store, names of its own, and how refusals are checked.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { SconceError } from "../../base/index.ts";
import type { Metric, RegistryStore, TrackingStore } from "../../tracking/index.ts";

/** Is a store with both halves, as `openStore` returns it. */
export type Store = TrackingStore & RegistryStore;

/**
 * Opens the store under test: the same one at every call, as another process would. It may hold what other tests
 * wrote. `stages` are those that it shall know beside MLflow's.
 */
export type OpenStore = (options?: { stages?: readonly string[] }) => Promise<Store>;

/** Is the part of Vitest, Jest or `node:test` that the contract needs. */
export interface TestRunner {
  describe(name: string, body: () => void): unknown;
  test(name: string, body: () => Promise<void>): unknown;
}

/** Names what a store cannot do because what it stands on cannot; its tests are left out. */
export type Lack = "purge" | "registryHistory" | "customStages" | "transfer" | "webhooks" | "webhookCalls";

/** Runs a test on an open store, and closes it. */
export type StoreTest = (name: string, body: (store: Store, open: OpenStore) => Promise<void>) => void;

/** Makes the function that declares one test of the contract. */
export function storeTest(open: OpenStore, { test }: TestRunner): StoreTest {
  return (name, body) =>
    test(name, async () => {
      const opened: Store[] = [];
      const openOne: OpenStore = async (options) => {
        const store = await open(options);
        opened.push(store);
        return store;
      };
      try {
        await body(await openOne(), openOne);
      } finally {
        for (const store of opened) await store.close();
      }
    });
}

/** Makes a name that no other test uses. */
export function uniqueName(word: string): string {
  return `${word}-${randomBytes(5).toString("hex")}`;
}

/** Creates an experiment with a name of its own and returns its id. */
export function newExperiment(store: Store): Promise<string> {
  return store.createExperiment({ name: uniqueName("contract") });
}

/** Creates a run, in an experiment of its own unless one is given, and returns its id. */
export async function newRun(store: Store, experimentId?: string): Promise<string> {
  const run = await store.createRun({ experimentId: experimentId ?? (await newExperiment(store)) });
  return run.info.runId;
}

/** Makes a point of a curve. */
export function point(value: number, { key = "loss", step = 0, timestamp = 1000 } = {}): Metric {
  return { key, value, timestamp, step };
}

/** Checks that a call is refused with MLflow's code and with words. */
export async function refused(call: Promise<unknown>, code: string, hint = ""): Promise<void> {
  await assert.rejects(call, (error: unknown) => {
    assert(SconceError.is(error), `${hint}: the error must be a TrackingError, got ${String(error)}`);
    assert.equal(error.code, code, `${hint}: ${error.message}`);
    assert(error.message.length > 10, "the message must say what is wrong");
    return true;
  });
}

/** Waits until the clock of the stores, which counts milliseconds, has moved on. */
export async function nextMillisecond(): Promise<void> {
  const start = Date.now();
  while (Date.now() <= start + 1) await new Promise((resolve) => setTimeout(resolve, 2));
}

export const notThere = "RESOURCE_DOES_NOT_EXIST";
export const taken = "RESOURCE_ALREADY_EXISTS";
export const invalidValue = "INVALID_PARAMETER_VALUE";
