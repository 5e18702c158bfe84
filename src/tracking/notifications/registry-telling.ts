// Changes of the registry as events, with the fields of MLflow's webhooks. Prompts, which MLflow keeps among the models, have
// events of their own.
import { isPrompt, promptTag } from "../search/prompts.ts";
import type { RegistryStore } from "../store.ts";
import type { EventName, Listener, NotificationEvent } from "./event.ts";

type Action = NotificationEvent["action"];
type Entity = NotificationEvent["entity"];
type Data = Record<string, unknown>;

/** Marks prompts for MLflow alone, and is in no event. */
const promptTypeTag = "_mlflow_prompt_type";
const promptTextTag = "mlflow.prompt.text";

const promptEntities: Partial<Record<Entity, Entity>> = {
  registered_model: "prompt",
  model_version: "prompt_version",
  model_version_tag: "prompt_version_tag",
  model_version_alias: "prompt_alias",
};

/** Returns the calls of a store that change its registry, which tell `listener` what they did. */
export function registryTelling(store: RegistryStore, listener: Listener) {
  /** Tells of a change, whose fields may differ for a prompt; `prompt` says whether it is one. */
  const tell = async (
    entity: Entity,
    action: Action,
    {
      data,
      promptData = data,
      prompt,
    }: { data: Data; promptData?: Data; prompt: boolean | (() => Promise<boolean>) },
  ) => {
    const promptEntity = promptEntities[entity]!;
    const names: EventName[] = [`${entity}.${action}`, `${promptEntity}.${action}`];
    await listener.tell(names, async () =>
      (typeof prompt === "boolean" ? prompt : await prompt())
        ? { entity: promptEntity, action, data: promptData }
        : { entity, action, data },
    );
  };
  const isPromptNamed = (name: string) => async () => isPrompt(await store.getRegisteredModel(name));
  const tellOfPromptTag = (name: string, action: Action, data: Data) =>
    listener.tell([`prompt_tag.${action}`], async () =>
      (await isPromptNamed(name)()) ? { entity: "prompt_tag", action, data } : undefined,
    );

  return {
    async createRegisteredModel(input) {
      const model = await store.createRegisteredModel(input);
      const { name, description = "", tags = {} } = input; // MLflow tells an empty text here, and null of versions
      await tell("registered_model", "created", {
        data: { name, tags, description },
        promptData: { name, tags: withoutMarks(tags), description },
        prompt: isPrompt({ tags }),
      });
      return model;
    },

    async setRegisteredModelTags(name, tags) {
      await store.setRegisteredModelTags(name, tags);
      for (const [key, value] of Object.entries(tags))
        await tellOfPromptTag(name, "set", { name, key, value });
    },

    async deleteRegisteredModelTag(name, key) {
      await store.deleteRegisteredModelTag(name, key);
      await tellOfPromptTag(name, "deleted", { name, key });
    },

    async createModelVersion(input) {
      const made = await store.createModelVersion(input);
      const { name, source, runId = null, description = null, tags = {} } = input;
      const version = String(made.version);
      const { [promptTextTag]: template = null, ...others } = withoutMarks(tags);
      await tell("model_version", "created", {
        data: { name, version, source, run_id: runId, tags, description },
        promptData: { name, version, template, tags: others, description },
        prompt: isPromptNamed(name),
      });
      return made;
    },

    async setModelAlias(name, alias, version, change) {
      await store.setModelAlias(name, alias, version, change);
      const data = { name, alias, version: String(version) };
      await tell("model_version_alias", "created", { data, prompt: isPromptNamed(name) });
    },

    async deleteModelAlias(name, alias, change) {
      await store.deleteModelAlias(name, alias, change);
      await tell("model_version_alias", "deleted", { data: { name, alias }, prompt: isPromptNamed(name) });
    },

    async setModelVersionTags(name, version, tags) {
      await store.setModelVersionTags(name, version, tags);
      for (const [key, value] of Object.entries(tags)) {
        const data = { name, version: String(version), key, value };
        await tell("model_version_tag", "set", { data, prompt: isPromptNamed(name) });
      }
    },

    async deleteModelVersionTag(name, version, key) {
      await store.deleteModelVersionTag(name, version, key);
      const data = { name, version: String(version), key };
      await tell("model_version_tag", "deleted", { data, prompt: isPromptNamed(name) });
    },
  } satisfies Partial<RegistryStore>;
}

function withoutMarks(tags: Record<string, string>): Record<string, string> {
  const { [promptTag]: _mark, [promptTypeTag]: _type, ...others } = tags;
  return others;
}
