// What is known about a run without asking: who runs it, from which code, in which process.
import { existsSync, readFileSync, statSync } from "node:fs";
import { userInfo } from "node:os";
import { dirname, join, resolve } from "node:path";
import { thisProcess } from "../../base/index.ts";

/** Names the tags that say which process writes a run. */
export const processTags = {
  host: "sconce.host",
  pid: "sconce.pid",
  /** Tells a process from a later one with the same number. */
  start: "sconce.process_start",
} as const;

/** Says what only the caller knows about the run's context. */
export interface ContextOptions {
  /** Folder whose git commit is recorded. @default the current folder */
  folder?: string;
  /** Versions to record as `version.<name>`, `{ sconce: "0.1.0", libtorch: "2.13.0" }`; Node's is added. */
  versions?: Record<string, string>;
}

/** Returns MLflow's system tags and ours for a run of this process. */
export function contextTags({ folder = process.cwd(), versions = {} }: ContextOptions = {}): Record<
  string,
  string
> {
  const { pid, host, start } = thisProcess();
  const tags: Record<string, string> = {
    "mlflow.user": userName(),
    "mlflow.source.name": process.argv[1] ?? process.execPath,
    "mlflow.source.type": "LOCAL",
    [processTags.host]: host,
    [processTags.pid]: String(pid),
    "version.node": process.versions.node,
  };
  const commit = gitCommit(folder);
  if (commit !== undefined) tags["mlflow.source.git.commit"] = commit;
  if (start !== undefined) tags[processTags.start] = start;
  for (const [name, version] of Object.entries(versions)) tags[`version.${name}`] = version;
  return tags;
}

/** Returns the login name, or the user's number where it has no name, as in many containers. */
export function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? "unknown");
  }
}

/** Returns the commit that is checked out around a folder, read from `.git`; undefined outside of a repository. */
export function gitCommit(folder: string): string | undefined {
  try {
    const gitFolder = findGitFolder(resolve(folder));
    if (gitFolder === undefined) return undefined;
    const head = readFileSync(join(gitFolder, "HEAD"), "utf8").trim();
    const ref = /^ref: (.+)$/.exec(head)?.[1];
    return ref === undefined ? commitHash(head) : resolveRef(gitFolder, ref);
  } catch {
    return undefined; // a repository that cannot be read is none
  }
}

function findGitFolder(folder: string): string | undefined {
  for (let current = folder; ; current = dirname(current)) {
    const candidate = join(current, ".git");
    if (existsSync(candidate)) {
      if (statSync(candidate).isDirectory()) return candidate;
      // a worktree or submodule: a file that names the folder
      const target = /^gitdir: (.+)$/m.exec(readFileSync(candidate, "utf8"))?.[1];
      return target === undefined ? undefined : resolve(current, target);
    }
    if (current === dirname(current)) return undefined;
  }
}

function resolveRef(gitFolder: string, ref: string): string | undefined {
  const commonFile = join(gitFolder, "commondir");
  const common = existsSync(commonFile)
    ? resolve(gitFolder, readFileSync(commonFile, "utf8").trim())
    : gitFolder;
  for (const folder of [gitFolder, common]) {
    const loose = join(folder, ref);
    if (existsSync(loose)) return commitHash(readFileSync(loose, "utf8").trim());
  }
  const packed = join(common, "packed-refs");
  if (!existsSync(packed)) return undefined;
  const line = readFileSync(packed, "utf8")
    .split("\n")
    .find((entry) => entry.endsWith(` ${ref}`));
  return line === undefined ? undefined : commitHash(line.split(" ")[0] ?? "");
}

function commitHash(text: string): string | undefined {
  return /^[0-9a-f]{40}([0-9a-f]{24})?$/.test(text) ? text : undefined;
}
