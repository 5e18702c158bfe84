import { mkdirSync, mkdtempSync, realpathSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { findProjectRoot, locateUseCase, outputFolders, resolveDataPath, runFolder } from "./paths.ts";

const root = realpathSync(mkdtempSync(join(tmpdir(), "sconce-paths-")));
mkdirSync(join(root, "use_cases/spam/Configurations/old"), { recursive: true });
mkdirSync(join(root, "use_cases/spam/Datasets"));
writeFileSync(join(root, "use_cases/spam/package.json"), "{}"); // a use case may be a workspace
writeFileSync(join(root, "package.json"), "{}");
writeFileSync(join(root, "use_cases/spam/Datasets/a.csv"), "");
writeFileSync(join(root, "a.csv"), "");
writeFileSync(join(root, "b.csv"), "");

test("a config finds its use case and its project, at any depth", () => {
  const spam = { projectRoot: root, useCaseFolder: join(root, "use_cases/spam"), useCaseName: "spam" };
  for (const path of ["Configurations/config.json", "Configurations/old/config.json", "config.json"]) {
    expect(locateUseCase(join(root, "use_cases/spam", path))).toEqual(spam);
  }
});

test("a config elsewhere belongs to its folder", () => {
  const folder = join(root, "elsewhere", "Configurations");
  mkdirSync(folder, { recursive: true });
  expect(locateUseCase(join(folder, "c.json"))).toEqual({
    projectRoot: root,
    useCaseFolder: join(root, "elsewhere"),
    useCaseName: "elsewhere",
  });
});

test("without a project around it, a folder is its own root", () => {
  const lone = realpathSync(mkdtempSync(join(tmpdir(), "sconce-lone-")));
  expect(findProjectRoot(lone)).toBe(lone);
});

test("a path is taken against the use case first, then against the project", () => {
  const location = locateUseCase(join(root, "use_cases/spam/Configurations/config.json"));
  expect(resolveDataPath("Datasets/a.csv", location).path).toBe(join(root, "use_cases/spam/Datasets/a.csv"));
  expect(resolveDataPath("b.csv", location)).toEqual({ path: join(root, "b.csv"), exists: true });
  expect(resolveDataPath("c.csv", location)).toEqual({
    path: join(root, "use_cases/spam/c.csv"),
    exists: false,
  });
  expect(resolveDataPath(join(root, "a.csv"), location)).toEqual({ path: join(root, "a.csv"), exists: true });
});

test("outputs stay under the project, whatever the names are", () => {
  const folders = outputFolders("/p", "../../etc", "/Users/a@b/x");
  expect(folders).toEqual({
    trainedModels: "/p/outputs/TrainedModels/%2E.%2F..%2Fetc/%2FUsers%2Fa@b%2Fx",
    optimumModel: "/p/outputs/OptimumModels/%2E.%2F..%2Fetc/%2FUsers%2Fa@b%2Fx",
    artifacts: "/p/outputs/mlflow/Artifacts/%2E.%2F..%2Fetc/%2FUsers%2Fa@b%2Fx",
  });
  expect(runFolder(folders, "..")).toBe(`${folders.trainedModels}/%2E%2E`);
});
