// The worker threads of a DataLoader: from the built package, as Node.js loads the threads' module itself.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import sharp from "sharp";
import type * as Tasks from "sconce/tasks";
import type * as Torch from "sconce/torch";

const built = (name: string) => new URL(`../../dist/src/${name}/index.js`, import.meta.url).href;
const torch = (await import(built("torch"))) as typeof Torch;
const { DataLoader, Subset } = torch.utils.data;
type Dataset<T> = Torch.utils.data.Dataset<T>;

const folder = mkdtempSync(join(tmpdir(), "sconce-workers-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const path = join(folder, "numbers.mjs");
writeFileSync(
  path,
  `import { setTimeout as wait } from "node:timers/promises";
export function numbers({ calls, slow, fail, exit, big }) {
  return {
    async get(index, { rng, epoch }) {
      if (calls) Atomics.add(calls, 0, 1);
      if (slow) await wait((index * 7919) % 13);
      if (index === fail) throw new RangeError("number " + index + " is odd");
      if (index === exit) process.exit(3);
      if (index === big) return { index, draw: () => 1, epoch };
      return { index, draw: rng.random(), epoch };
    },
  };
}
`,
);

interface Row {
  index: number;
  draw: number;
  epoch: number;
}

/** A data set whose examples a worker can make, and the main thread as well. */
function numbers(length: number, args: Record<string, unknown> = {}): Dataset<Row> {
  const copy = { module: pathToFileURL(path).href, make: "numbers", args };
  return {
    length,
    get: (index, { rng, epoch }) => ({ index, draw: rng.random(), epoch }),
    inWorker: (index) => ({ copy, index }),
  };
}

const collateFn = (rows: Row[]) => rows;

async function epochOf<B>(loader: Torch.utils.data.DataLoader<Row, B>): Promise<B[]> {
  const batches: B[] = [];
  for await (const batch of loader) batches.push(batch);
  return batches;
}

describe("workers", () => {
  test("give the same batches in the same order as none, however long each takes", async () => {
    const options = { batchSize: 3, shuffle: true, seed: 5, collateFn };
    const plain = new DataLoader(numbers(20), options);
    const expected = [await epochOf(plain), await epochOf(plain)];
    for (const numWorkers of [1, 2, 3]) {
      const loader = new DataLoader(numbers(20, { slow: true }), { ...options, numWorkers });
      expect([await epochOf(loader), await epochOf(loader)]).toEqual(expected);
    }
    const part = new Subset(numbers(20), [3, 1, 4, 1, 5]);
    const of = (numWorkers: number) => epochOf(new DataLoader(part, { batchSize: 2, collateFn, numWorkers }));
    expect(await of(2)).toEqual(await of(0));
  });

  test("go on from a place exactly, whatever was under way", async () => {
    const make = () =>
      new DataLoader(numbers(40, { slow: true }), { batchSize: 2, shuffle: true, numWorkers: 2, collateFn });
    const whole = await epochOf(make());
    const first = make();
    for (let i = 0; i < 7; i++) await first.next();
    const { position } = first;
    expect(position).toEqual({ epoch: 0, batch: 7 });
    const second = make();
    second.seek(position);
    expect(await epochOf(second)).toEqual(whole.slice(7));
    first.seek({ epoch: 0, batch: 2 }); // what was made ahead is for other batches
    expect(await first.next()).toEqual(whole[2]);
    await first.close();
  });

  test("make no more batches ahead than are asked for", async () => {
    const calls = new Int32Array(new SharedArrayBuffer(4));
    const options = { batchSize: 2, numWorkers: 2, prefetchFactor: 3, collateFn };
    const loader = new DataLoader(numbers(1000, { calls }), options);
    await loader.next();
    await wait(300);
    expect(calls[0]).toBe(2 * (1 + 2 * 3));
    await loader.next();
    await wait(300);
    expect(calls[0]).toBe(2 * (2 + 2 * 3));
    await loader.close();
  });

  test("tell of an example that fails by its row, and go on behind it", async () => {
    const loader = new DataLoader(numbers(8, { fail: 3 }), { batchSize: 2, numWorkers: 2, collateFn });
    await loader.next();
    await expect(loader.next()).rejects.toThrow(
      "DataLoader: example 3 could not be made in a worker: number 3 is odd",
    );
    expect((await loader.next())!.map(({ index }) => index)).toEqual([4, 5]);
    await loader.close();
  });

  test("that die are told of with the examples they had, and others take their place", async () => {
    const loader = new DataLoader(numbers(8, { exit: 2 }), {
      batchSize: 2,
      numWorkers: 1,
      prefetchFactor: 0,
      collateFn,
    });
    await loader.next();
    await expect(loader.next()).rejects.toThrow(
      "DataLoader: a worker died while it made one of the examples 2, 3: it ended with code 3. Look at these examples, or set numWorkers to 0 to see where.",
    );
    expect((await loader.next())!.map(({ index }) => index)).toEqual([4, 5]);
    await loader.close();
  });

  test("refuse what cannot cross over to a thread", async () => {
    expect(() => new DataLoader({ length: 3, get: (i: number) => i }, { numWorkers: 1 })).toThrow(
      "DataLoader: numWorkers needs a data set that says how a worker makes its examples, the data set has no inWorker. Add it, or set numWorkers to 0.",
    );
    const odd = new DataLoader(numbers(4, { args: () => 1 }), { numWorkers: 1, collateFn });
    await expect(odd.next()).rejects.toThrow(/the args of a data set's worker copy must be plain data/);
    const big = new DataLoader(numbers(4, { big: 0 }), { numWorkers: 1, collateFn });
    await expect(big.next()).rejects.toThrow(
      /example 0 could not be made in a worker: .* could not be cloned/,
    );
    await big.close();
    const copy = { module: pathToFileURL(path).href, make: "nothing", args: {} };
    const none = new DataLoader(
      { length: 1, get: () => 1, inWorker: (index) => ({ copy, index }) },
      { numWorkers: 1 },
    );
    await expect(none.next()).rejects.toThrow(/must export the function nothing/);
    await none.close();
  });

  test("do not keep a process alive, with a batch taken or under way", () => {
    const script = join(folder, "ends.mjs");
    for (const [what, code] of [
      ["await loader.next();", 0],
      ["void loader.next(); setTimeout(() => process.exit(5), 200);", 5],
      ["await loader.next(); throw new Error('no');", 1],
    ] as const) {
      writeFileSync(
        script,
        `import { utils } from ${JSON.stringify(built("torch"))};
        const copy = { module: ${JSON.stringify(pathToFileURL(path).href)}, make: "numbers", args: { slow: true } };
        const data = { length: 100, get() {}, inWorker: (index) => ({ copy, index }) };
        const loader = new utils.data.DataLoader(data, { numWorkers: 2, persistentWorkers: true });
        ${what}`,
      );
      const { status, signal } = spawnSync(process.execPath, [script], { timeout: 20_000 });
      expect([status, signal]).toEqual([code, null]);
    }
  });

  test("decode the images of a folder to the same tensors", async () => {
    const { ImageFolderDataModule } = (await import(built("tasks"))) as typeof Tasks;
    for (const [label, name] of ["cat", "dog"].entries()) {
      mkdirSync(join(folder, "images", "train", name), { recursive: true });
      for (let i = 0; i < 6; i++) {
        const data = Buffer.from(
          Uint8Array.from({ length: 40 * 32 * 3 }, (_, at) => (at * (i + 2) + 90 * label) % 256),
        );
        await sharp(data, { raw: { width: 40, height: 32, channels: 3 } })
          .png()
          .toFile(join(folder, "images", "train", name, `${i}.png`));
      }
    }
    const batches = async (numWorkers: number) => {
      const module = ImageFolderDataModule.fromConfig({
        root: join(folder, "images"),
        size: 28,
        batchSize: 4,
        numWorkers,
      });
      await module.setup("fit");
      const loader = module.trainDataloader();
      const all: unknown[] = [];
      for await (const { image, label } of loader) all.push([image.tolist(), label.tolist()]);
      await (loader as Torch.utils.data.DataLoader<unknown>).close();
      return all;
    };
    expect(await batches(2)).toEqual(await batches(0));
  });
});
