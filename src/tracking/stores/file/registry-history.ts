// The history of the registry in files: one line of JSON for each change, in a file that MLflow passes over.
import { join } from "node:path";
import type { RegistryChange } from "../../store.ts";
import type { RegistryEvent } from "../../types.ts";
import { readText } from "./meta-file.ts";
import type { Transaction } from "./transaction.ts";

/** Is the file in a model's folder that holds its history. */
export const historyFile = "sconce_history.jsonl";

/** Reads from a model's folder what happened to its stages and aliases, the oldest first. */
export function readHistory(model: string): RegistryEvent[] {
  const lines = (readText(join(model, historyFile)) ?? "").split("\n").slice(0, -1);
  return lines.map((line) => JSON.parse(line) as RegistryEvent);
}

/** Adds an entry to the history of a model. */
export function recordEvent(
  transaction: Transaction,
  model: string,
  event: Pick<RegistryEvent, "kind" | "name" | "version" | "previous"> & RegistryChange,
): void {
  const { kind, name, version, previous, userId = "", evidence = {} } = event;
  const entry: RegistryEvent = {
    timestamp: Date.now(),
    kind,
    name,
    ...(version !== undefined && { version }),
    ...(previous !== undefined && { previous }),
    userId,
    evidence,
  };
  transaction.append(join(model, historyFile), `${JSON.stringify(entry)}\n`);
}
