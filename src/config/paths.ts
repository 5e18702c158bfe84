// Where things stand on disk: the project, its use cases, and the outputs of their runs.
import { existsSync } from "node:fs";
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import { encodeSegment } from "./segments.ts";

/** Holds the folders that belong to one config file. */
export interface UseCaseLocation {
  /** The nearest folder upward that holds `use_cases/` or `package.json`; outputs stand under it. */
  projectRoot: string;
  /** `use_cases/X` for a file in `use_cases/X/Configurations/`; else the folder of the file. */
  useCaseFolder: string;
  /** Name of the use case that follows from the folder. */
  useCaseName: string;
}

/** Finds the project and the use case that a config file belongs to. The current folder plays no part beyond `path`. */
export function locateUseCase(path: string): UseCaseLocation {
  const folder = dirname(resolve(path));
  const projectRoot = findProjectRoot(folder);
  const [first, name] = relative(projectRoot, folder).split(sep);
  if (first === "use_cases" && name !== undefined) {
    return { projectRoot, useCaseFolder: join(projectRoot, first, name), useCaseName: name };
  }
  const useCaseFolder = basename(folder) === "Configurations" ? dirname(folder) : folder;
  return { projectRoot, useCaseFolder, useCaseName: basename(useCaseFolder) || "default" };
}

/** Returns the nearest folder from `folder` upward that holds `use_cases/` or `package.json`, else `folder` itself. */
export function findProjectRoot(folder: string): string {
  const start = resolve(folder);
  for (let at = start; ; at = dirname(at)) {
    // a use case may be a package itself; the project is the one around use_cases/
    if (existsSync(join(at, "use_cases"))) return at;
    if (existsSync(join(at, "package.json")) && basename(dirname(at)) !== "use_cases") return at;
    if (dirname(at) === at) return start;
  }
}

/**
 * Resolves a path of a config: against the use case's folder where it exists there, else against the project root.
 * `exists` tells whether the result is there.
 */
export function resolveDataPath(path: string, location: UseCaseLocation): { path: string; exists: boolean } {
  if (isAbsolute(path)) return { path, exists: existsSync(path) };
  const candidates = [resolve(location.useCaseFolder, path), resolve(location.projectRoot, path)];
  const found = candidates.find((candidate) => existsSync(candidate));
  return { path: found ?? candidates[0]!, exists: found !== undefined };
}

/** Holds the output folders of one experiment. */
export interface OutputFolders {
  /** One folder per run: `outputs/TrainedModels/<use_case>/<experiment>`. */
  trainedModels: string;
  /** The champion: `outputs/OptimumModels/<use_case>/<experiment>`. */
  optimumModel: string;
  /** `outputs/mlflow/Artifacts/<use_case>/<experiment>`. */
  artifacts: string;
}

/** Returns the output folders of an experiment, all under the project root. Nothing is created. */
export function outputFolders(projectRoot: string, useCase: string, experiment: string): OutputFolders {
  const outputs = join(projectRoot, "outputs");
  const own = join(encodeSegment(useCase), encodeSegment(experiment));
  return {
    trainedModels: join(outputs, "TrainedModels", own),
    optimumModel: join(outputs, "OptimumModels", own),
    artifacts: join(outputs, "mlflow", "Artifacts", own),
  };
}

/** Returns the folder of one run: `outputs/TrainedModels/<use_case>/<experiment>/<run>`. */
export function runFolder(folders: OutputFolders, run: string): string {
  return join(folders.trainedModels, encodeSegment(run));
}
