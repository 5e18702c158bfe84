import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { partialPath, writeFileAtomic } from "../../base/index.ts";
import { checkArtifactPath } from "./artifact-path.ts";
import { LocalArtifactRepository } from "./local.ts";
import { childUri, localPath, localUri } from "./uri.ts";

let folder: string;
let repository: LocalArtifactRepository;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sconce-"));
  repository = new LocalArtifactRepository(join(folder, "artifacts"));
});

const hostile = [
  "",
  ".",
  "./",
  "..",
  "../x",
  "a/../../x",
  "a/..",
  "/etc/passwd",
  "//etc/passwd",
  "a\0b",
  "a\\..\\b",
  "C:/x",
  "c:x",
  "file:///etc/passwd",
  "s3:x",
  "%2e%2e/x",
  "%2E%2E%2Fx",
  "%252e%252e%252fx",
  "%25252e%25252e/x",
  "%2fetc/passwd",
  "a/%00",
  "a%5c..%5cb",
];

test.each(hostile)("the path %j is refused everywhere", (path) => {
  expect(() => checkArtifactPath(path)).toThrow(/artifact path/);
  expect(() => repository.writeFile(path, "x")).toThrow(/artifact path/);
  expect(() => repository.logFolder(folder, path)).toThrow(/artifact path/);
  expect(() => repository.readFile(path)).toThrow(/artifact path/);
  expect(readdirSync(folder)).toEqual([]);
});

test("odd but harmless names are names", () => {
  for (const path of [
    "a..b",
    "...",
    "....//x",
    "a b/ü",
    "50%",
    "%zz",
    ".hidden",
    "a/./b",
    "-rf",
    "x".repeat(200),
  ]) {
    repository.writeFile(path, path);
    expect(repository.readFile(path).toString(), path).toBe(path);
  }
});

test("a refusal says what is wrong", () => {
  expect(() => repository.writeFile("../x", "")).toThrowErrorMatchingInlineSnapshot(
    `[TrackingError: artifact path "../x": it must be relative and stay inside the run's artifacts, but it holds ".." or is absolute.]`,
  );
  expect(() => repository.readFile("missing")).toThrow(/artifact "missing": it must exist/);
});

test("a path below a file names nothing", () => {
  repository.writeFile("plot.svg", "x");
  expect(existsSync(repository.resolve("plot.svg/MLmodel"))).toBe(false);
});

test("a folder is listed as MLflow lists it", () => {
  repository.writeFile("b/c.txt", "12345");
  repository.writeFile("a.txt", new Uint8Array([1, 2]));
  expect(repository.list()).toEqual([
    { path: "a.txt", isDirectory: false, size: 2 },
    { path: "b", isDirectory: true },
  ]);
  expect(repository.list("b/")).toEqual([{ path: "b/c.txt", isDirectory: false, size: 5 }]);
  expect(repository.list("a.txt")).toEqual([]);
  expect(repository.list("missing")).toEqual([]);
  expect(new LocalArtifactRepository(join(folder, "nothing")).list()).toEqual([]);
});

test("links that lead out are neither read, written through, listed nor copied", () => {
  const outside = join(folder, "outside");
  mkdirSync(outside);
  writeFileSync(join(outside, "secret"), "s");
  repository.writeFile("keep", "");
  symlinkSync(outside, join(repository.root, "out"));
  symlinkSync(join(outside, "secret"), join(repository.root, "file"));
  symlinkSync(join(folder, "nowhere"), join(repository.root, "dangling"));
  for (const path of ["out/secret", "file", "out/new", "dangling", "dangling/new"]) {
    expect(() => repository.readFile(path), path).toThrow(/through a link/);
    expect(() => repository.writeFile(path, "x"), path).toThrow(/through a link/);
  }
  expect(repository.list().map(({ path }) => path)).toEqual(["keep"]);
  expect(() => repository.list("out")).toThrow(/through a link/);
  expect(readdirSync(outside)).toEqual(["secret"]);

  const source = join(folder, "source");
  mkdirSync(source);
  symlinkSync(join(outside, "secret"), join(source, "link"));
  expect(() => repository.logFolder(source, "copied")).toThrow(/a link to a place outside/);
});

test("a folder is copied whole, over what is there, and with `link` it shares its bytes", () => {
  const source = join(folder, "model");
  mkdirSync(join(source, "deep"), { recursive: true });
  writeFileSync(join(source, "a"), "new");
  writeFileSync(join(source, "deep", "b"), "b");
  symlinkSync("a", join(source, "inner"));
  repository.writeFile("m/a", "old");
  repository.logFolder(source, "m");
  expect(repository.readFile("m/a").toString()).toBe("new");
  expect(repository.readFile("m/inner").toString()).toBe("new");
  expect(repository.readFile("m/deep/b").toString()).toBe("b");
  const copied = join(repository.root, "m", "a");
  expect(statSync(copied).ino).not.toBe(statSync(join(source, "a")).ino);
  for (let i = 0; i < 2; i++) repository.logFolder(source, "m", { link: true });
  expect(statSync(copied).ino).toBe(statSync(join(source, "a")).ino);
  expect(readdirSync(join(repository.root, "m")).sort()).toEqual(["a", "deep", "inner"]);
  // a later artifact of that name must not write into the source
  repository.writeFile("m/a", "changed");
  repository.logFile(join(source, "deep", "b"), "m/inner");
  expect(readFileSync(join(source, "a"), "utf8")).toBe("new");
});

test("a file that is missing, or an artifact folder that cannot be written, gets a clear message", () => {
  expect(() => repository.logFile(join(folder, "missing"))).toThrow(
    /artifact "missing": it cannot be stored \(ENOENT/,
  );
  expect(() => repository.logFolder(join(folder, "missing"), "m")).toThrow(
    /artifact "m": it cannot be stored/,
  );
  const blocked = new LocalArtifactRepository(join(folder, "file"));
  writeFileSync(blocked.root, "a file where the folder should be");
  expect(() => blocked.writeFile("a", "")).toThrow(/artifact "a": it cannot be stored/);
  if (process.getuid?.() === 0) return; // root may write anywhere
  const locked = new LocalArtifactRepository(join(folder, "locked"));
  mkdirSync(locked.root);
  chmodSync(locked.root, 0o500);
  expect(() => locked.writeFile("a", "")).toThrow(/EACCES/);
});

test("places are spelled so that Python's MLflow finds them", () => {
  expect(localUri("/a b/ü")).toBe("/a b/ü");
  expect(childUri("/a/", "1", "artifacts")).toBe("/a/1/artifacts");
  const odd = childUri("/a%20b#c", "x y");
  expect(odd).toBe("file:///a%2520b%23c/x%20y");
  expect(localPath(odd)).toBe("/a%20b#c/x y");
  expect(localPath("/a%20b")).toBe("/a b"); // as Python reads it
  expect(localPath("/100%")).toBe("/100%");
  expect(() => localPath("s3://bucket/x")).toThrowErrorMatchingInlineSnapshot(
    `[TrackingError: artifacts: the location must be a local folder, got "s3://bucket/x". Set the experiment's artifactLocation to a folder.]`,
  );
});

test("what a writer that died left half-written is no artifact", () => {
  repository.writeFile("a.txt", "whole");
  const half = partialPath(join(folder, "artifacts", "a.txt"));
  writeFileSync(half, "ha");
  expect(repository.list().map(({ path }) => path)).toEqual(["a.txt"]);
  expect(() => writeFileAtomic(join(folder, "x".repeat(255)), "as long as a name may be")).not.toThrow();
});
