// MLflow's functions that read artifacts (`mlflow.artifacts`), in camelCase.
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UsageError, isModelUri } from "../../base/index.ts";
import { downloadArtifacts as download } from "../artifacts/download.ts";
import { LocalArtifactRepository } from "../artifacts/local.ts";
import { artifactRepository } from "../artifacts/open-repository.ts";
import type { ArtifactInfo } from "../artifacts/repository.ts";
import { localUri } from "../artifacts/uri.ts";
import { resolveModelUri } from "../models/resolve-model-uri.ts";
import { trackingStore } from "./fluent.ts";

/** Names artifacts: those of a run, or by a URI. */
export interface ArtifactPlace {
  /** `runs:/RUN_ID/path`, `models:/NAME/1`, `models:/NAME@ALIAS`, `s3://...`, `mlflow-artifacts:/...` or a folder. */
  artifactUri?: string;
  runId?: string;
  /** Path below; the whole where it is left out. */
  artifactPath?: string;
}

/**
 * Brings a file, or a folder with all below it, to this machine, and returns where it is.
 *
 * @param dstPath Folder that keeps the paths of the artifacts. @default a new temporary folder
 * @throws TrackingError `RESOURCE_DOES_NOT_EXIST` where there is nothing
 */
export async function downloadArtifacts({
  dstPath = mkdtempSync(join(tmpdir(), "sconce-artifacts-")),
  ...place
}: ArtifactPlace & { dstPath?: string }): Promise<string> {
  const { uri, path } = await findPlace(place);
  await download(artifactRepository(uri, await trackingStore()), path, dstPath);
  return path === "" ? dstPath : new LocalArtifactRepository(localUri(dstPath)).resolve(path);
}

/** Lists a folder of artifacts, not what is below it. */
export async function listArtifacts(place: ArtifactPlace): Promise<ArtifactInfo[]> {
  const { uri, path } = await findPlace(place);
  return artifactRepository(uri, await trackingStore()).list(path);
}

/** Reads an artifact as text. */
export async function loadText(artifactUri: string): Promise<string> {
  return readFileSync(await downloadArtifacts({ artifactUri }), "utf8");
}

/** Reads an artifact that `logDict` wrote as JSON. */
export async function loadDict(artifactUri: string): Promise<unknown> {
  return JSON.parse(await loadText(artifactUri)) as unknown;
}

/** Reads the rows of tables that runs logged under one name, each with its `run_id`. */
export async function loadTable(
  artifactFile: string,
  runIds: readonly string[],
): Promise<Record<string, unknown>[]> {
  const tables = runIds.map(async (runId) => {
    const file = await downloadArtifacts({ runId, artifactPath: artifactFile });
    const { columns, data } = JSON.parse(readFileSync(file, "utf8")) as {
      columns: string[];
      data: unknown[][];
    };
    return data.map((values) => ({
      ...Object.fromEntries(columns.map((column, index) => [column, values[index]])),
      run_id: runId,
    }));
  });
  return (await Promise.all(tables)).flat();
}

async function findPlace({
  artifactUri,
  runId,
  artifactPath = "",
}: ArtifactPlace): Promise<{ uri: string; path: string }> {
  const store = await trackingStore();
  if (runId !== undefined && artifactUri === undefined) {
    return { uri: (await store.getRun(runId)).info.artifactUri, path: artifactPath };
  }
  if (artifactUri === undefined || runId !== undefined) {
    throw new UsageError("artifacts: give either artifactUri or runId.");
  }
  const [, id, below = ""] = /^runs:\/+([^/]+)\/*(.*?)\/*$/.exec(artifactUri) ?? [];
  if (id !== undefined) {
    const uri = (await store.getRun(id)).info.artifactUri;
    const path = [below, artifactPath].filter((part) => part !== "").join("/");
    const run = artifactRepository(uri, store);
    const isThere = path === "" || (await run.list(path)).length > 0 || (await run.stat(path)) !== undefined;
    if (isThere || below === "") return { uri, path };
  }
  // MLflow 3 keeps models beside the runs that made them
  const uri = isModelUri(artifactUri)
    ? localUri(await resolveModelUri(artifactUri, store))
    : localUri(artifactUri);
  return { uri, path: artifactPath };
}
