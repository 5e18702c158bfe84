// What a project has at hand: base models and where more come from, tracked runs, room on the disk.
import { existsSync, readdirSync, statfsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { showStoreUri, sqlitePath } from "../../base/index.ts";
import { defaultTrackingUri } from "../../config/index.ts";
import { formatBytes } from "../units.ts";
import { shortPath } from "./finding.ts";
import type { Finding } from "./finding.ts";

const littleSpaceBytes = 2 * 1024 ** 3;

/** Checks the project at `root`; `network` also asks the hub. */
export async function checkProject(root: string, { network }: { network: boolean }): Promise<Finding[]> {
  return [
    { name: "project", state: "ok", detail: shortPath(root) },
    checkBaseModels(join(root, "pretrained_models")),
    await checkHub(network),
    await checkTracking(defaultTrackingUri(root), root),
    checkDisk(root),
  ];
}

function checkBaseModels(folder: string): Finding {
  const name = "base models";
  const models = existsSync(folder)
    ? readdirSync(folder, { recursive: true, encoding: "utf8" })
        .filter((file) => /(^|[\\/])model\.safetensors(\.index\.json)?$/.test(file))
        .map((file) => join(file, ".."))
    : [];
  if (models.length > 0) return { name, state: "ok", detail: [...new Set(models)].sort().join(", ") };
  return {
    name,
    state: "note",
    detail: "none yet; training fetches what it needs",
  };
}

async function checkHub(network: boolean): Promise<Finding> {
  const { HF_ENDPOINT, HF_HOME, HF_HUB_OFFLINE } = process.env;
  const endpoint = HF_ENDPOINT === undefined || HF_ENDPOINT === "" ? "https://huggingface.co" : HF_ENDPOINT;
  const cache = HF_HOME === undefined || HF_HOME === "" ? join(homedir(), ".cache", "huggingface") : HF_HOME;
  const isOffline = /^(1|true|yes|on)$/i.test(HF_HUB_OFFLINE ?? "");
  const detail = `${endpoint}, cache ${shortPath(cache)}`;
  if (isOffline) return { name: "hub", state: "note", detail: `${detail}; HF_HUB_OFFLINE forbids to fetch` };
  if (!network) return { name: "hub", state: "ok", detail };
  try {
    const { status } = await fetch(endpoint, { method: "HEAD", signal: AbortSignal.timeout(5000) });
    return { name: "hub", state: "ok", detail: `${detail}; it answers (${status})` };
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    const reason = cause instanceof Error ? cause.message : String(cause);
    return {
      name: "hub",
      state: "note",
      detail: `${detail}; it cannot be reached: ${reason}`,
      remedy: "Set HF_ENDPOINT to a mirror, or put models into pretrained_models",
    };
  }
}

async function checkTracking(uri: string, root: string): Promise<Finding> {
  const name = "tracking";
  const shown = showStoreUri(uri, root);
  const database = sqlitePath(uri);
  if (database !== undefined && !existsSync(database)) {
    return { name, state: "ok", detail: `${shown}: made by the first run` };
  }
  try {
    const { findDeadRuns, openStore } = await import("../../tracking/index.ts");
    const store = await openStore(uri);
    try {
      const runs = await store.searchRuns({ maxResults: 50_000 });
      const running = runs.filter(({ info }) => info.status === "RUNNING").length;
      const dead = (await findDeadRuns(store)).length;
      const detail = `${shown}: ${runs.length} ${runs.length === 1 ? "run" : "runs"}, ${running - dead} going on`;
      if (dead === 0) return { name, state: "ok", detail };
      return {
        name,
        state: "note",
        detail: `${detail}, ${dead} RUNNING without a process`,
        remedy: "The next training marks them FAILED; sconce train CONFIG --resume last goes on",
      };
    } finally {
      await store.close();
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return {
      name,
      state: "missing",
      detail: `${shown} does not open: ${reason}`,
      remedy: "Restore it from a backup, or move it away to begin a new one",
    };
  }
}

function checkDisk(root: string): Finding {
  const { bavail, bsize } = statfsSync(root);
  const free = bavail * bsize;
  const detail = `${formatBytes(free)} free`;
  if (free >= littleSpaceBytes) return { name: "disk", state: "ok", detail };
  return { name: "disk", state: "note", detail, remedy: "sconce clean shows what can be freed" };
}
