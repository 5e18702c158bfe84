// The worker threads of a DataLoader: who makes which batch, and what is told when one fails.
import { Worker } from "node:worker_threads";
import { DataError, UsageError } from "../../../base/index.ts";
import type { WorkerCopy } from "./dataset.ts";
import type { ExampleOrder, FromWorker, ToWorker } from "./worker-thread.ts";

/** Is an example to be made by a thread. */
export interface ExampleRequest {
  copy: WorkerCopy;
  index: number;
  row: number;
}

interface Batch {
  rows: readonly number[];
  resolve: (examples: unknown[]) => void;
  reject: (error: Error) => void;
}

interface Thread {
  worker: Worker;
  batches: Map<number, Batch>;
  /** Copies that it has made. */
  copies: Set<number>;
}

/** Runs threads that make batches; they do not keep the process alive while nobody waits for one. */
export class WorkerPool {
  readonly #numWorkers: number;
  readonly #threads: Thread[] = [];
  readonly #copies = new Map<WorkerCopy, number>();
  #nextBatch = 0;

  constructor(numWorkers: number) {
    this.#numWorkers = numWorkers;
  }

  /** Makes the examples of a batch in one thread, that with the least to do. */
  make(
    requests: readonly ExampleRequest[],
    { seed, epoch }: { seed: number; epoch: number },
  ): Promise<unknown[]> {
    const thread = this.#idlest();
    const examples = requests.map(({ copy, index, row }): ExampleOrder => ({
      copy: this.#copyIn(thread, copy),
      index,
      row,
    }));
    const id = this.#nextBatch++;
    return new Promise((resolve, reject) => {
      if (thread.batches.size === 0) thread.worker.ref();
      thread.batches.set(id, { rows: examples.map(({ row }) => row), resolve, reject });
      post(thread, { kind: "batch", id, seed, epoch, examples });
    });
  }

  /** Ends the threads; batches that are under way fail. */
  async close(): Promise<void> {
    const threads = this.#threads.splice(0);
    await Promise.all(threads.map(({ worker }) => worker.terminate()));
  }

  #idlest(): Thread {
    const idle = this.#threads.find(({ batches }) => batches.size === 0);
    if (idle !== undefined) return idle;
    if (this.#threads.length < this.#numWorkers) return this.#start();
    return this.#threads.reduce((least, thread) =>
      thread.batches.size < least.batches.size ? thread : least,
    );
  }

  #copyIn(thread: Thread, copy: WorkerCopy): number {
    let id = this.#copies.get(copy);
    if (id === undefined) this.#copies.set(copy, (id = this.#copies.size));
    if (!thread.copies.has(id)) {
      const { module, make, args } = copy;
      try {
        post(thread, { kind: "copy", id, module, make, args });
      } catch (cause) {
        throw new UsageError(
          `DataLoader: the args of a data set's worker copy must be plain data (${(cause as Error).message}).`,
          { cause },
        );
      }
      thread.copies.add(id);
    }
    return id;
  }

  #start(): Thread {
    const extension = import.meta.url.endsWith(".ts") ? ".ts" : ".js";
    const worker = new Worker(new URL(`./worker-thread${extension}`, import.meta.url));
    const thread: Thread = { worker, batches: new Map(), copies: new Set() };
    let cause: Error | undefined;
    worker.unref();
    worker.on("message", (answer: FromWorker) => this.#settle(thread, answer));
    worker.on("error", (error: Error) => (cause = error));
    worker.on("exit", (code) => {
      const at = this.#threads.indexOf(thread);
      if (at !== -1) this.#threads.splice(at, 1);
      for (const { rows, reject } of thread.batches.values()) reject(deathOf(rows, code, cause));
      thread.batches.clear();
    });
    this.#threads.push(thread);
    return thread;
  }

  #settle(thread: Thread, answer: FromWorker): void {
    const batch = thread.batches.get(answer.id);
    if (batch === undefined) return;
    thread.batches.delete(answer.id);
    if (thread.batches.size === 0) thread.worker.unref();
    if ("examples" in answer) batch.resolve(answer.examples);
    else {
      const { row, name, message, stack } = answer.failure;
      const cause = Object.assign(new Error(message), { name, stack });
      batch.reject(
        new DataError(`DataLoader: example ${row} could not be made in a worker: ${message}`, { cause }),
      );
    }
  }
}

function post({ worker }: Thread, message: ToWorker): void {
  worker.postMessage(message);
}

function deathOf(rows: readonly number[], code: number, cause: Error | undefined): DataError {
  const which = rows.length === 1 ? `example ${rows[0]}` : `one of the examples ${rows.join(", ")}`;
  const reason = cause === undefined ? `it ended with code ${code}` : cause.message;
  return new DataError(
    `DataLoader: a worker died while it made ${which}: ${reason}. Look at these examples, or set numWorkers to 0 to see where.`,
    { cause },
  );
}
