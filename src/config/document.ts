// A config as it was read: its value, and where in the file each part of it stands.
import type { ConfigIssue } from "../base/index.ts";
import { type ConfigPath, type ConfigValue, overlaps } from "./value.ts";

/** Is a position in a text file, both 1-based; columns count UTF-16 units, as editors do. */
export interface Place {
  line: number;
  column: number;
}

/** Says where a part was written; `source` is the file, or the override, where a config is made of several. */
export type WrittenAt = Partial<Place> & { source?: string };

/** Holds a config that was read. */
export interface ConfigDocument {
  /** The path as the caller wrote it; messages begin with it. */
  source: string;
  value: ConfigValue;
  places: SourceMap;
  /** What is wrong already, where the config was brought to another form. */
  issues?: readonly ConfigIssue[];
  /** Parts of the value that stand for something that is wrong already. */
  broken?: readonly ConfigPath[];
}

/** Tells whether a path leads into a part that is wrong already, or around one. */
export function isBrokenAt({ broken = [] }: ConfigDocument, path: ConfigPath): boolean {
  return broken.some((other) => overlaps(other, path));
}

/** Remembers where keys and values of a config stand in its file. */
export class SourceMap {
  readonly #keys = new Map<string, WrittenAt>();
  readonly #values = new Map<string, WrittenAt>();
  readonly #floats = new Set<string>();
  readonly #written = new Map<string, ConfigPath>();

  setKey(path: ConfigPath, place: WrittenAt): void {
    this.#keys.set(encode(path), place);
  }

  setValue(path: ConfigPath, place: WrittenAt): void {
    this.#values.set(encode(path), place);
  }

  /** Remembers that a whole number was written as a float, `1.0`. */
  markFloat(path: ConfigPath): void {
    this.#floats.add(encode(path));
  }

  isFloat(path: ConfigPath): boolean {
    return this.#floats.has(encode(path));
  }

  /** Remembers that a part was written under another path. */
  setWritten(path: ConfigPath, written: ConfigPath): void {
    this.#written.set(encode(path), written);
  }

  /** Returns the path under which a part was written. */
  written(path: ConfigPath): ConfigPath {
    for (let length = path.length; length > 0; length--) {
      const written = this.#written.get(encode(path.slice(0, length)));
      if (written !== undefined) return [...written, ...path.slice(length)];
    }
    return path;
  }

  /** Returns the place of the value at a path, or of the nearest part around it that is in the file. */
  value(path: ConfigPath): WrittenAt | undefined {
    for (let length = path.length; length >= 0; length--) {
      const place = this.#values.get(encode(path.slice(0, length)));
      if (place !== undefined) return place;
    }
    return undefined;
  }

  /** Returns the place of the key that a path ends with, else that of its value. */
  key(path: ConfigPath): WrittenAt | undefined {
    return this.#keys.get(encode(path)) ?? this.value(path);
  }
}

/** Turns offsets into a text to places. */
export class LineIndex {
  readonly #starts: number[] = [0];

  constructor(text: string) {
    for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) this.#starts.push(at + 1);
  }

  place(offset: number): Place {
    let low = 0;
    let high = this.#starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#starts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - this.#starts[low]! + 1 };
  }
}

/** Makes the issue that a parser reports. */
export function syntaxIssue(message: string, place: Place, path = ""): ConfigIssue {
  return { path, code: "syntax", message, ...place };
}

/** Is thrown inside the parsers; `load.ts` turns it into a `ConfigError` that names the file. */
export class SyntaxIssues extends Error {
  readonly issues: readonly ConfigIssue[];

  constructor(issues: readonly ConfigIssue[]) {
    super(issues.map(({ message }) => message).join("\n"));
    this.issues = issues;
  }
}

/** Bounds what a config may hold, so that a hostile file costs neither memory nor time. */
export const limits = {
  /** Bytes of a file. */
  bytes: 1 << 20,
  /** Lists and mappings inside one another. */
  depth: 64,
  /** Keys and values, with every YAML alias written out. */
  nodes: 100_000,
} as const;

function encode(path: ConfigPath): string {
  return path.join("\0"); // no key can hold NUL: both parsers refuse it
}
