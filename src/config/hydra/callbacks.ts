// What a program, or `hydra.callbacks` of a config, wants to be told about runs, sweeps and their jobs.
import { logger } from "../../base/index.ts";
import type { MapNode } from "../node.ts";
import type { Job, JobResult } from "./run-job.ts";

/**
 * Is told what happens around jobs; every method may be left out. Starts come in the order of the callbacks, ends in
 * the opposite one. `config` is the whole config, with the section `hydra`. A callback that throws is warned of; jobs go on.
 */
export interface HydraCallback {
  /** Before the one job of a run. */
  onRunStart?(config: MapNode): void | Promise<void>;
  onRunEnd?(config: MapNode, result: JobResult<unknown>): void | Promise<void>;
  /** Before the first job of a sweep. */
  onMultirunStart?(config: MapNode): void | Promise<void>;
  onMultirunEnd?(config: MapNode, results: readonly JobResult<unknown>[]): void | Promise<void>;
  /** Before each job, in a run and in a sweep. */
  onJobStart?(config: MapNode, job: Job): void | Promise<void>;
  onJobEnd?(config: MapNode, result: JobResult<unknown>): void | Promise<void>;
}

/** Tells all callbacks of something, one after the other. */
export async function notify(
  callbacks: readonly HydraCallback[],
  event: keyof HydraCallback,
  tell: (callback: HydraCallback) => void | Promise<void>,
): Promise<void> {
  const ordered = event.endsWith("End") ? callbacks.toReversed() : callbacks;
  for (const callback of ordered) {
    try {
      await tell(callback);
    } catch (error) {
      const name = callback.constructor?.name ?? "callback";
      logger.warn(`${event} of ${name === "Object" ? "a callback" : name} failed: ${String(error)}`);
    }
  }
}
