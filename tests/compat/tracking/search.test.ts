// The same searches by MLflow's own store and by ours, on one database that ours filled.
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PostgresStore, SqliteStore } from "sconce/tracking";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fill, find, searches } from "../../tracking/searches.ts";
import { type PostgresServer, postgresSkipReason, startPostgres } from "../../postgres.ts";
import { compatPython, compatSkipReason, runPython } from "../python.ts";

type Store = SqliteStore | PostgresStore;

const theirs = `
import json, sys
from mlflow import MlflowClient
uri = sys.argv[1].replace("postgresql:", "postgresql+psycopg2:")
client = MlflowClient(tracking_uri=uri, registry_uri=uri)
experiments = [e.experiment_id for e in client.search_experiments() if e.name != "Default"]
def model_order(term):
    name, direction = term.rsplit(" ", 1)
    return {"field_name": name, "ascending": direction == "ASC"}
def find(what, filter=None, orderBy=None):
    if what == "runs":
        return [r.info.run_name for r in client.search_runs(experiments, filter or "", order_by=orderBy)]
    if what == "experiments":
        return [e.name for e in client.search_experiments(filter_string=filter, order_by=orderBy)]
    if what == "registeredModels":
        return [m.name for m in client.search_registered_models(filter, order_by=orderBy)]
    if what == "modelVersions":
        return [f"{v.name} {v.version}" for v in client.search_model_versions(filter, order_by=orderBy)]
    return [m.name for m in client.search_logged_models(experiments, filter, order_by=orderBy and [model_order(o) for o in orderBy])]
def answer(search):
    try:
        return find(**search)
    except Exception:  # much bad input ends in an error of Python itself
        return "refused"
print(json.dumps([answer(search) for search in json.load(open(sys.argv[2]))]))
`;

describe.skipIf(compatSkipReason !== undefined)(
  `searches by MLflow in Python and by us (${compatSkipReason ?? "asked for"})`,
  () => {
    beforeAll(() => void compatPython(), 1_800_000);

    test("find the same on SQLite, in the same order", async () => {
      const path = join(mkdtempSync(join(tmpdir(), "sconce-compat-")), "mlflow.db");
      await compare(await SqliteStore.open({ path }));
    });

    describe.skipIf(postgresSkipReason !== undefined)(
      `on PostgreSQL (${postgresSkipReason ?? "is there"})`,
      () => {
        let server: PostgresServer;
        beforeAll(async () => {
          server = await startPostgres();
        });
        afterAll(() => server?.stop());

        test("find the same, in the same order", async () => {
          const uri = await server.createDatabase();
          await compare(await PostgresStore.open({ uri, artifactRoot: "/tmp/sconce-compat" }));
        });
      },
    );
  },
);

async function compare(store: Store): Promise<void> {
  await fill(store);
  const file = join(mkdtempSync(join(tmpdir(), "sconce-compat-")), "searches.json");
  const asked = searches();
  writeFileSync(file, JSON.stringify(asked));
  const expected = runPython(theirs, store.uri, file) as (string[] | "refused")[];
  const found: typeof expected = [];
  for (const search of asked) found.push(await find(store, search));
  const show = (answers: typeof expected) =>
    asked.map((search, i) => `${JSON.stringify(search)}: ${JSON.stringify(answers[i])}`);
  expect(show(found)).toEqual(show(expected));
  expect(expected.filter((answer) => answer !== "refused" && answer.length > 0).length).toBeGreaterThan(
    asked.length / 2,
  );
  await store.close();
}
