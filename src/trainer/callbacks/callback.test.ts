import { expect, expectTypeOf, test } from "vitest";
import type { CallbackHook } from "../../contracts/index.ts";
import { Trainer } from "../trainer.ts";
import type { Callback } from "./callback.ts";

test("the hooks that a callback is held to are those of the interface", () => {
  expectTypeOf<Exclude<keyof Callback, "name" | "isMonitoring">>().toEqualTypeOf<CallbackHook>();
});

test("a trainer refuses callbacks that nothing would call", () => {
  const trainer = (callback: object) => new Trainer({ callbacks: [callback as Callback], logger: false });
  expect(() => trainer({ name: "a", onTrainEnd: () => undefined })).not.toThrow();
  expect(() => trainer({ name: "a", onTrainEndd: () => undefined })).toThrowErrorMatchingInlineSnapshot(
    `[ContractError: Trainer: callbacks[0]: the hook "onTrainEndd" does not exist, so nothing would call it. Did you mean "onTrainEnd"?]`,
  );
  expect(() => trainer({ onTrainEnd: () => undefined })).toThrowErrorMatchingInlineSnapshot(
    `[ContractError: Trainer: callbacks[0]: it has no name, by which a checkpoint keeps its state. Give it one.]`,
  );
});
