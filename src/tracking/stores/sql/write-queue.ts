// Group commit: writes that wait at the same time share a transaction, and with it the one wait for the disk.
import { setTimeout as sleep } from "node:timers/promises";
import type Libsql from "libsql";
import type { Sql } from "./sql.ts";
import { isLocked } from "./sqlite-errors.ts";

/** Says what a queue writes to. */
export interface WriteQueueOptions {
  connection: Pick<Libsql.Database, "exec" | "inTransaction">;
  /** Runs statements of that connection. */
  sql: Sql;
  /** Runs work while no other work of the connection is under way. */
  inTurn(work: () => Promise<void>): Promise<void>;
  /** How long a write waits for its turn while another process writes. */
  lockTimeoutMs: number;
}

// bounds how long reads, and the rest of the process, wait for one transaction of many writes
const longestGroupMs = 50;
const [shortestWaitMs, longestWaitMs] = [5, 250];

interface Write {
  work(sql: Sql): Promise<unknown>;
  resolve(result: unknown): void;
  reject(error: unknown): void;
  deadline: number;
}

/**
 * Carries out writes in the order in which they came. Each is answered once the transaction that holds it is on disk; one
 * that throws is undone alone, and a transaction that cannot be committed fails all of its writes.
 */
export class WriteQueue {
  readonly #options: WriteQueueOptions;
  readonly #waiting: Write[] = [];
  #drained: Promise<void> | undefined;

  constructor(options: WriteQueueOptions) {
    this.#options = options;
  }

  /** Runs `work` in a transaction, and returns its result when it is kept. */
  add<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const deadline = Date.now() + this.#options.lockTimeoutMs;
      this.#waiting.push({ work, resolve: resolve as Write["resolve"], reject, deadline });
      this.#drained ??= this.#drain();
    });
  }

  /** Waits until every write is answered. */
  async whenEmpty(): Promise<void> {
    await this.#drained;
  }

  async #drain(): Promise<void> {
    let waitMs = shortestWaitMs;
    while (this.#waiting.length > 0) {
      try {
        await this.#options.inTurn(() => this.#commitTogether());
        waitMs = shortestWaitMs;
      } catch (error) {
        if (!isLocked(error)) {
          this.#waiting.shift()?.reject(error); // of a database that is closed or damaged
          continue;
        }
        this.#giveUpLate(error);
        await sleep(waitMs * (0.5 + Math.random()));
        waitMs = Math.min(2 * waitMs, longestWaitMs);
      }
    }
    this.#drained = undefined;
  }

  /** Carries out the first waiting writes in one transaction. When it cannot begin, they stay, and this throws. */
  async #commitTogether(): Promise<void> {
    const { connection } = this.#options;
    const until = performance.now() + longestGroupMs;
    const group: Write[] = [];
    const answers: (() => void)[] = [];
    connection.exec("BEGIN IMMEDIATE");
    try {
      do {
        const write = this.#waiting.shift()!;
        group.push(write);
        answers.push(await this.#carryOut(write, group.length === 1));
      } while (this.#waiting.length > 0 && performance.now() < until);
      connection.exec("COMMIT");
    } catch (error) {
      // sqlite has rolled back by itself after errors such as a full disk
      if (connection.inTransaction) connection.exec("ROLLBACK");
      if (isLocked(error)) {
        this.#waiting.unshift(...group);
        throw error;
      }
      for (const { reject } of group) reject(error);
      return;
    }
    for (const answer of answers) answer();
  }

  /**
   * Runs one write of a transaction, and returns what answers it after the commit: an error may be due to what the writes
   * before it changed. The first needs no savepoint: when it fails, there is nothing else to keep.
   */
  async #carryOut({ work, resolve, reject }: Write, isFirst: boolean): Promise<() => void> {
    const { connection, sql } = this.#options;
    if (!isFirst) connection.exec("SAVEPOINT one_write");
    try {
      const result = await work(sql);
      if (!isFirst) connection.exec("RELEASE one_write");
      return () => resolve(result);
    } catch (error) {
      if (isFirst || isLocked(error) || !connection.inTransaction) throw error;
      connection.exec("ROLLBACK TO one_write");
      connection.exec("RELEASE one_write");
      return () => reject(error);
    }
  }

  #giveUpLate(error: unknown): void {
    const now = Date.now();
    for (const late of this.#waiting.filter(({ deadline }) => deadline <= now)) {
      this.#waiting.splice(this.#waiting.indexOf(late), 1);
      late.reject(error);
    }
  }
}
