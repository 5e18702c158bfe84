// Where things stand in a folder as MLflow's file store lays it out. Ids and names are checked before they become paths.
import { type Dirent, existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { TrackingError } from "../../../base/index.ts";
import { checkModelName, invalid } from "../../validation.ts";
import { metaFile } from "./meta-file.ts";

/** Is an experiment or run in a folder. */
export interface Place {
  experimentId: string;
  folder: string;
}

const registryFolder = "models";
const reserved = ["tags", "datasets", "traces", "models"];
const maxNameBytes = 255;

/** Finds the folders of experiments, runs and models below the root of a store. */
export class Layout {
  readonly root: string;
  readonly trash: string;
  readonly models: string;
  /** Remembers in which experiment a run or logged model was. */
  readonly #experimentOf = new Map<string, string>();

  constructor(root: string) {
    this.root = root;
    this.trash = join(root, ".trash");
    this.models = join(root, registryFolder);
  }

  /** Lists the experiments, those in the trash last. */
  experiments(): Place[] {
    return [this.root, this.trash].flatMap((parent) =>
      subfolders(parent)
        .filter((name) => isId(name, 64) && !(parent === this.root && name === registryFolder))
        .map((experimentId) => ({ experimentId, folder: join(parent, experimentId) }))
        .filter(({ folder }) => existsSync(join(folder, metaFile))),
    );
  }

  /** Returns the folder of an experiment, or undefined. */
  findExperiment(experimentId: string): string | undefined {
    if (typeof experimentId !== "string" || !isId(experimentId, 64)) {
      throw invalid(
        `experiment id: it must be 1 to 64 letters, digits, "_" or "-", got ${JSON.stringify(experimentId)}. Look it up by name.`,
      );
    }
    if (experimentId === registryFolder) return undefined;
    return [join(this.root, experimentId), join(this.trash, experimentId)].find((folder) =>
      existsSync(join(folder, metaFile)),
    );
  }

  /** Lists the folders of an experiment's runs. */
  runs(experiment: Place): Place[] {
    return subfolders(experiment.folder)
      .filter((name) => isId(name, 256) && !reserved.includes(name))
      .map((runId) => ({ ...experiment, folder: join(experiment.folder, runId) }))
      .filter(({ folder }) => existsSync(join(folder, metaFile)));
  }

  /** Finds a run; one that does not exist throws. */
  findRun(runId: string): Place {
    if (typeof runId !== "string" || !isId(runId, 256)) {
      throw invalid(`run id: it must be 1 to 256 letters, digits, "_" or "-", got ${JSON.stringify(runId)}.`);
    }
    const found = reserved.includes(runId) ? undefined : this.#find(runId, [runId]);
    if (found === undefined) throw missing(`run ${runId}: it must exist, and no such id is in the store.`);
    return found;
  }

  /** Lists the folders of an experiment's logged models. */
  loggedModels(experiment: Place): Place[] {
    const parent = join(experiment.folder, "models");
    return subfolders(parent)
      .filter((name) => isId(name, 256))
      .map((modelId) => ({ ...experiment, folder: join(parent, modelId) }))
      .filter(({ folder }) => existsSync(join(folder, metaFile)));
  }

  /** Finds a logged model; one that does not exist throws. */
  findLoggedModel(modelId: string): Place {
    const found =
      typeof modelId === "string" && isId(modelId, 256)
        ? this.#find(modelId, ["models", modelId])
        : undefined;
    if (found === undefined) throw noSuchModel(modelId);
    return found;
  }

  /** Returns the folder where a registered model is or would be. */
  registeredModel(name: string): string {
    checkModelName(name);
    if (/[%\\\p{Cc}]/u.test(name) || Buffer.byteLength(name) > maxNameBytes) {
      throw invalid(
        `registered model name: it names a folder, so it may have ${maxNameBytes} bytes and no "%", "\\" or control ` +
          `characters, got ${JSON.stringify(name.slice(0, 80))}.`,
      );
    }
    return join(this.models, name);
  }

  /** Lists the names of the registered models. */
  registeredModels(): string[] {
    return subfolders(this.models).filter((name) => existsSync(join(this.models, name, metaFile)));
  }

  #find(id: string, path: readonly string[]): Place | undefined {
    const inExperiment = ({ experimentId, folder }: Place): Place | undefined => {
      const place = { experimentId, folder: join(folder, ...path) };
      return existsSync(join(place.folder, metaFile)) ? place : undefined;
    };
    const known = this.#experimentOf.get(id);
    const knownFolder = known === undefined ? undefined : this.findExperiment(known);
    if (known !== undefined && knownFolder !== undefined) {
      const place = inExperiment({ experimentId: known, folder: knownFolder });
      if (place !== undefined) return place;
    }
    for (const experiment of this.experiments()) {
      const place = inExperiment(experiment);
      if (place === undefined) continue;
      this.#experimentOf.set(id, place.experimentId);
      return place;
    }
    return undefined;
  }
}

/** Lists the names of the folders in a folder, in order; links to folders count. */
export function subfolders(folder: string): string[] {
  return entries(folder)
    .filter(
      (entry) =>
        entry.isDirectory() ||
        (entry.isSymbolicLink() &&
          statSync(join(folder, entry.name), { throwIfNoEntry: false })?.isDirectory() === true),
    )
    .map(({ name }) => name)
    .sort();
}

/** Lists a folder, which need not exist. */
export function entries(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return [];
    throw error;
  }
}

/** Makes the error for what is not in the store. */
export function missing(message: string): TrackingError {
  return new TrackingError(message, { code: "RESOURCE_DOES_NOT_EXIST" });
}

/** Makes the error for a logged model that is not there. */
export function noSuchModel(modelId: string): TrackingError {
  return missing(`logged model ${modelId}: it must exist, and no such id is in the store.`);
}

/** Throws for an id that cannot name a folder of its own. */
export function checkId(what: string, id: string, maxLength = 256): void {
  if (isId(id, maxLength) && !reserved.includes(id)) return;
  throw invalid(
    `${what}: it names a folder, so it may be 1 to ${maxLength} letters, digits, "_" or "-" and none of ` +
      `${reserved.join(", ")}, got ${JSON.stringify(id.slice(0, 300))}.`,
  );
}

function isId(text: string, maxLength: number): boolean {
  return text.length <= maxLength && /^[a-zA-Z0-9][\w-]*$/.test(text);
}
