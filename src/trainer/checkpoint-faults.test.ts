// A disk that fails, or a process that ends, at any moment of a save: what was saved before can be gone on from.
import { createHash } from "node:crypto";
import {
  existsSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { FaultyDisk, Killed } from "../../tests/fixtures/faulty-disk.ts";
import type { Fault } from "../../tests/fixtures/faulty-disk.ts";
import { PointsData, PointsModel } from "../../tests/fixtures/points.ts";
import { makeTemporaryFolder } from "../../tests/fixtures/temporary-folder.ts";
import { FileError, SconceError, logger } from "../base/index.ts";
import { hashTensors, manualSeed } from "../torch/index.ts";
import { ModelCheckpoint, Trainer, newestCheckpoint, verifyCheckpoint } from "./index.ts";
import type { Callback, ModelCheckpointConfig } from "./index.ts";
import { stepOf } from "./checkpoint.ts";

let root: string;
beforeEach(() => (root = makeTemporaryFolder("sconce-faults-")));
afterEach(() => rmSync(root, { recursive: true, force: true }));

const steps = 2;

interface Ended {
  error: unknown;
  weights: string;
  /** The last step whose save had returned. */
  saved: number;
}

/** Trains for two steps, saving after each, and tells how that ended. */
async function train(
  config: ModelCheckpointConfig,
  { disk, ckptPath }: { disk?: FaultyDisk; ckptPath?: string } = {},
): Promise<Ended> {
  manualSeed(1);
  const model = new PointsModel({ dropout: 0.2 });
  let saved = 0;
  const watch: Callback = {
    name: "watch",
    onTrainBatchStart: ({ state }) => void (saved = state.step),
    onTrainEnd: ({ state }) => void (saved = state.step),
  };
  const trainer = new Trainer({
    maxSteps: steps,
    logger: false,
    enableProgressBar: false,
    defaultRootDir: root,
    callbacks: [watch, new ModelCheckpoint({ everyNTrainSteps: 1, ...config })],
  });
  const fit = () =>
    trainer.fit(model, new PointsData({ batchSize: 8 }), ckptPath === undefined ? {} : { ckptPath });
  const error: unknown = await (disk === undefined ? fit() : disk.use(fit)).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return { error, weights: hashTensors(model.stateDict()), saved };
}

const checkpoints = () => join(root, "checkpoints");

/** Sees that nothing is older than what had been saved, and that going on comes to the end of the whole run. */
async function expectLoadable(config: ModelCheckpointConfig, { saved }: Ended, whole: Ended): Promise<void> {
  const warnings: string[] = [];
  const stop = logger.addSink((level, message) => {
    if (level === "warn") warnings.push(message);
  });
  const newest = await newestCheckpoint(checkpoints());
  const step = newest === undefined ? 0 : stepOf(newest)!;
  expect(step).toBeGreaterThanOrEqual(saved);
  expect(warnings).toEqual([]); // nothing that was saved is damaged
  if (newest !== undefined) {
    const resumed = await train(config, { ckptPath: newest });
    expect(resumed.error).toBeUndefined();
    expect(resumed.weights).toBe(whole.weights);
    for (const name of readdirSync(checkpoints()))
      expect(await verifyCheckpoint(join(checkpoints(), name)), name).toBeUndefined();
  }
  stop();
}

const jobs: Record<string, ModelCheckpointConfig> = {
  "the newest alone kept": {},
  "one name for all, and a link to the last": {
    filename: "latest",
    enableVersionCounter: false,
    saveLast: "link",
  },
};

describe.each(Object.entries(jobs))("with %s", (_, config) => {
  test.each(["EIO", "ENOSPC", "torn", "killed"] as const)(
    "a disk that answers %s to any write, fsync or rename leaves what was saved",
    async (fault: Fault) => {
      const counter = new FaultyDisk(checkpoints(), { at: 0, fault });
      const whole = await train(config, { disk: counter });
      expect(whole.error).toBeUndefined();
      for (const call of ["writeSync", "fsyncSync", "renameSync", "mkdirSync", "rmSync"])
        expect(
          counter.calls.some((made) => made.startsWith(call)),
          call,
        ).toBe(true);
      for (let at = 1; at <= counter.calls.length; at++) {
        rmSync(checkpoints(), { recursive: true, force: true });
        const disk = new FaultyDisk(checkpoints(), { at, fault });
        const ended = await train(config, { disk });
        const place = `call ${at}, ${disk.calls[at - 1]}`;
        // what is only to be removed may stay: the run goes on
        if (fault === "torn" || fault === "killed") {
          expect(ended.error instanceof Killed || place.includes("rmSync"), place).toBe(true);
        } else if (ended.error !== undefined) {
          // one error, with the system's reason and where
          expect(ended.error, place).toBeInstanceOf(FileError);
          expect((ended.error as Error).message, place).toContain(
            `the checkpoint cannot be written, ${fault}: `,
          );
          expect((ended.error as Error).message, place).toContain(checkpoints());
        }
        await expectLoadable(config, ended, whole).catch((error: Error) => {
          error.message = `${place}: ${error.message}`;
          throw error;
        });
      }
    },
    300_000,
  );
});

describe("a hostile checkpoint", () => {
  const parts = ["model.safetensors", "optimizer.safetensors", "trainer.json", "manifest.json"];

  async function saved(): Promise<string> {
    const { error } = await train({ saveTopK: -1 });
    expect(error).toBeUndefined();
    return join(checkpoints(), "epoch=0-step=2");
  }

  test("with one bit turned anywhere is refused, and the older one is gone on from with a word", async () => {
    const folder = await saved();
    const older = join(checkpoints(), "epoch=0-step=1");
    for (const name of parts) {
      const path = join(folder, name);
      const bytes = readFileSync(path);
      // in the first bytes, which hold lengths, in each 64th part, and at the end
      const places = [0, 3, 7, 8, ...Array.from({ length: 64 }, (_, i) => Math.floor((i * bytes.length) / 64)), bytes.length - 1]; // prettier-ignore
      for (const place of places) {
        const changed = Buffer.from(bytes);
        changed[place]! ^= 1 << (place % 8);
        if (name === "manifest.json" && isSpace(changed[place]!) && isSpace(bytes[place]!)) continue;
        writeFileSync(path, changed);
        const damage = await verifyCheckpoint(folder);
        if (name === "manifest.json") expect(damage, `${name}, byte ${place}`).toBeTypeOf("string");
        else expect(damage, `${name}, byte ${place}`).toBe(`the content of ${name} was changed`);
      }
      const warnings: string[] = [];
      const stop = logger.addSink((_, message) => warnings.push(message));
      expect(await newestCheckpoint(checkpoints())).toBe(older);
      expect(warnings).toEqual([expect.stringContaining(`${folder}: not used, `)]);
      stop();
      writeFileSync(path, bytes);
    }
    expect(await verifyCheckpoint(folder)).toBeUndefined();
  });

  const rewrite = (name: string, change: (text: string) => string) => (folder: string) => {
    const path = join(folder, name);
    writeFileSync(path, Buffer.from(change(readFileSync(path, "latin1")), "latin1"));
  };
  const header = (name: string, length: bigint) => (folder: string) => {
    const path = join(folder, name);
    const bytes = readFileSync(path);
    bytes.writeBigUInt64LE(length, 0);
    writeFileSync(path, bytes);
  };
  const hostile: Record<string, (folder: string) => void> = {
    "a header of exabytes": header("model.safetensors", 2n ** 60n),
    "a header longer than the file": header("optimizer.safetensors", 2n ** 20n),
    "weights cut short": (folder) => truncateSync(join(folder, "model.safetensors"), 100),
    "an empty file": (folder) => truncateSync(join(folder, "optimizer.safetensors"), 0),
    "two tensors in each other's place": rewrite("model.safetensors", (text) =>
      text
        .replace("model.0.bias", "model.0.BIAS")
        .replace("model.3.bias", "model.0.bias")
        .replace("BIAS", "bias"),
    ),
    "no random generator": rewrite("optimizer.safetensors", (text) => text.replace("rng.cpu", "rng.gpu")),
    "a state that is no JSON": rewrite("trainer.json", (text) => text.slice(0, -3)),
    "a state that is a list": rewrite("trainer.json", () => "[]"),
    "a step that is a text": rewrite("trainer.json", (text) => text.replace('"step":2', '"step":"2"')),
    "a batch below 0": rewrite("trainer.json", (text) => text.replace('"batch":2', '"batch":-2')),
    "no optimizer": rewrite("trainer.json", (text) => text.replace(/"optimizers":.*,"schedules"/, '"optimizers":[],"schedules"')), // prettier-ignore
    "another format": rewrite("trainer.json", (text) => text.replace('"format":2', '"format":99')),
  };

  test.each(Object.entries(hostile))(
    "with %s and a true manifest is refused by its name",
    async (_, change) => {
      const folder = await saved();
      change(folder);
      reseal(folder);
      expect(await verifyCheckpoint(folder)).toBeUndefined();
      const { error } = await train({}, { ckptPath: folder });
      expect(SconceError.is(error), String(error)).toBe(true);
      expect((error as Error).message).toMatch(/model\.|optimizer\.safetensors|trainer\.json|epoch=0-step=2/);
    },
  );

  test("whose manifest lists files elsewhere, or not all, is refused", async () => {
    const folder = await saved();
    const path = join(folder, "manifest.json");
    const { files } = JSON.parse(readFileSync(path, "utf8")) as { files: Record<string, unknown> };
    const told = (manifest: unknown) => {
      writeFileSync(path, JSON.stringify(manifest));
      return verifyCheckpoint(folder);
    };
    expect(await told({ files: { ...files, "../../secret": files["trainer.json"] } })).toBe(
      'its manifest lists "../../secret", which is no file of it',
    );
    expect(await told({ files: {} })).toBe("its manifest does not list model.safetensors");
    const { "trainer.json": _, ...rest } = files;
    expect(await told({ files: rest })).toBe("its manifest does not list trainer.json");
    for (const odd of [null, [], { files: null }, { files: { a: 1 } }, "x"])
      expect(await told(odd)).toBe("it has no manifest, so it was not finished");
  });

  test("cannot change what objects are", async () => {
    const folder = await saved();
    rewrite("trainer.json", (text) => text.replace('"metrics":{', '"__proto__":{"polluted":1},"metrics":{'))(
      folder,
    );
    reseal(folder);
    let state: object | undefined;
    const look: Callback = { name: "look", onTrainStart: (run) => void (state = run.state) };
    const trainer = new Trainer({ maxSteps: 2, logger: false, enableProgressBar: false, defaultRootDir: root, callbacks: [look] }); // prettier-ignore
    await trainer.fit(new PointsModel({}), new PointsData({ batchSize: 8 }), { ckptPath: folder });
    expect("polluted" in state!).toBe(false);
  });
});

test("a save that was killed before its last rename is gone on from, and gets its name", async () => {
  await train({ saveTopK: -1 });
  const [final, temporary] = ["epoch=0-step=2", "epoch=0-step=2.99999999.tmp"].map((name) =>
    join(checkpoints(), name),
  );
  renameSync(final!, temporary!);
  expect(await newestCheckpoint(checkpoints())).toBe(temporary);
  const { error } = await train({ saveTopK: -1 }, { ckptPath: temporary! });
  expect(error).toBeUndefined();
  expect(existsSync(final!)).toBe(true);
  expect(existsSync(temporary!)).toBe(false);
});

function isSpace(byte: number): boolean {
  return byte === 32 || byte === 10;
}

/** Writes a manifest that is true of what the files have become. */
function reseal(folder: string): void {
  const files = readdirSync(folder).filter((name) => name !== "manifest.json");
  const entries = files.map((name) => {
    const bytes = readFileSync(join(folder, name));
    return [name, { bytes: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") }];
  });
  writeFileSync(join(folder, "manifest.json"), JSON.stringify({ files: Object.fromEntries(entries) }));
}
