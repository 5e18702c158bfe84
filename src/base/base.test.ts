import { execFileSync } from "node:child_process";
import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readSync,
  readdirSync,
  readFileSync,
  statSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ConfigError, Registry, Rng, SconceError, nearest, writeFileAtomic } from "./index.ts";

test("an unknown name is answered with the nearest and all valid ones", () => {
  const optimizers = new Registry<number>("optimizer");
  optimizers.register("adamw", 1);
  optimizers.register("sgd", 2);
  expect(optimizers.get("AdamW")).toBe(1);
  expect(() => optimizers.get("adamx")).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: optimizer: unknown name "adamx". Did you mean "adamw"? Valid: adamw, sgd.]`,
  );
  expect(() => optimizers.register("AdamW", 3)).toThrow(/is taken/);
});

test("nearest finds typos and gives up on strangers", () => {
  expect(nearest("quantizaton", ["quantization", "lr"])).toBe("quantization");
  expect(nearest("zebra", ["quantization", "lr"])).toBeUndefined();
});

test("a generator repeats itself by seed and differs by stream", () => {
  const draw = (seed: number, stream?: number) =>
    Array.from(
      { length: 5 },
      (
        (rng) => () =>
          rng.uint32()
      )(new Rng(seed, stream)),
    );
  expect(draw(42)).toEqual(draw(42));
  expect(draw(42)).not.toEqual(draw(42, 1));
  // first numbers of the reference program pcg32-demo, seeded 42 with stream 54
  expect(draw(42, 54).map((x) => x.toString(16))).toEqual([
    "a15c02b7",
    "7b47f409",
    "ba1d3330",
    "83d2f293",
    "bfa4784b",
  ]);
});

test("a generator keeps its numbers for negative and very large seeds and streams", () => {
  // first numbers of the 64-bit recurrence computed with BigInt
  const reference = (seed: bigint, stream: bigint) => {
    const mask = (1n << 64n) - 1n;
    const step = (state: bigint) => (state * 6364136223846793005n + stream * 2n + 1n) & mask;
    let state = step((step(0n) + seed) & mask);
    return Array.from({ length: 1000 }, () => {
      const shifted = (((state >> 18n) ^ state) >> 27n) & 0xffffffffn;
      const rotation = state >> 59n;
      state = step(state);
      return Number(((shifted >> rotation) | (shifted << (-rotation & 31n))) & 0xffffffffn);
    });
  };
  for (const [seed, stream] of [
    [-1, 0],
    [-123456789012, 7],
    [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
    [2 ** 32, 2 ** 31],
  ] as const) {
    const rng = new Rng(seed, stream);
    expect(Array.from({ length: 1000 }, () => rng.uint32())).toEqual(reference(BigInt(seed), BigInt(stream)));
  }
});

test("whole numbers below a bound are even, also for bounds that do not divide 2^32", () => {
  const rng = new Rng(5);
  const bound = 3 * 2 ** 30; // a plain remainder would draw the first third twice as often
  let low = 0;
  for (let i = 0; i < 30_000; i++) if (rng.below(bound) < bound / 3) low++;
  expect(Math.abs(low - 10_000)).toBeLessThan(400);
});

test("a file is replaced whole and leaves no temporary neighbour", () => {
  const folder = mkdtempSync(join(tmpdir(), "sconce-"));
  const path = join(folder, "deep", "a.txt");
  writeFileAtomic(path, "one");
  writeFileAtomic(path, [Buffer.from("t"), Buffer.from("wo")]);
  expect(readFileSync(path, "utf8")).toBe("two");
  expect(readdirSync(join(folder, "deep"))).toEqual(["a.txt"]);
});

test("a pipe is written to, not replaced by a file", () => {
  const folder = mkdtempSync(join(tmpdir(), "sconce-"));
  const path = join(folder, "pipe");
  execFileSync("mkfifo", [path]);
  const fd = openSync(path, constants.O_RDWR); // a reader, so that nobody waits
  writeFileAtomic(path, "one");
  const read = Buffer.alloc(3);
  readSync(fd, read);
  closeSync(fd);
  expect(read.toString()).toBe("one");
  expect(statSync(path).isFIFO()).toBe(true);
  expect(readdirSync(folder)).toEqual(["pipe"]);
});

test("a config error prints every issue with its place", () => {
  const error = new ConfigError("config.json", [
    { path: "trainer.max_epoch", code: "unknown_key", message: "unknown key.", line: 3, column: 5 },
    { path: "seed", code: "type", message: 'expected an integer, got "x".' },
  ]);
  expect(error.message).toMatchInlineSnapshot(`
    "config.json:3:5: trainer.max_epoch: unknown key.
    config.json: seed: expected an integer, got "x"."
  `);
  expect(SconceError.is(error)).toBe(true);
  expect(SconceError.is(new Error("x"))).toBe(false);
});
