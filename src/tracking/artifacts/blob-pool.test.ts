// Equal files are stored once, and what one artifact becomes never changes another.
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { ActiveRun, SqliteStore } from "../index.ts";
import { BlobPool } from "./blob-pool.ts";
import { LocalArtifactRepository } from "./local.ts";

const large = Buffer.alloc(1 << 20, "w");
let folder: string;
let pool: BlobPool;
let one: LocalArtifactRepository;
let two: LocalArtifactRepository;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sconce-"));
  pool = new BlobPool(join(folder, "files"));
  one = new LocalArtifactRepository(join(folder, "files", "one"), { pool });
  two = new LocalArtifactRepository(join(folder, "files", "two"), { pool });
});

function source(name: string, content: string | Buffer): string {
  mkdirSync(join(folder, "sources"), { recursive: true });
  const file = join(folder, "sources", name);
  writeFileSync(file, content);
  return file;
}

const inode = (repository: LocalArtifactRepository, path: string) => statSync(repository.resolve(path)).ino;
const blobs = () => (existsSync(pool.folder) ? readdirSync(pool.folder) : []);

test("equal large files are one file, whatever their names and sources", () => {
  one.logFile(source("a", large), "model/weights", { link: true });
  two.logFile(source("b", large), "other/name", { link: true });
  expect(inode(one, "model/weights")).toBe(inode(two, "other/name"));
  expect(blobs()).toHaveLength(1);
  two.logFile(source("c", Buffer.concat([large, Buffer.from("x")])), "longer", { link: true });
  two.logFile(source("d", large.subarray(1)), "small", { link: true }); // under 1 MiB
  two.logFile(source("e", large), "mine"); // whose source may still be written to
  expect(blobs()).toHaveLength(2);
  expect(inode(two, "mine")).not.toBe(inode(one, "model/weights"));
});

test("a file that comes in its place, or its deletion, leaves the others as they are", () => {
  for (const repository of [one, two]) repository.logFile(source("a", large), "w", { link: true });
  one.writeFile("w", "new");
  expect(readFileSync(two.resolve("w")).equals(large)).toBe(true);
  one.logFile(source("b", "newer"), "w", { link: true });
  expect(readFileSync(two.resolve("w")).equals(large)).toBe(true);
  one.delete();
  expect(readFileSync(two.resolve("w")).equals(large)).toBe(true);
});

test("a file that was changed in place is not given to others", () => {
  one.logFile(source("a", large), "w", { link: true });
  appendFileSync(one.resolve("w"), "more");
  two.logFile(source("b", large), "w", { link: true });
  expect(readFileSync(two.resolve("w")).equals(large)).toBe(true);
  writeFileSync(two.resolve("w"), Buffer.alloc(large.length, "x")); // as long, and other content
  const three = new LocalArtifactRepository(join(folder, "files", "three"), { pool });
  three.logFile(source("c", large), "w", { link: true });
  expect(readFileSync(three.resolve("w")).equals(large)).toBe(true);
});

test("what comes over the network is shared too, once all of it is there", async () => {
  async function* body(parts: Buffer[]) {
    yield* parts;
  }
  one.logFile(source("a", large), "w", { link: true });
  await two.receive("w", body([large.subarray(0, 1000), large.subarray(1000)]));
  expect(inode(two, "w")).toBe(inode(one, "w"));
  await expect(two.receive("cut", body([large]), { size: large.length + 1 })).rejects.toThrow(/announced/);
  expect(readdirSync(two.root)).toEqual(["w"]);
  expect(blobs()).toHaveLength(1);
});

test("sweeping removes what no artifact holds any more", () => {
  expect(pool.sweep()).toBe(0);
  const file = source("a", large);
  one.logFile(file, "w", { link: true });
  expect(pool.sweep()).toBe(0);
  one.delete();
  expect(blobs()).toHaveLength(1); // its source is still a link to it
  rmSync(file);
  expect(pool.sweep()).toBe(large.length);
  expect(existsSync(pool.folder)).toBe(false);
});

test("the pool is no place for artifacts, and is not listed", () => {
  const whole = new LocalArtifactRepository(join(folder, "files"), { pool });
  one.logFile(source("a", large), "w", { link: true });
  expect(whole.list().map(({ path }) => path)).toEqual(["one"]);
  for (const path of [".blobs", ".blobs/x", "./.blobs/x", `.blobs/${blobs()[0]!}`]) {
    expect(() => whole.resolve(path), path).toThrow(/the server keeps for itself/);
    expect(() => whole.delete(path), path).toThrow(/the server keeps for itself/);
  }
  expect(whole.resolve("one/.blobs")).toBe(join(folder, "files/one/.blobs"));
});

test("runs of one experiment share their models", async () => {
  const store = await SqliteStore.open({
    path: join(folder, "mlflow.db"),
    artifactRoot: join(folder, "root"),
  });
  const inodes: number[] = [];
  for (let index = 0; index < 2; index++) {
    const run = await ActiveRun.start({ store, experimentName: "grid", journalFolder: false });
    const model = join(folder, `model-${index}`);
    mkdirSync(model);
    writeFileSync(join(model, "model.safetensors"), large);
    run.logFolder(model, "model", { link: true });
    inodes.push(inode(run.artifacts, "model/model.safetensors"));
    await run.end();
  }
  expect(inodes[0]).toBe(inodes[1]);
  await store.close();
});

test("no spelling of a name that the server keeps leads into it, and no other name is taken for it", () => {
  const hidden = [join(folder, "files", ".uploads")];
  const repository = new LocalArtifactRepository(join(folder, "files"), { pool, hidden });
  repository.logFile(source("a", large), "one", { link: true });
  for (const name of [
    ".blobs",
    ".BLOBS",
    ".Blobs",
    ".blobs.",
    ".blobs . ",
    ".blob\u017f", // the long s, which folds to an s
    ".b\u200clobs", // a joiner, which HFS+ leaves out
    "\uff0eblobs",
    ".ｂｌｏｂｓ",
    "./.blobs",
    ".//.BLOBS",
    ".blobs::$INDEX_ALLOCATION",
    ".UpLoads",
  ]) {
    for (const path of [name, `${name}/x`]) {
      expect(() => repository.resolve(path), path).toThrow(/the server keeps for itself/);
      expect(() => repository.delete(path), path).toThrow(/the server keeps for itself/);
    }
  }
  expect(repository.list().map(({ path }) => path)).toEqual(["one"]);
  expect(blobs()).toHaveLength(1);
  for (const name of [".blob", ".blobs2", "blobs", "a/.blobs", "a.blobs"]) {
    repository.writeFile(name, "x");
    expect(repository.readFile(name).toString()).toBe("x");
  }
});
