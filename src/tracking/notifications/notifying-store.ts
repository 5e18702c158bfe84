// A store that tells what is changed through it. It stands before any store, a server's or a training's own.
import { logger } from "../../base/index.ts";
import { endTags } from "../client/end-tags.ts";
import type { Store } from "../open-store.ts";
import { overrideStore } from "../override-store.ts";
import { isPrompt, promptTag } from "../search/prompts.ts";
import type { UpdateRunInput } from "../store.ts";
import type { RunInfo } from "../types.ts";
import type { NotificationEvent } from "./event.ts";
import type { Notifier } from "./notifier.ts";

const endings = { FINISHED: "finished", FAILED: "failed", KILLED: "killed" } as const;

/**
 * Returns a store that does what `store` does and tells `notifier` of the runs that end through it, and of changes in
 * the registry. Prompts, which MLflow keeps among the models, are not told of. Closing it waits for what is still to
 * be told, some seconds at most.
 */
export function notifyingStore<S extends Store>(store: S, notifier: Notifier): S {
  return overrideStore<Store>(store, {
    ...tellingOf(store, notifier),
    close: () => closeBoth(store, notifier),
  }) as S;
}

async function closeBoth(store: Store, notifier: Notifier): Promise<void> {
  await notifier.close();
  await store.close();
}

function tellingOf(store: Store, notifier: Notifier) {
  const tell = (entity: NotificationEvent["entity"], action: NotificationEvent["action"], data: object) =>
    notifier.publish({ entity, action, data: { ...data } });
  /** Tells of a change of a model that is no prompt. */
  const tellOfModel = async (name: string, ...event: Parameters<typeof tell>) => {
    await quietly(async () => {
      if (!isPrompt(await store.getRegisteredModel(name))) tell(...event);
    });
  };
  return {
    async updateRun(input: UpdateRunInput): Promise<RunInfo> {
      const action = endings[input.status as keyof typeof endings];
      // a client that did not hear the answer says it again
      const before = action && (await found(store.getRun(input.runId)))?.info.status;
      const info = await store.updateRun(input);
      if (action !== undefined && before !== input.status) {
        await quietly(async () => tell("run", action, await describeRun(store, info)));
      }
      return info;
    },
    async createRegisteredModel(input) {
      const model = await store.createRegisteredModel(input);
      const { name, description = null, tags = {} } = input;
      if (tags[promptTag] !== "true") tell("registered_model", "created", { name, tags, description });
      return model;
    },
    async createModelVersion(input) {
      const made = await store.createModelVersion(input);
      const { name, source, runId = null, description = null, tags = {} } = input;
      const data = { name, version: String(made.version), source, run_id: runId, tags, description };
      await tellOfModel(name, "model_version", "created", data);
      return made;
    },
    async transitionStage(input) {
      const before = await found(store.getModelVersion(input.name, input.version));
      const moved = await store.transitionStage(input);
      const { name, version, archiveExisting = false, userId = "", evidence = {} } = input;
      tell("model_version_stage", "set", {
        name,
        version: String(version),
        stage: moved.currentStage,
        previous_stage: before?.currentStage ?? null,
        archive_existing_versions: archiveExisting,
        user_id: userId,
        evidence,
      });
      return moved;
    },
    async setModelAlias(name, alias, version, change) {
      await store.setModelAlias(name, alias, version, change);
      const data = { name, alias, version: String(version) };
      await tellOfModel(name, "model_version_alias", "created", data);
    },
    async deleteModelAlias(name, alias, change) {
      await store.deleteModelAlias(name, alias, change);
      await tellOfModel(name, "model_version_alias", "deleted", { name, alias });
    },
    async setModelVersionTags(name, version, tags) {
      await store.setModelVersionTags(name, version, tags);
      for (const [key, value] of Object.entries(tags)) {
        await tellOfModel(name, "model_version_tag", "set", { name, version: String(version), key, value });
      }
    },
    async deleteModelVersionTag(name, version, key) {
      await store.deleteModelVersionTag(name, version, key);
      await tellOfModel(name, "model_version_tag", "deleted", { name, version: String(version), key });
    },
  } satisfies Partial<Store>;
}

/** Says of a run what a person wants to know first; the error without its stack. */
async function describeRun(store: Store, info: RunInfo): Promise<object> {
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

/** The change is made; that it cannot be told must not look as if it were not. */
async function quietly(telling: () => Promise<void>): Promise<void> {
  try {
    await telling();
  } catch (error) {
    logger.warn(`notifications: a change could not be told. ${(error as Error).message}`);
  }
}
