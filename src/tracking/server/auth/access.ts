// What the user of one request may do. Ids are looked up in the store first: what a client writes may be another
// spelling of the same thing.
import { found } from "../../found.ts";
import { isPrompt } from "../../search/prompts.ts";
import type { RegistryStore, TrackingStore } from "../../store.ts";
import {
  type Action,
  type Permission,
  type ResourceType,
  allows,
  effectivePermission,
} from "./permissions.ts";
import type { UserRecord } from "./user-store.ts";

/** Is the experiment of a run or logged model, and where that keeps its artifacts. */
interface Owner {
  experimentId: string;
  place: string;
}

/** Remembers the experiment and the place of runs and logged models, which never change. */
export class Owners {
  readonly #store: TrackingStore;
  readonly #known = new Map<string, Owner>();
  readonly #maxKnown = 20_000;

  constructor(store: TrackingStore) {
    this.#store = store;
  }

  /** Returns undefined where there is no such run. */
  ofRun(runId: string): Promise<Owner | undefined> {
    return this.#find(`run ${runId}`, async () => {
      const { experimentId, artifactUri } = (await this.#store.getRun(runId)).info;
      return { experimentId, place: artifactUri };
    });
  }

  /** Returns undefined where there is no such model. */
  ofLoggedModel(modelId: string): Promise<Owner | undefined> {
    return this.#find(`model ${modelId}`, async () => {
      const { experimentId, artifactLocation } = await this.#store.getLoggedModel(modelId);
      return { experimentId, place: artifactLocation };
    });
  }

  async #find(key: string, look: () => Promise<Owner>): Promise<Owner | undefined> {
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const owner = await found(look());
    if (owner === undefined) return undefined;
    if (this.#known.size >= this.#maxKnown) this.#known.clear();
    this.#known.set(key, owner);
    return owner;
  }
}

/** Decides for one user. */
export class Access {
  readonly user: UserRecord;
  /** Where the request comes from. */
  readonly address: string;
  readonly #store: TrackingStore & RegistryStore;
  readonly #owners: Owners;
  readonly #default: Permission;

  constructor(
    user: UserRecord,
    {
      address,
      store,
      owners,
      defaultPermission,
    }: {
      address: string;
      store: TrackingStore & RegistryStore;
      owners: Owners;
      defaultPermission: Permission;
    },
  ) {
    this.user = user;
    this.address = address;
    this.#store = store;
    this.#owners = owners;
    this.#default = defaultPermission;
  }

  get isAdmin(): boolean {
    return this.user.isAdmin;
  }

  /** Returns the level of access to a resource by the id under which the store has it. */
  permission(resourceType: ResourceType, id: string): Permission {
    return this.isAdmin ? "MANAGE" : this.granted(resourceType, id);
  }

  /** Returns the level that the user's grants and the default give, whether or not an admin needs them. */
  granted(resourceType: ResourceType, id: string): Permission {
    return effectivePermission(this.user.grants, resourceType, { id, byDefault: this.#default });
  }

  may(action: Action, resourceType: ResourceType, id: string): boolean {
    return allows(this.permission(resourceType, id), action);
  }

  /** Tells whether the user may make a resource of a kind: whoever is not denied all or this name. */
  mayCreate(resourceType: ResourceType, name = "*"): boolean {
    return this.permission(resourceType, name) !== "DENY";
  }

  async experiment(action: Action, experimentId: string): Promise<boolean> {
    const experiment = await found(this.#store.getExperiment(experimentId));
    return this.may(action, "experiment", experiment?.experimentId ?? experimentId);
  }

  async experimentByName(action: Action, name: string): Promise<boolean> {
    const experiment = await this.#store.getExperimentByName(name);
    return experiment === undefined || this.may(action, "experiment", experiment.experimentId);
  }

  /** A run that is not there is refused as one that is hidden would be: ids cannot be tried out. */
  async run(action: Action, runId: string): Promise<boolean> {
    const owner = await this.#owners.ofRun(runId);
    return owner !== undefined && this.may(action, "experiment", owner.experimentId);
  }

  async loggedModel(action: Action, modelId: string): Promise<boolean> {
    const owner = await this.#owners.ofLoggedModel(modelId);
    return owner !== undefined && this.may(action, "experiment", owner.experimentId);
  }

  /** Decides about a registered model or prompt, whichever the name is. */
  async model(action: Action, name: string): Promise<boolean> {
    const model = await found(this.#store.getRegisteredModel(name));
    if (model === undefined) {
      return this.may(action, "registered_model", name) && this.may(action, "prompt", name);
    }
    return this.may(action, isPrompt(model) ? "prompt" : "registered_model", model.name);
  }

  /** Decides about a file under `mlflow-artifacts:/` by the run, logged model or experiment that it belongs to. */
  async artifact(action: Action, path: string): Promise<boolean> {
    if (this.isAdmin) return true;
    const experimentId = await this.#experimentOfArtifact(path);
    return experimentId !== undefined && this.may(action, "experiment", experimentId);
  }

  /** Tells whether a place in object storage lies in the artifacts of a run or logged model. */
  async ownsPlace(uri: string, { runId, modelId }: { runId: unknown; modelId: unknown }): Promise<boolean> {
    if (this.isAdmin) return true;
    const owners = await Promise.all([
      typeof runId === "string" ? this.#owners.ofRun(runId) : undefined,
      typeof modelId === "string" ? this.#owners.ofLoggedModel(modelId) : undefined,
    ]);
    return owners.some((owner) => owner && uri.startsWith(`${owner.place.replace(/\/+$/, "")}/`));
  }

  async #experimentOfArtifact(path: string): Promise<string | undefined> {
    const segments = path.split("/").filter((segment) => segment !== "" && segment !== ".");
    for (const [index, segment] of segments.entries()) {
      const place = `mlflow-artifacts:/${segments.slice(0, index + 2).join("/")}`;
      const owner = /^[0-9a-f]{32}$/.test(segment)
        ? await this.#owners.ofRun(segment)
        : /^m-[0-9a-f]{32}$/.test(segment)
          ? await this.#owners.ofLoggedModel(segment)
          : undefined;
      if (owner?.place === place) return owner.experimentId;
    }
    // what lies beside them, in the store's default place; a number may also be a name that an admin chose
    const [first = ""] = segments;
    const experiment = /^\d+$/.test(first) ? await found(this.#store.getExperiment(first)) : undefined;
    return experiment?.artifactLocation === `mlflow-artifacts:/${first}`
      ? experiment.experimentId
      : undefined;
  }
}
