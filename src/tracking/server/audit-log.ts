// Who did what: one line of JSON for each request, added to the end of a file. Bodies and passwords are never in it.
//
// A request that changes something has a line before it is carried out and one with its status after. Where the first
// cannot be written, as on a full disk, the request is refused; where a later one cannot, all requests are until lines
// can be written again: nothing is done that no line tells of.
import { closeSync, fstatSync, openSync, readSync, writeSync } from "node:fs";
import { SetupError, TrackingError, logger } from "../../base/index.ts";

/** Is what is known of a request. */
export interface AuditEntry {
  id: string;
  method: string;
  /** The pattern of the path, never the client's text. */
  endpoint: string;
  address: string;
  /** Who signed in; null where nobody did. */
  user: string | null;
  /** Whom a sign-in that failed named, if there is such a user. */
  claimed?: string;
  /** What the request is about, by the names of MLflow's API. */
  about: Record<string, string>;
}

const idFields = [
  "experiment_id",
  "experiment_ids",
  "experiment_name",
  "run_id",
  "run_uuid",
  "run_ids",
  "model_id",
  "name",
  "new_name",
  "version",
  "alias",
  "stage",
  "key",
  "path",
  "folder",
  "source",
  "username",
  "is_admin",
  "role_id",
  "role_permission_id",
  "workspace",
  "resource_type",
  "resource_id",
  "resource_pattern",
  "webhook_id",
  "permission",
];
const maxIdLength = 256;

/** Returns what a request is about: the ids and names among its fields, cut where they are long. */
export function idsOf(fields: Readonly<Record<string, unknown>>): Record<string, string> {
  const named = idFields.flatMap((name) => {
    const value = fields[name];
    if (value === undefined || value === null || value === "") return [];
    const text = Array.isArray(value) ? value.slice(0, 50).map(plain).join(",") : plain(value);
    return [[name, text.slice(0, maxIdLength)] as const];
  });
  return Object.fromEntries(named);
}

/** Writes a text, number or boolean; an id is never anything else, and what a client sends need not have a text. */
function plain(value: unknown): string {
  return typeof value === "object" && value !== null ? "(no text)" : String(value);
}

/** Adds lines to the file. Other processes may add to it too. */
export class AuditLog {
  readonly path: string;
  readonly #file: number;
  #needsNewLine: boolean;
  #hasFailed = false;

  private constructor(path: string, file: number) {
    this.path = path;
    this.#file = file;
    this.#needsNewLine = endsInTheMiddle(file);
  }

  /** Opens the file, and makes it, for its owner's eyes only, where it is missing. */
  static open(path: string): AuditLog {
    try {
      return new AuditLog(path, openSync(path, "a+", 0o600));
    } catch (error) {
      throw new SetupError(
        `${path}: the audit log must be a file that can be written (${(error as Error).message}). Name another with --audit-log.`,
        { cause: error },
      );
    }
  }

  /** Writes the line of a request that is about to be carried out, or refuses the request. */
  begin(entry: AuditEntry): void {
    const isRead = ["GET", "HEAD", "OPTIONS"].includes(entry.method);
    if (isRead && !this.#hasFailed) return; // its one line comes at its end
    if (this.#write({ event: "request", ...fieldsOf(entry) })) return;
    throw new TrackingError("the server cannot write its audit log, and refuses what it could not record.", {
      code: "TEMPORARILY_UNAVAILABLE",
    });
  }

  /** Writes the line of a request that was answered; without a status the client went away before. */
  end(entry: AuditEntry, status: number | undefined): void {
    this.#write({ event: "answer", ...fieldsOf(entry), status: status ?? null });
  }

  close(): void {
    closeSync(this.#file);
  }

  #write(fields: object): boolean {
    const line = `${this.#needsNewLine ? "\n" : ""}${asciiJson({ time: new Date().toISOString(), ...fields })}\n`;
    let written = 0;
    try {
      written = writeSync(this.#file, line);
      if (written < line.length) throw new Error("the disk is full"); // all characters are ASCII
      this.#needsNewLine = false;
      this.#hasFailed = false;
      return true;
    } catch (error) {
      if (written > 0) this.#needsNewLine = true;
      if (!this.#hasFailed) {
        logger.error(`server: ${this.path}: the audit log cannot be written (${(error as Error).message}).`);
      }
      this.#hasFailed = true;
      return false;
    }
  }
}

function fieldsOf({ id, user, claimed, address, method, endpoint, about }: AuditEntry) {
  return { id, user, ...(claimed !== undefined && { claimed }), address, method, endpoint, about };
}

/** Writes JSON of ASCII alone: no character of a client can end a line, or hide one on a screen. */
function asciiJson(value: object): string {
  return JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Tells whether a file's last line was cut off, by a full disk or a crash. */
function endsInTheMiddle(file: number): boolean {
  const { size } = fstatSync(file);
  if (size === 0) return false;
  const last = Buffer.alloc(1);
  try {
    readSync(file, last, 0, 1, size - 1);
  } catch {
    return false; // not a plain file: a pipe or device
  }
  return last.toString() !== "\n";
}
