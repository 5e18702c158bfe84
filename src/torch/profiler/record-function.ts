// Names for parts of a program in a profile.
import { UsageError } from "../../base/index.ts";
import { native } from "../native.ts";
import { wrapForwards } from "../wrap-forwards.ts";
import type { WithModules } from "../wrap-forwards.ts";

let running = 0;

/** Called by ./profile.ts: while nothing is recorded, names cost nothing. */
export function countProfiles(change: 1 | -1): void {
  running += change;
}

/**
 * Runs `run`, which stands under `name` in a profile, around the operators that it calls. Without `run`, what is called
 * until the returned object is disposed of stands there, which may await; close what was opened last first.
 *
 * @example
 * torch.profiler.recordFunction("forward", () => torch.ones([2]).sum().item()); // => 2
 */
export function recordFunction<T>(name: string, run: () => T): T;
export function recordFunction(name: string): Disposable;
export function recordFunction<T>(name: string, run?: () => T): T | Disposable {
  if (run === undefined) return open(name);
  if (running === 0) return run();
  const record = open(name);
  try {
    const result = run();
    if (!(result instanceof Promise)) return result;
    result.catch(() => {}); // the error below is the one to report
    throw new UsageError(
      `recordFunction("${name}"): the callback must be synchronous, got a promise. Record each synchronous part, or leave the callback out.`,
    );
  } finally {
    record[Symbol.dispose]();
  }
}

function open(name: string): Disposable {
  let isOpen = running > 0;
  if (isOpen) native.enterRecord(name);
  return {
    [Symbol.dispose]() {
      if (isOpen) native.leaveRecord();
      isOpen = false;
    },
  };
}

/**
 * Makes each module within `model` stand in profiles as `Linear: encoder.layer.0`, until the returned function is called.
 *
 * @example
 * const forget = torch.profiler.recordModules(new torch.nn.Sequential(new torch.nn.Linear(2, 3)));
 * forget();
 */
export function recordModules(model: WithModules): () => void {
  return wrapForwards(model, (path, module, run) =>
    path === "" ? run() : recordFunction(`${module.constructor.name}: ${path}`, run),
  );
}
