// Errors of SQLite in words that say what to do.
import { SconceError, TrackingError } from "../../../base/index.ts";

function sqliteCode(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

/** Tells whether another process holds what a transaction needs, so that it may be tried again. */
export function isLocked(error: unknown): boolean {
  return /^SQLITE_(BUSY|LOCKED)/.test(sqliteCode(error));
}

const reasons: [RegExp, string][] = [
  [/^SQLITE_(BUSY|LOCKED)/, "another process keeps it locked. Close that process, or wait"],
  [/^SQLITE_FULL|^ENOSPC/, "the disk is full. Free some space"],
  [
    /^SQLITE_READONLY|^EACCES|^EPERM|^EROFS/,
    "it cannot be written. Check the rights of the file and its folder",
  ],
  [
    /^SQLITE_CORRUPT|^SQLITE_NOTADB/,
    "it is damaged or no SQLite file. Restore a backup, or name another file",
  ],
  [/^SQLITE_IOERR/, "the disk reports an error. Check the disk"],
  [
    /^SQLITE_CANTOPEN|^ENOTDIR|^EEXIST|ConnectionFailed/,
    "it cannot be opened. Check that its folder exists and can be written",
  ],
];

/** Returns the error to throw in place of one of SQLite or of the file system; others stay as they are. */
export function explain(error: unknown, path: string): unknown {
  if (!(error instanceof Error) || SconceError.is(error)) return error;
  const reason = reasons.find(([pattern]) => pattern.test(sqliteCode(error) || error.message))?.[1];
  if (reason === undefined) return error;
  return new TrackingError(`${path}: ${reason} (${error.message}).`, {
    code: "TEMPORARILY_UNAVAILABLE",
    cause: error,
  });
}
