// What a run has logged and the store has not taken yet, on this machine's disk: it outlives the process.
// One file of JSON lines per run that only grows, and beside it how many of its entries the store has taken. Sending an
// entry twice does no harm (see LogBatchInput), so neither file needs to be exact about what was under way in a crash.
import {
  closeSync,
  renameSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeSync,
} from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { isProcessGone, thisProcess } from "../../base/index.ts";
import type { ProcessIdentity } from "../../base/index.ts";
import type { Metric, Param, RunStatus, RunTag } from "../types.ts";
import { toWireMetric, wireMetric } from "../wire.ts";

/** Is one thing that a run logs. */
export type JournalEntry =
  | { kind: "metric"; item: Metric }
  | { kind: "param"; item: Param }
  | { kind: "tag"; item: RunTag }
  | { kind: "artifact"; item: StagedArtifact }
  | { kind: "end"; item: { status: RunStatus; endTime: number } };

/** Is a file of this machine that is to become an artifact behind a server. */
export interface StagedArtifact {
  /** `mlflow-artifacts:/...`, the run's place. */
  artifactUri: string;
  path: string;
  file: string;
}

/** Says whose entries a journal holds. */
export interface JournalHeader {
  version: 1;
  storeUri: string;
  runId: string;
  /** The process that writes the run. */
  writer: ProcessIdentity;
}

const ending = ".jsonl";
const endedEnding = ".ended.jsonl"; // the run is over, its process may go on
const takenEnding = ".taken";

/** Returns the folder of journals: `SCONCE_JOURNAL_DIR`, else `sconce/journal` in the user's state folder. */
export function defaultJournalFolder(): string {
  const state = process.env["XDG_STATE_HOME"] || join(homedir(), ".local", "state");
  return process.env["SCONCE_JOURNAL_DIR"] || join(state, "sconce", "journal");
}

/** Is the journal of a run that goes on. */
export class Journal {
  readonly path: string;
  readonly #entries: number;
  readonly #taken: number;
  #takenCount = 0;

  private constructor(path: string) {
    this.path = path;
    this.#entries = openSync(path, "a", 0o600);
    this.#taken = openSync(takenPath(path), "w", 0o600);
  }

  /** Begins the journal of a run, in place of an old one of the same run. */
  static create(folder: string, { storeUri, runId }: { storeUri: string; runId: string }): Journal {
    mkdirSync(folder, { recursive: true, mode: 0o700 }); // whoever writes here says what is logged
    const path = journalPath(folder, runId);
    rmSync(path, { force: true });
    const journal = new Journal(path);
    const header: JournalHeader = { version: 1, storeUri, runId, writer: thisProcess() };
    writeSync(journal.#entries, `${JSON.stringify(header)}\n`);
    return journal;
  }

  /** Adds entries; they outlive the process when the call returns, and a power cut a moment later. */
  append(entries: readonly JournalEntry[]): void {
    writeSync(this.#entries, entries.map((entry) => `${JSON.stringify(toLine(entry))}\n`).join(""));
  }

  /** Records that the store has the next `count` entries. */
  markTaken(count: number): void {
    this.#takenCount += count;
    writeSync(this.#taken, `${this.#takenCount}`.padEnd(16), 0);
  }

  /** Closes and deletes the files: the store has all entries. */
  remove(): void {
    this.#close();
    removeJournal(this.path);
  }

  /** Closes the files and leaves them to `shipJournals`; returns where they are. */
  leave(): string {
    this.#close();
    const path = `${this.path.slice(0, -ending.length)}${endedEnding}`;
    renameSync(takenPath(this.path), takenPath(path));
    renameSync(this.path, path);
    return path;
  }

  #close(): void {
    closeSync(this.#entries);
    closeSync(this.#taken);
  }
}

/** Returns the path of a run's journal. */
export function journalPath(folder: string, runId: string): string {
  return join(folder, `${encodeURIComponent(runId)}${ending}`);
}

/** Returns the folder of the files that a run has not sent yet. */
export function stagingFolder(folder: string, runId: string): string {
  return join(folder, `${encodeURIComponent(runId)}.artifacts`);
}

/** Lists the journals of a folder, which may be missing. */
export function listJournals(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith(ending))
      .map((name) => join(folder, name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** Reads whose journal it is and what the store has not taken, or undefined for a file that is no journal. */
export function readJournal(path: string): { header: JournalHeader; entries: JournalEntry[] } | undefined {
  const lines = readFileSync(path, "utf8").split("\n");
  const header = parseLine<JournalHeader>(lines[0] ?? "");
  if (header?.version !== 1) return undefined;
  const complete = lines.slice(1, -1); // what follows the last newline was being written when the process died
  const entries = complete.slice(readTaken(path)).flatMap((line) => {
    const entry = parseLine<{ kind: JournalEntry["kind"]; item: unknown }>(line);
    return entry === undefined ? [] : [fromLine(entry)];
  });
  return { header, entries };
}

/** Tells whether nobody writes a journal any more. */
export function isLeft(path: string, { writer }: JournalHeader): boolean {
  return path.endsWith(endedEnding) || isProcessGone(writer);
}

/** Deletes a journal. */
export function removeJournal(path: string): void {
  rmSync(path, { force: true });
  rmSync(takenPath(path), { force: true });
}

function takenPath(path: string): string {
  return `${path}${takenEnding}`;
}

function readTaken(path: string): number {
  try {
    return Number(readFileSync(takenPath(path), "utf8")) || 0;
  } catch {
    return 0; // all is sent again
  }
}

function toLine(entry: JournalEntry): object {
  return entry.kind === "metric" ? { kind: "metric", item: toWireMetric(entry.item) } : entry;
}

function fromLine(entry: { kind: JournalEntry["kind"]; item: unknown }): JournalEntry {
  if (entry.kind !== "metric") return entry as JournalEntry;
  return { kind: "metric", item: wireMetric.parse(entry.item) };
}

function parseLine<T>(line: string): T | undefined {
  try {
    return JSON.parse(line) as T;
  } catch {
    return undefined;
  }
}
