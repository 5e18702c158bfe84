// One writer at a time: in this process by a queue, among processes by a lock file in the store's folder.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { FileError, type Lock, TrackingError, acquireLock, isLocked } from "../../../base/index.ts";
import { Transaction, finishTransaction } from "./transaction.ts";

const prefix = ".sconce-";
const journalEnd = ".pending";
const waitMs = 60_000;

/** Guards the parts of a store's folder. MLflow passes over its files, which stand in the root. */
export class FolderLocks {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  /**
   * Takes the locks, always in the given order, collects what `body` changes, and makes it all or nothing.
   *
   * @throws TrackingError (TEMPORARILY_UNAVAILABLE) when another process does not let go, or the disk refuses
   */
  async change<T>(names: readonly string[], body: (transaction: Transaction) => T): Promise<T> {
    const [name, ...rest] = names;
    const journal = this.#path(names[0]!, journalEnd);
    return this.#hold(name!, async () => {
      if (rest.length > 0) return this.change(rest, body);
      const transaction = new Transaction(this.#root, journal);
      const result = body(transaction);
      await transaction.commit();
      return result;
    });
  }

  /** Makes good what processes that died left half done. */
  async recover(): Promise<void> {
    for (const name of this.#abandoned()) await this.#hold(name, async () => undefined);
  }

  #abandoned(): string[] {
    return readdirSync(this.#root)
      .filter((name) => name.startsWith(prefix) && name.endsWith(journalEnd))
      .map((name) => name.slice(prefix.length, -journalEnd.length))
      .filter((name) => !isLocked(this.#path(name, ".lock")));
  }

  async #hold<T>(name: string, body: () => Promise<T>): Promise<T> {
    const path = this.#path(name, ".lock");
    return inTurn(path, async () => {
      try {
        const lock = await this.#acquire(path);
        try {
          await finishTransaction(this.#root, this.#path(name, journalEnd));
          return await body();
        } finally {
          lock.release();
        }
      } catch (error) {
        throw readable(error, this.#root);
      }
    });
  }

  async #acquire(path: string): Promise<Lock> {
    return acquireLock(path, { what: `the file store ${this.#root}`, timeoutMs: waitMs });
  }

  #path(name: string, end: string): string {
    return join(this.#root, `${prefix}${name}${end}`);
  }
}

const queues = new Map<string, Promise<unknown>>();

/** Runs `body` after those that came before it for the same key. */
async function inTurn<T>(key: string, body: () => Promise<T>): Promise<T> {
  const mine = (queues.get(key) ?? Promise.resolve()).then(body);
  const ended = mine.catch(() => undefined);
  queues.set(key, ended);
  try {
    return await mine;
  } finally {
    if (queues.get(key) === ended) queues.delete(key);
  }
}

/** Turns an error of the system into one that says what could not be done. */
export function readable(error: unknown, root: string): unknown {
  const isOfSystem = error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === "string";
  if (!isOfSystem && !(error instanceof FileError)) return error;
  return new TrackingError(`file store ${root}: it could not be written, ${(error as Error).message}`, {
    code: "TEMPORARILY_UNAVAILABLE",
    cause: error,
  });
}
