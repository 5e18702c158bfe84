// Params and tags: a file each, whose path is the key and whose content is the value.
import { join } from "node:path";
import type { Param } from "../../types.ts";
import { invalid } from "../../validation.ts";
import { entries } from "./layout.ts";
import { readText, wellFormed } from "./meta-file.ts";
import type { Transaction } from "./transaction.ts";

const maxNameBytes = 255;

/** Lists the keys that have a file in a folder, in order. */
export function listKeys(folder: string): string[] {
  const keys: string[] = [];
  const visit = (path: string, prefix: string): void => {
    for (const entry of entries(path)) {
      if (entry.isDirectory()) visit(join(path, entry.name), `${prefix}${entry.name}/`);
      else if (entry.isFile()) keys.push(prefix + entry.name);
    }
  };
  visit(folder, "");
  return keys.sort();
}

/** Reads all values in a folder. */
export function readValues(folder: string): Record<string, string> {
  return Object.fromEntries(
    listKeys(folder).flatMap((key): [string, string][] => {
      const value = readText(join(folder, key));
      return value === undefined ? [] : [[key, value]];
    }),
  );
}

/** Plans to write values over what is there. Keys must be checked names. */
export function writeValues(
  transaction: Transaction,
  folder: string,
  values: Readonly<Record<string, string>>,
): void {
  makeRoom(transaction, folder, Object.keys(values));
  for (const [key, value] of Object.entries(values)) transaction.write(join(folder, key), value);
}

/** Adds params to a folder; one that is there with another value throws. */
export function writeParams(transaction: Transaction, folder: string, params: readonly Param[]): void {
  const added: Record<string, string> = {};
  for (const { key, value } of params) {
    const there = readText(join(folder, key));
    if (there === undefined) added[key] = value;
    else if (there !== wellFormed(value)) {
      throw invalid(
        `param "${key}": a value cannot change once it is logged, got "${preview(value)}" after ` +
          `"${preview(there)}". Start another run, or log it under another name.`,
      );
    }
  }
  writeValues(transaction, folder, added);
}

/**
 * Throws for a key that cannot have a file: because a part of it is too long, or because a file stands where it needs
 * a folder or the other way round.
 */
export function makeRoom(transaction: Transaction, folder: string, keys: readonly string[]): void {
  if (keys.length === 0) return;
  const there = listKeys(folder);
  const files = new Set([...there, ...keys]);
  for (const key of keys) {
    const parts = key.split("/");
    const long = parts.find((part) => Buffer.byteLength(part) > maxNameBytes);
    if (long !== undefined) {
      throw invalid(
        `name "${key.slice(0, 40)}...": it names a file, so a part may have ${maxNameBytes} bytes, got ${Buffer.byteLength(long)}.`,
      );
    }
    for (let count = 1; count < parts.length; count++) {
      const parent = parts.slice(0, count).join("/");
      if (!files.has(parent)) continue;
      throw invalid(
        `name "${key}": the file store keeps it in a folder "${parent}", which is the name of another value. Choose another name.`,
      );
    }
    const inside = [...files].find((other) => other.startsWith(`${key}/`));
    if (inside !== undefined) {
      throw invalid(
        `name "${key}": the file store keeps "${inside}" in a folder of this name. Choose another name.`,
      );
    }
    // values that are gone may have left their folder behind
    const parent = join(folder, parts.slice(0, -1).join("/"));
    if (entries(parent).some((entry) => entry.isDirectory() && entry.name === parts.at(-1))) {
      transaction.remove(join(folder, key));
    }
  }
}

function preview(value: string): string {
  return value.length > 60 ? `${value.slice(0, 60)}...` : value;
}
