// What a training needs around it: a tracking store, and folders that can be written to.
import { accessSync, constants, existsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import {
  type ConfigIssue,
  absoluteStoreUri,
  sqlitePath,
  storeFolder,
  storeKind,
  storeUriForms,
  withoutPassword,
} from "../base/index.ts";
import { type OutputFolders, outputFolders } from "./paths.ts";
import type { SchemaIssue } from "./schema-issues.ts";
import { caseClash } from "./segments.ts";
import { defaultTrackingUri } from "./tracking-uri.ts";
import type { UseCaseConfig } from "./use-case.ts";

/** Returns the tracking store that a config means, paths in it absolute; undefined where it cannot be used. */
export function checkTracking(
  { backend, uri: given }: UseCaseConfig["mlops"]["tracking"],
  projectRoot: string,
  issues: SchemaIssue[],
): string | undefined {
  const uri =
    given !== undefined
      ? absoluteStoreUri(given, projectRoot)
      : backend === "databricks"
        ? backend
        : defaultTrackingUri(projectRoot);
  const report = (code: ConfigIssue["code"], message: string, key = "uri"): undefined => {
    issues.push({ path: ["mlops", "tracking", key], code, message });
  };
  const kind = storeKind(uri);
  const shown = `"${withoutPassword(given ?? uri)}"`;
  if (kind === undefined) return report("value", `it must be ${storeUriForms}, got ${shown}.`);
  if (backend !== "mlflow" && backend !== kind) {
    return report(
      "value",
      `it must fit mlops.tracking.uri, and ${shown} is of kind ${kind}, got "${backend}". Correct one of them.`,
      "backend",
    );
  }
  const database = sqlitePath(uri);
  if (database !== undefined) {
    if (existsSync(database) && !statSync(database).isFile()) {
      return report("file", `the store must be a file, got the folder ${database}. Name a file in it.`);
    }
    const problem = unwritable(dirname(database));
    return problem === undefined ? uri : report("unreachable", problem);
  }
  const problem = kind === "file" ? unwritable(storeFolder(uri)!) : undefined;
  return problem === undefined ? uri : report("unreachable", problem);
}

/** Returns the folders that a training would write to; nothing is created. */
export function checkOutputs(
  { use_case, experiment }: Pick<UseCaseConfig, "use_case" | "experiment">,
  projectRoot: string,
  issues: SchemaIssue[],
): OutputFolders {
  const outputs = outputFolders(projectRoot, use_case, experiment);
  const problem = unwritable(outputs.trainedModels);
  if (problem !== undefined) {
    issues.push({ path: [], code: "unreachable", message: problem });
    return outputs;
  }
  const useCaseOutputs = dirname(outputs.trainedModels);
  for (const [key, folder] of [
    ["use_case", useCaseOutputs],
    ["experiment", outputs.trainedModels],
  ] as const) {
    const clash = caseClash(dirname(folder), folder.slice(dirname(folder).length + 1));
    if (clash === undefined) continue;
    const message = `outputs exist under "${clash}", which differs in letter case alone. Use that spelling, or another name.`;
    issues.push({ path: [key], code: "value", message });
  }
  return outputs;
}

/** Says why a folder could not be written to, or created; undefined if it could. */
function unwritable(folder: string): string | undefined {
  let at = folder;
  while (!existsSync(at)) at = dirname(at);
  if (!statSync(at).isDirectory()) return `${at} must be a folder, to hold outputs. Move that file.`;
  try {
    accessSync(at, constants.W_OK);
    return undefined;
  } catch {
    return `the folder ${at} cannot be written to. Change its permissions.`;
  }
}
