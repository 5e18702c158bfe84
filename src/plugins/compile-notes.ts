// Notes what a plugin was compiled to, and of which files, so that it is compiled anew only when one of them has changed.
import { existsSync, readFileSync, statSync } from "node:fs";
import { writeFileAtomic } from "../base/index.ts";

interface CompileNote {
  /** The compiled file. */
  output: string;
  /** The files that it was made of, with the time of their last change and their size. */
  inputs: (readonly [path: string, mtimeMs: number, size: number])[];
}

/** Returns the file that a plugin was compiled to, where all that it was made of is as it was then. */
export function readCompileNote(path: string): string | undefined {
  if (!existsSync(path)) return undefined;
  try {
    const { output, inputs } = JSON.parse(readFileSync(path, "utf8")) as CompileNote;
    const isSame = inputs.every((input) => JSON.stringify(stateOf(input[0])) === JSON.stringify(input));
    return isSame && existsSync(output) ? output : undefined;
  } catch {
    return undefined; // a file is gone, or the note is damaged
  }
}

/** Notes what a plugin was compiled to. */
export function writeCompileNote(path: string, output: string, inputs: readonly string[]): void {
  const note: CompileNote = { output, inputs: inputs.map(stateOf) };
  writeFileAtomic(path, JSON.stringify(note));
}

function stateOf(path: string): CompileNote["inputs"][number] {
  const { mtimeMs, size } = statSync(path);
  return [path, mtimeMs, size];
}
