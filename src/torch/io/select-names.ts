// Which tensors of a file are asked for.
import { FileError, nearest } from "../../base/index.ts";

/** Which tensors of a file to load. */
export interface SelectOptions {
  /** Names of the tensors to load, each of which must be there. @default all */
  keys?: Iterable<string>;
  /** Loads only tensors whose names it accepts. @default all */
  filter?: (name: string) => boolean;
}

/** Returns the names that are asked for, in the order of `keys`, else of the file. */
export function selectNames(
  path: string,
  existing: Iterable<string>,
  { keys, filter = () => true }: SelectOptions,
): string[] {
  const all = new Set(existing);
  const names = keys === undefined ? [...all] : [...new Set(keys)];
  for (const name of names) if (!all.has(name)) throw notFound(path, name, all);
  return names.filter(filter);
}

/** Makes the error of a name that a file does not have; large models have too many names to list. */
export function notFound(path: string, name: string, names: Iterable<string>): FileError {
  const all = [...names];
  const near = nearest(name, all);
  const hint =
    near === undefined
      ? `It has ${all.length}: ${all.slice(0, 5).join(", ")} ...`
      : `Did you mean "${near}"?`;
  return new FileError(`${path}: has no tensor "${name}". ${hint}`);
}
