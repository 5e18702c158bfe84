import { mkdtempSync, readdirSync, readFileSync } from "node:fs";
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

test("a file is replaced whole and leaves no temporary neighbour", () => {
  const folder = mkdtempSync(join(tmpdir(), "sconce-"));
  const path = join(folder, "deep", "a.txt");
  writeFileAtomic(path, "one");
  writeFileAtomic(path, [Buffer.from("t"), Buffer.from("wo")]);
  expect(readFileSync(path, "utf8")).toBe("two");
  expect(readdirSync(join(folder, "deep"))).toEqual(["a.txt"]);
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
