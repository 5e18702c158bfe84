// Changes to several files as one: written down first, then made, so that what a crash cut short is made good later.
import {
  closeSync,
  fstatSync,
  fsync,
  ftruncateSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import { promisify } from "node:util";
import { fsyncDirectory, logger, writeFileAtomic } from "../../../base/index.ts";

/** Is one change; making it twice is the same as making it once. Paths count from the root of the store. */
type Change =
  | { kind: "write"; path: string; text: string }
  | Append
  | { kind: "folder"; path: string }
  | { kind: "remove"; path: string }
  | { kind: "move"; path: string; to: string };

interface Append {
  kind: "append";
  path: string;
  text: string;
  offset: number;
}

/** Collects changes below a folder, and makes all of them or none. Only one at a time may use a journal. */
export class Transaction {
  readonly #root: string;
  readonly #journal: string;
  readonly #changes: Change[] = [];
  readonly #appends = new Map<string, Append>();

  /** `journal` is the file, directly in `root`, where the changes are written down. */
  constructor(root: string, journal: string) {
    this.#root = root;
    this.#journal = journal;
  }

  /** Writes a file anew, whole. */
  write(path: string, text: string): void {
    this.#changes.push({ kind: "write", path: this.#relative(path), text });
  }

  /** Adds whole lines to a file; what an earlier writer left of half a line is cut off. */
  append(path: string, text: string): void {
    const there = this.#appends.get(path);
    if (there !== undefined) {
      there.text += text;
      return;
    }
    const change: Append = { kind: "append", path: this.#relative(path), text, offset: endOfLines(path) };
    this.#appends.set(path, change);
    this.#changes.push(change);
  }

  makeFolder(path: string): void {
    this.#changes.push({ kind: "folder", path: this.#relative(path) });
  }

  /** Removes a file, or a folder with all that it holds. */
  remove(path: string): void {
    this.#changes.push({ kind: "remove", path: this.#relative(path) });
  }

  /** Moves a folder to a place that is free. Changes inside it must come before. */
  move(from: string, to: string): void {
    this.#changes.push({ kind: "move", path: this.#relative(from), to: this.#relative(to) });
  }

  /** Makes the changes; once this returns they are on disk. */
  async commit(): Promise<void> {
    if (this.#changes.length === 0) return;
    const isOneStep = this.#changes.length === 1 && this.#changes[0]!.kind !== "remove";
    if (!isOneStep) writeFileAtomic(this.#journal, JSON.stringify(this.#changes));
    await makeChanges(this.#root, this.#journal, this.#changes);
    if (!isOneStep) removeJournal(this.#journal);
  }

  #relative(path: string): string {
    return relative(this.#root, path);
  }
}

/** Makes good the changes of a transaction that was cut short, if there is one. */
export async function finishTransaction(root: string, journal: string): Promise<void> {
  if (!existsSync(journal)) return;
  const changes = JSON.parse(readFileSync(journal, "utf8")) as Change[];
  // what stands before a move that is done was done, and its paths are no more
  const lastMove = changes.findLastIndex(
    (change) =>
      change.kind === "move" && !existsSync(join(root, change.path)) && existsSync(join(root, change.to)),
  );
  await makeChanges(root, journal, changes.slice(lastMove + 1));
  removeJournal(journal);
  logger.info(`file store: completed ${changes.length} changes in ${root} that a process had left half done`);
}

function removeJournal(journal: string): void {
  rmSync(journal, { force: true });
  fsyncDirectory(dirname(journal)); // an old journal that came back would undo newer changes
}

async function makeChanges(root: string, journal: string, changes: readonly Change[]): Promise<void> {
  const temporary = (index: number) => `${journal}.${index}.tmp`;
  const folders = new Set<string>();
  const syncs = new Syncs();
  // through files outside the folders where every file counts as a tag, param or metric
  for (const [index, change] of changes.entries()) {
    if (change.kind !== "write") continue;
    const file = openSync(temporary(index), "w");
    await syncs.add(file, () => writeAll(file, Buffer.from(change.text)));
  }
  await syncs.finish();
  for (const [index, change] of changes.entries()) {
    const path = join(root, change.path);
    if (change.kind === "folder") makeFolder(path, folders);
    else if (change.kind === "remove") rmSync(path, { recursive: true, force: true });
    else makeFolder(dirname(path), folders);
    if (change.kind === "write") renameSync(temporary(index), path);
    if (change.kind === "append") {
      const file = openSync(path, "a+");
      await syncs.add(file, () => appendOnce(file, change));
    }
    if (change.kind === "move") {
      const to = join(root, change.to);
      makeFolder(dirname(to), folders);
      renameSync(path, to);
      folders.add(dirname(to));
    }
    folders.add(dirname(path));
  }
  for (const folder of folders) if (existsSync(folder)) await syncs.add(openSync(folder, "r"));
  await syncs.finish();
}

/** Brings open files to disk, many at once: the system then writes them together, which takes little longer than one. */
class Syncs {
  readonly #files: number[] = [];

  /** Takes a file, which may be written first; it is closed in any case. */
  async add(file: number, write?: () => void): Promise<void> {
    this.#files.push(file);
    try {
      write?.();
    } catch (error) {
      await this.finish();
      throw error;
    }
    if (this.#files.length === maxOpenFiles) await this.finish();
  }

  async finish(): Promise<void> {
    const files = this.#files.splice(0);
    const ends = await Promise.allSettled(files.map((file) => syncFile(file)));
    for (const file of files) closeSync(file);
    for (const end of ends) if (end.status === "rejected") throw end.reason;
  }
}

const maxOpenFiles = 64;
const syncFile = promisify(fsync);

function makeFolder(path: string, made: Set<string>): void {
  const first = mkdirSync(path, { recursive: true });
  if (first === undefined) return;
  for (let folder = path; folder.length >= first.length; folder = dirname(folder)) made.add(folder);
  made.add(dirname(first));
}

/** Appends a text unless it stands where it would have come; another process may have appended meanwhile. */
function appendOnce(file: number, { text, offset }: { text: string; offset: number }): void {
  const { size } = fstatSync(file);
  let rest = text;
  if (size > offset) {
    const there = Buffer.alloc(size - offset);
    readSync(file, there, 0, there.length, offset);
    const after = there.toString("utf8");
    if (after.includes(text)) return;
    if (text.startsWith(after)) ftruncateSync(file, offset);
    else if (!after.endsWith("\n")) rest = `\n${text}`;
  }
  writeAll(file, Buffer.from(rest));
}

/** Returns where the whole lines of a file end, and cuts off what comes after. */
function endOfLines(path: string): number {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size === 0) return 0;
  const file = openSync(path, "r+");
  try {
    const chunk = Buffer.alloc(4096);
    for (let end = size; end > 0; end -= chunk.length) {
      const start = Math.max(0, end - chunk.length);
      const read = readSync(file, chunk, 0, end - start, start);
      const newline = chunk.subarray(0, read).lastIndexOf("\n");
      if (newline < 0) continue;
      const whole = start + newline + 1;
      if (whole < size) {
        logger.warn(`file store: ${path} ended in half a line, which is cut off`);
        ftruncateSync(file, whole);
      }
      return whole;
    }
    ftruncateSync(file, 0);
    return 0;
  } finally {
    closeSync(file);
  }
}

function writeAll(file: number, bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length;) written += writeSync(file, bytes, written);
}
