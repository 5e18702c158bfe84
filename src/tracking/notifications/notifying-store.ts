// A store that tells what is changed through it. It stands before any store, a server's or a training's own.
import { endTags } from "../client/end-tags.ts";
import type { Store } from "../open-store.ts";
import { overrideStore } from "../override-store.ts";
import type { RunInfo } from "../types.ts";
import type { Listener } from "./event.ts";
import type { Notifier } from "./notifier.ts";
import { registryTelling } from "./registry-telling.ts";

const endings = { FINISHED: "finished", FAILED: "failed", KILLED: "killed" } as const;

/**
 * Returns a store that does what `store` does and tells `notifier` of the runs that end through it, and of changes in
 * the registry. Closing it waits for what is still to be told, some seconds at most.
 */
export function notifyingStore<S extends Store>(store: S, notifier: Notifier): S {
  return overrideStore<Store>(store, {
    ...runTelling(store, notifier),
    ...stageTelling(store, notifier),
    ...registryTelling(store, notifier),
    close: async () => {
      await notifier.close();
      await store.close();
    },
  }) as S;
}

function runTelling(store: Store, listener: Listener) {
  return {
    async updateRun(input) {
      const action = endings[input.status as keyof typeof endings];
      // a client that did not hear the answer says it again
      const before = action && (await found(store.getRun(input.runId)))?.info.status;
      const info = await store.updateRun(input);
      if (action !== undefined && before !== input.status) {
        await listener.tell([`run.${action}`], async () => ({
          entity: "run",
          action,
          data: await describeRun(store, info),
        }));
      }
      return info;
    },
  } satisfies Partial<Store>;
}

function stageTelling(store: Store, listener: Listener) {
  return {
    async transitionStage(input) {
      const before = await found(store.getModelVersion(input.name, input.version));
      const moved = await store.transitionStage(input);
      const { name, version, archiveExisting = false, userId = "", evidence = {} } = input;
      await listener.tell(["model_version_stage.set"], async () => ({
        entity: "model_version_stage",
        action: "set",
        data: {
          name,
          version: String(version),
          stage: moved.currentStage,
          previous_stage: before?.currentStage ?? null,
          archive_existing_versions: archiveExisting,
          user_id: userId,
          evidence,
        },
      }));
      return moved;
    },
  } satisfies Partial<Store>;
}

/** Says of a run what a person wants to know first; the error without its stack. */
async function describeRun(store: Store, info: RunInfo): Promise<Record<string, unknown>> {
  const { data } = await store.getRun(info.runId);
  const { name } = await store.getExperiment(info.experimentId);
  const tag = (key: string) => data.tags[key] || null;
  return {
    run_id: info.runId,
    run_name: info.runName,
    experiment_id: info.experimentId,
    experiment_name: name,
    user_id: info.userId,
    status: info.status,
    start_time: info.startTime,
    end_time: info.endTime ?? null,
    reason: tag(endTags.reason),
    error: tag(endTags.lastError)?.split("\n")[0] ?? null,
    signal: tag(endTags.signal),
    exit_code: tag(endTags.exitCode),
    last_step: tag(endTags.lastStep),
  };
}

/** Leaves it to the change itself to say that something is not there. */
function found<T>(reading: Promise<T>): Promise<T | undefined> {
  return reading.catch(() => undefined);
}
