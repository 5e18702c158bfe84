// Turns an error into what a person reads and the exit code that it means.
import { ConfigError, SconceError, printableLines } from "../base/index.ts";

/** What the exit code of a command says; 130 and 143 stand for SIGINT and SIGTERM. */
export const exitCodes = { done: 0, failed: 1, badInput: 2, SIGINT: 130, SIGTERM: 143 } as const;

const inputErrors = new Set(["config", "usage", "data", "file", "override"]);

/** Prints an error for people and returns the exit code that it means. */
export function report(error: unknown): number {
  if (!SconceError.is(error)) {
    const fault = faultOfSystem(error);
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    process.stderr.write(`${printableLines(fault ?? text)}\n`);
    return exitCodes.failed;
  }
  process.stderr.write(`${printableLines(error.message)}${countOfIssues(error)}\n`);
  const { exitCode } = error as SconceError & { exitCode?: number };
  return exitCode ?? (inputErrors.has(error.code) ? exitCodes.badInput : exitCodes.failed);
}

function countOfIssues(error: SconceError): string {
  if (!(error instanceof ConfigError)) return "";
  const { length } = error.issues;
  return `\n${length} ${length === 1 ? "problem" : "problems"}`;
}

/** Says what to do about a fault of the file system; undefined for all other errors. */
function faultOfSystem(error: unknown): string | undefined {
  const { code, path } = error as NodeJS.ErrnoException;
  const place = path === undefined ? "the disk" : path;
  switch (code) {
    case "ENOSPC":
    case "EDQUOT":
      return `${place}: no space is left on the disk. Free some (sconce clean shows what can go), then go on.`;
    case "ENOENT":
    case "ENOTDIR":
      return path === undefined ? undefined : `${place}: there is no such file or folder. Check the path.`;
    case "EROFS":
      return `${place}: the file system is read-only. Move the project to one that can be written to.`;
    case "EACCES":
    case "EPERM":
      return `${place}: permission is denied. Change the permissions, or run as the owner.`;
    case "EMFILE":
    case "ENFILE":
      return `${place}: too many files are open. Raise the limit (ulimit -n 1024), or end what has many open.`;
    default:
      return undefined;
  }
}

/** Ends the process when its results cannot be written; goes on without progress when that cannot. */
export function watchOutput(): void {
  process.stdout.once("error", (error: NodeJS.ErrnoException) => {
    // a reader that has seen enough, as in `sconce predict ... | head`, is no failure
    process.exit(error.code === "EPIPE" ? exitCodes.done : report(error));
  });
  process.stderr.on("error", () => undefined);
}
