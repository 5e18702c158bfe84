// Tries what the trainer will rely on in a data module: batches that come again, and parts that share nothing.
import { createHash } from "node:crypto";
import { Tensor, dispose, tensorsIn } from "../torch/index.ts";
import { ContractError } from "./contract-error.ts";
import type { BatchLoader, DataModule } from "./data-module.ts";

/** Says how much of a data module is looked at. */
export interface DataContractOptions {
  /** Batches of each loader that are looked at; undefined: all, so that no shared row is overlooked. */
  maxBatches?: number;
}

type PartName = "train" | "val" | "test";

/** Judges whether a data module can be trained on. */
export const DataContract = {
  /**
   * Sets a data module up for `fit` and `test` and goes through its batches: there is a train loader; loaders give as
   * many batches as they say, the same ones again from the same place; batches of all parts have the same keys, dtypes and
   * dimensions; no row stands in two parts.
   *
   * @throws ContractError that lists everything that is broken.
   */
  async validate(data: DataModule, options: DataContractOptions = {}): Promise<void> {
    const problems = await DataContract.check(data, options);
    if (problems.length > 0) throw new ContractError(data?.constructor?.name ?? String(data), problems);
  },

  /** Returns what `validate` would throw, as sentences. */
  async check(data: DataModule, { maxBatches = Infinity }: DataContractOptions = {}): Promise<string[]> {
    if (typeof data?.trainDataloader !== "function")
      return ["the method trainDataloader is missing, which gives the batches to train on."];
    const problems: string[] = [];
    const rows = new Map<string, PartName>();
    let form: { part: PartName; text: string } | undefined;
    const shared: Record<string, number> = {};
    await data.prepareData?.();
    await data.setup?.("fit");
    const parts: [PartName, () => BatchLoader | readonly BatchLoader[] | undefined][] = [
      ["train", () => data.trainDataloader?.()],
      ["val", () => data.valDataloader?.()],
      ["test", () => data.testDataloader?.()],
    ];
    for (const [part, loadersOf] of parts) {
      if (part === "test") await data.setup?.("test");
      const given = loadersOf();
      if (given === undefined) {
        if (part === "train") problems.push("trainDataloader must give a loader, got nothing.");
        continue;
      }
      for (const loader of (Array.isArray(given) ? given : [given]) as BatchLoader[]) {
        const lacking = ["seek", "next"].filter((name) => typeof Reflect.get(loader, name) !== "function");
        if (lacking.length > 0 || !Number.isInteger(loader.length)) {
          problems.push(
            `the ${part} loader must have length, seek and next, as torch.utils.data.DataLoader; it lacks ${lacking.join(", ") || "length"}.`,
          );
          continue;
        }
        const first = await readBatches(loader, maxBatches);
        problems.push(...(await checkLoader(part, loader, first, maxBatches)));
        for (const batch of first) {
          form ??= { part, text: batch.form };
          if (batch.form !== form.text) {
            problems.push(`batches of ${part} are ${batch.form}, those of ${form.part} are ${form.text}.`);
            break;
          }
        }
        for (const row of first.flatMap((batch) => batch.rows)) {
          const other = rows.get(row);
          if (other !== undefined && other !== part)
            shared[`${other} and ${part}`] = (shared[`${other} and ${part}`] ?? 0) + 1;
          rows.set(row, other ?? part);
        }
      }
    }
    for (const [pair, count] of Object.entries(shared))
      problems.push(
        `${pair} share ${count} ${count === 1 ? "row" : "rows"}; what is judged must not have been trained on.`,
      );
    await data.teardown?.("test");
    return problems;
  },
};

interface SeenBatch {
  /** Keys, dtypes and dimensions, as a message shows them. */
  form: string;
  hash: string;
  /** Hashes of the rows. */
  rows: string[];
}

async function checkLoader(
  part: PartName,
  loader: BatchLoader,
  first: readonly SeenBatch[],
  maxBatches: number,
): Promise<string[]> {
  const problems: string[] = [];
  const expected = Math.min(loader.length, maxBatches);
  if (first.length !== expected)
    problems.push(`the ${part} loader says it has ${loader.length} batches, and gives ${first.length}.`);
  const again = await readBatches(loader, Math.min(first.length, 3));
  const odd = again.findIndex(({ hash }, index) => hash !== first[index]!.hash);
  if (odd !== -1) {
    problems.push(
      `batch ${odd} of ${part} is another when it is asked for again; a resumed run would train on other data. Draw from the rng that get is given.`,
    );
  }
  return problems;
}

async function readBatches(loader: BatchLoader, maxBatches: number): Promise<SeenBatch[]> {
  const seen: SeenBatch[] = [];
  loader.seek({ epoch: 0, batch: 0 });
  while (seen.length < maxBatches) {
    const batch: unknown = await loader.next();
    if (batch === undefined) break;
    const tensors = [...tensorsIn(batch)];
    const rows = rowHashes(tensors);
    seen.push({ form: formOf(batch), hash: sha256([rows.join()]), rows });
    dispose(batch);
    if (seen.length > loader.length) break; // it does not end
  }
  return seen;
}

/** Hashes each row over all tensors of a batch. */
function rowHashes(tensors: readonly Tensor[]): string[] {
  const parts = tensors.filter(({ ndim }) => ndim > 0);
  const count = Math.min(...parts.map(({ shape }) => shape[0]!));
  if (!Number.isFinite(count)) return [];
  const bytes = parts.map((tensor) => ({ bytes: bytesOf(tensor), size: tensor.nbytes / tensor.shape[0]! }));
  return Array.from({ length: count }, (_, row) =>
    sha256(bytes.map((part) => part.bytes.subarray(row * part.size, (row + 1) * part.size))),
  );
}

function bytesOf(tensor: Tensor): Uint8Array {
  const { buffer, byteOffset, byteLength } = tensor.detach().contiguous().data();
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function formOf(value: unknown): string {
  if (value instanceof Tensor) return `${value.dtype} of ${value.ndim} dimensions`;
  if (Array.isArray(value))
    return value.every((item) => typeof item === "string") ? "texts" : `[${value.map(formOf).join(", ")}]`;
  if (typeof value !== "object" || value === null) return typeof value;
  return `{ ${Object.entries(value)
    .map(([key, item]) => `${key}: ${formOf(item)}`)
    .join(", ")} }`;
}

function sha256(parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
}
