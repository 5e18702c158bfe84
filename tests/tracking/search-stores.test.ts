// The file store carries out searches in memory; it must find what SQLite finds, which finds what MLflow finds
// (compat/tracking/search.test.ts).
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FileStore, SqliteStore } from "sconce/tracking";
import { expect, test } from "vitest";
import { type Search, fill, find, searches } from "./searches.ts";

test("every search finds the same in files as in SQLite, in the same order", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sconce-"));
  const files = await FileStore.open({ path: join(folder, "mlruns") });
  const sqlite = await SqliteStore.open({ path: join(folder, "mlflow.db") });
  await fill(files);
  await fill(sqlite);
  // ids of experiments count up in one store and are drawn in the other; a database has the largest number for infinity
  const isAlike = (search: Search) => !/experiment_id|1\.79769/.test(JSON.stringify(search));
  const asked = searches().filter(isAlike);
  const answers = async (store: FileStore | SqliteStore) => {
    const lines: string[] = [];
    for (const search of asked)
      lines.push(`${JSON.stringify(search)}: ${JSON.stringify(await find(store, search))}`);
    return lines;
  };
  expect(await answers(files)).toEqual(await answers(sqlite));
  await sqlite.close();
}, 60_000);
