// Whether a data file that a config names can be read, and has the columns that the config names.
import { existsSync } from "node:fs";
import { didYouMean } from "../base/index.ts";
import { readDataHeader } from "./header.ts";

/** Is a data file as a config names it. */
export interface NamedDataFile {
  name: string;
  /** Where that is. */
  path: string;
  /** The folders that it was looked for in, for the message. */
  lookedIn?: readonly string[];
  delimiter?: string | undefined;
  /** Columns that it must have, by the option that names them. */
  columns: Readonly<Record<string, readonly string[]>>;
}

/** Says what is wrong with a data file; `option` is the one that names a column which is missing. */
export function dataFileProblems(file: NamedDataFile): { option?: string; message: string }[] {
  const { name, path, lookedIn = [], delimiter, columns } = file;
  if (!existsSync(path)) {
    const tried = lookedIn.length === 0 ? "" : `; looked in ${[...new Set(lookedIn)].join(" and in ")}`;
    return [{ message: `the file "${name}" does not exist${tried}. Put it there, or correct the path.` }];
  }
  const header = readDataHeader(path, { delimiter });
  if ("problem" in header) return [{ message: `"${name}": ${header.problem}` }];
  const missing = Object.entries(columns).flatMap(([option, wanted]) =>
    wanted.filter((column) => !header.columns.includes(column)).map((column) => ({ option, column })),
  );
  return missing.map(({ option, column }) => ({
    option,
    message: `"${name}" has no column "${column}".${didYouMean(column, header.columns)} It has: ${header.columns.join(", ")}.`,
  }));
}
