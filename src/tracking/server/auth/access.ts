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

/** Remembers the experiment of runs and logged models, which never changes. */
export class Owners {
  readonly #store: TrackingStore;
  readonly #known = new Map<string, string>();
  readonly #maxKnown = 20_000;

  constructor(store: TrackingStore) {
    this.#store = store;
  }

  /** Returns the id of the experiment of a run, or undefined where there is no such run. */
  ofRun(runId: string): Promise<string | undefined> {
    return this.#find(`run ${runId}`, async () => (await this.#store.getRun(runId)).info.experimentId);
  }

  /** Returns the id of the experiment of a logged model, or undefined where there is no such model. */
  ofLoggedModel(modelId: string): Promise<string | undefined> {
    return this.#find(
      `model ${modelId}`,
      async () => (await this.#store.getLoggedModel(modelId)).experimentId,
    );
  }

  async #find(key: string, look: () => Promise<string>): Promise<string | undefined> {
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
    const experimentId = await this.#owners.ofRun(runId);
    return experimentId !== undefined && this.may(action, "experiment", experimentId);
  }

  async loggedModel(action: Action, modelId: string): Promise<boolean> {
    const experimentId = await this.#owners.ofLoggedModel(modelId);
    return experimentId !== undefined && this.may(action, "experiment", experimentId);
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
    const roots = await Promise.all([
      typeof runId === "string" && found(this.#store.getRun(runId)).then((run) => run?.info.artifactUri),
      typeof modelId === "string" &&
        found(this.#store.getLoggedModel(modelId)).then((model) => model?.artifactLocation),
    ]);
    return roots.some((root) => root && uri.startsWith(`${root.replace(/\/+$/, "")}/`));
  }

  async #experimentOfArtifact(path: string): Promise<string | undefined> {
    const segments = path.split("/").filter((segment) => segment !== "" && segment !== ".");
    const [first = ""] = segments;
    // the store's default: <experiment id>/<run id>/artifacts and <experiment id>/models/<model id>/artifacts
    if (/^\d+$/.test(first)) return first;
    for (const [index, segment] of segments.entries()) {
      const root = segments.slice(0, index + 2).join("/");
      if (/^[0-9a-f]{32}$/.test(segment)) {
        const run = await found(this.#store.getRun(segment));
        if (run?.info.artifactUri === `mlflow-artifacts:/${root}`) return run.info.experimentId;
      } else if (/^m-[0-9a-f]{32}$/.test(segment)) {
        const model = await found(this.#store.getLoggedModel(segment));
        if (model?.artifactLocation === `mlflow-artifacts:/${root}`) return model.experimentId;
      }
    }
    return undefined; // of no experiment: for admins alone
  }
}
