// The config of one cell of a grid: the manager writes it, whoever trains or evaluates the cell reads it.
import { basename } from "node:path";
import { loadUseCase } from "../../config/index.ts";
import type { UseCaseLocation } from "../../config/index.ts";

/** Returns where relative paths of a grid's configs begin. */
export function cellLocation(root: string): UseCaseLocation {
  return { projectRoot: root, useCaseFolder: root, useCaseName: basename(root) };
}

/** Reads and checks the config of a cell; any issue throws a `ConfigError` with all of them. */
export function loadCell({
  configFile,
  root,
}: {
  configFile: string;
  root: string;
}): ReturnType<typeof loadUseCase> {
  return loadUseCase(configFile, [], cellLocation(root));
}
