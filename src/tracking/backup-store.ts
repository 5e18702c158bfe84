// Backups: one SQLite file of a store of any kind, which opens as a store itself.
import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { TrackingError, UsageError, acquireLock, fsyncDirectory } from "../base/index.ts";
import { type CopyStoreOptions, copyStore } from "./copy/copy-store.ts";
import type { Store } from "./open-store.ts";
import { SqliteDatabase } from "./stores/sql/sqlite-database.ts";
import { SqliteStore } from "./stores/sql/sqlite-store.ts";
import { hasSnapshots } from "./transfer.ts";

/**
 * Writes a store to a new SQLite file, which is there once it is whole and checked. A SQLite store is written as it is at
 * one moment, whoever writes to it meanwhile; of another kind, what is written meanwhile may be in it or not. The file
 * is for its owner's eyes only.
 *
 * @throws UsageError for a file that is there; FileError while another process writes the same
 */
export async function backupStore(store: Store, file: string, options: CopyStoreOptions = {}): Promise<void> {
  const path = resolve(file);
  if (existsSync(path)) {
    throw new UsageError(`backup: the file must not exist yet, and ${path} does. Choose another name.`);
  }
  if (!existsSync(dirname(path))) {
    throw new UsageError(`backup: its folder must exist, and ${dirname(path)} does not. Make it first.`);
  }
  const draft = `${path}.part`;
  const lock = await acquireLock(`${draft}.lock`, { what: `backup: ${path}` });
  try {
    await writeBackup(store, { path, draft }, options);
  } finally {
    lock.release();
  }
}

async function writeBackup(
  store: Store,
  { path, draft }: { path: string; draft: string },
  options: CopyStoreOptions,
): Promise<void> {
  const removeDraft = () => {
    for (const end of ["", "-wal", "-shm", "-journal"]) rmSync(draft + end, { force: true });
  };
  removeDraft(); // of a backup that was cut short
  try {
    closeSync(openSync(draft, "wx", 0o600)); // SQLite fills it: a whole store is its owner's alone
    if (hasSnapshots(store)) await store.snapshot(draft);
    else await copyTo(store, draft, options);
    await check(draft);
    syncFile(draft);
    renameSync(draft, path);
    fsyncDirectory(dirname(path));
  } finally {
    removeDraft();
  }
}

async function copyTo(store: Store, path: string, options: CopyStoreOptions): Promise<void> {
  const target = await SqliteStore.open({ path });
  try {
    await copyStore(store, target, options);
  } finally {
    await target.close();
  }
}

async function check(path: string): Promise<void> {
  const database = await SqliteDatabase.open(path);
  const rows = await database.read((sql) => sql.all("PRAGMA quick_check"));
  await database.close();
  const rest = statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
  const found = rest > 0 ? "its log is not in it" : rows.map((row) => String(row["quick_check"])).join("; ");
  if (found === "ok") return;
  throw new TrackingError(`backup: the copy must be whole, and SQLite says: ${found}. Check the disk.`, {
    code: "INVALID_STATE",
  });
}

function syncFile(path: string): void {
  const file = openSync(path, "r+");
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
