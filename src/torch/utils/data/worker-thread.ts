// A worker thread of a DataLoader: makes examples, batch by batch, and sends them as plain data. ./worker-pool.ts starts it.
import { parentPort } from "node:worker_threads";
import { exampleRng } from "./example-rng.ts";
import type { ExampleContext } from "./dataset.ts";

/** What the pool sends: a copy of a data set to make, or a batch to make of its examples. */
export type ToWorker =
  | { kind: "copy"; id: number; module: string; make: string; args: unknown }
  | { kind: "batch"; id: number; seed: number; epoch: number; examples: readonly ExampleOrder[] };

export interface ExampleOrder {
  copy: number;
  /** In the copy's data set. */
  index: number;
  /** In the loader's data set, from which the example's generator follows. */
  row: number;
}

/** What a thread answers: the examples of a batch, or why one could not be made. */
export type FromWorker =
  | { id: number; examples: unknown[] }
  | { id: number; failure: { row: number; name: string; message: string; stack: string | undefined } };

interface PlainDataset {
  get(index: number, context: ExampleContext): unknown;
}

const copies = new Map<number, Promise<PlainDataset>>();
const port = parentPort!;

port.on("message", (message: ToWorker) => {
  if (message.kind === "batch") {
    void makeBatch(message);
    return;
  }
  const { id, module, make, args } = message;
  const copy = import(module).then((exports: Record<string, unknown>) => {
    const maker = exports[make];
    if (typeof maker !== "function") throw new TypeError(`${module} must export the function ${make}`);
    return (maker as (args: unknown) => PlainDataset | Promise<PlainDataset>)(args);
  });
  copy.catch(() => {}); // whoever asks for an example is told
  copies.set(id, copy);
});

async function makeBatch({ id, seed, epoch, examples }: Extract<ToWorker, { kind: "batch" }>): Promise<void> {
  const made = await Promise.allSettled(
    examples.map(async ({ copy, index, row }) => {
      const dataset = await copies.get(copy)!;
      return await dataset.get(index, { epoch, rng: exampleRng(seed, row, epoch) });
    }),
  );
  const failed = made.findIndex(({ status }) => status === "rejected");
  if (failed !== -1)
    return sendFailure(id, examples[failed]!.row, (made[failed] as PromiseRejectedResult).reason);
  try {
    send({ id, examples: made.map((result) => (result as PromiseFulfilledResult<unknown>).value) });
  } catch (error) {
    sendFailure(id, examples[0]!.row, error); // what is no plain data cannot be sent
  }
}

function sendFailure(id: number, row: number, error: unknown): void {
  const { name, message, stack } = error instanceof Error ? error : new Error(String(error));
  send({ id, failure: { row, name, message, stack } });
}

function send(message: FromWorker): void {
  port.postMessage(message, "examples" in message ? buffersIn(message.examples) : []);
}

/** Lists the memory of typed arrays that fill theirs, which changes hands instead of being copied. */
function buffersIn(value: unknown, found = new Set<ArrayBuffer>()): ArrayBuffer[] {
  if (ArrayBuffer.isView(value)) {
    const { buffer, byteLength } = value;
    if (buffer instanceof ArrayBuffer && byteLength === buffer.byteLength && byteLength > 0)
      found.add(buffer);
  } else if (Array.isArray(value)) for (const item of value) buffersIn(item, found);
  else if (typeof value === "object" && value !== null)
    for (const item of Object.values(value)) buffersIn(item, found);
  return [...found];
}
