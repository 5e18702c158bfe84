// Requests that no honest client sends, to the server on each store: each is answered as the client's mistake, and the
// store goes on. Addresses and artifacts: src/tracking/server/*.test.ts.
import { mkdtempSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Store, TrackingServer, openStore } from "sconce/tracking";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type MongoTestServer, mongoSkipReason, startMongo } from "../mongo.ts";
import { type PostgresServer, postgresSkipReason, startPostgres } from "../postgres.ts";

const folder = mkdtempSync(join(tmpdir(), "sconce-"));
let postgres: PostgresServer | undefined;
let mongo: MongoTestServer | undefined;

beforeAll(async () => {
  if (postgresSkipReason === undefined) postgres = await startPostgres();
  if (mongoSkipReason === undefined) mongo = await startMongo();
}, 300_000);
afterAll(() => Promise.all([postgres?.stop(), mongo?.stop()]));

const stores: [name: string, reason: string | undefined, newUri: () => Promise<string> | string][] = [
  ["SQLite", undefined, () => `sqlite:///${join(folder, "mlflow.db")}`],
  ["mlruns", undefined, () => join(folder, "mlruns")],
  ["PostgreSQL", postgresSkipReason, () => postgres!.createDatabase()],
  ["MongoDB", mongoSkipReason, () => mongo!.newDatabase()],
];

const titled = stores.map(([name, reason, newUri]) => ({
  title: reason === undefined ? name : `${name} (${reason})`,
  reason,
  newUri,
}));

describe.each(titled)("a server on $title", ({ reason, newUri }) => {
  let store: Store;
  let server: TrackingServer;
  let runId: string;

  beforeAll(async () => {
    if (reason !== undefined) return;
    store = await openStore(await newUri(), { artifactRoot: "mlflow-artifacts:/" });
    server = await TrackingServer.start({
      store,
      port: 0,
      artifacts: { destination: join(folder, "files") },
    });
    runId = (await store.createRun({ experimentId: "0", tags: { long: "a".repeat(8000) } })).info.runId;
    await store.createRegisteredModel({ name: "spam" });
  });
  afterAll(async () => {
    await server?.close();
    await store?.close();
  });

  test.skipIf(reason !== undefined)("refuses what it cannot keep or carry out", async () => {
    const answers: string[] = [];
    for (const [what, method, path, body] of refused(runId)) {
      const { status, text } = await send(server.url, method, path, body);
      const { error_code: code, message } = JSON.parse(text) as Record<string, unknown>;
      const isTold = status >= 400 && status < 500 && typeof code === "string" && typeof message === "string";
      if (!isTold || text.length > 10_000) answers.push(`${what}: ${status} ${text.slice(0, 200)}`);
    }
    expect(answers).toEqual([]);
  });

  test.skipIf(reason !== undefined)("takes odd words for what they are: data", async () => {
    const words = [
      "$gt",
      "a.b",
      "__proto__",
      "constructor",
      "toString",
      "$where",
      "' OR 1=1 --",
      "%",
      "\ud83d\ude00",
    ];
    for (const [index, word] of words.entries()) {
      const tags = [{ key: /^[\w.]+$/.test(word) ? word : `tag ${index}`, value: word }];
      expect(await post("runs/log-batch", { run_id: runId, tags })).toEqual({});
      expect(await post("registered-models/set-tag", { name: "spam", ...tags[0] })).toEqual({});
      const filter = `tags.\`${tags[0]!.key}\` = "${word}"`;
      const found = await post("runs/search", { experiment_ids: ["0"], filter });
      expect([word, (found["runs"] as unknown[]).length]).toEqual([word, 1]);
    }
    const { tags } = (await store.getRun(runId)).data;
    expect(Object.hasOwn(tags, "__proto__")).toBe(true);
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });

  test.skipIf(reason !== undefined)("lets no field through another's door", async () => {
    const forged =
      '{"name":"forged","__proto__":{"artifact_location":"/etc","tags":[{"key":"a","value":"b"}]}}';
    const { experiment_id: id } = await post("experiments/create", forged);
    const forgedExperiment = await store.getExperiment(id as string);
    expect(forgedExperiment.tags).toEqual({});
    expect(forgedExperiment.artifactLocation).not.toContain("etc");
    const { experiment_id: twice } = await post("experiments/create", '{"name":"one","name":"two"}');
    expect((await store.getExperiment(twice as string)).name).toBe("two");
    const deep = `{"name":"deep","unknown":${"[".repeat(100_000)}${"]".repeat(100_000)}}`;
    await post("experiments/create", deep);
    expect(await store.getExperimentByName("deep")).toBeDefined();
  });

  test.skipIf(reason !== undefined)("answers patterns and long searches at once", async () => {
    const filters = [
      ...["%a".repeat(2000), "%_".repeat(3000), "a%".repeat(2000), "%".repeat(10_000)].flatMap((pattern) => [
        `tags.long LIKE '${pattern}b'`,
        `tags.long ILIKE '${pattern}b'`,
      ]),
      Array.from({ length: 50 }, (_value, index) => `tags.t${index} != 'x'`).join(" AND "),
      `run_id IN (${Array.from({ length: 4000 }, () => "'a'").join()})`,
    ];
    for (const filter of filters) {
      const started = performance.now();
      expect(await post("runs/search", { experiment_ids: ["0"], filter })).toEqual({ runs: [] });
      expect(performance.now() - started).toBeLessThan(10_000);
    }
  });

  async function post(endpoint: string, body: unknown): Promise<Record<string, unknown>> {
    const { status, text } = await send(server.url, "POST", `${api}/${endpoint}`, body);
    expect([endpoint, status, status === 200 ? "" : text]).toEqual([endpoint, 200, ""]);
    return JSON.parse(text) as Record<string, unknown>;
  }
});

const api = "/api/2.0/mlflow";
type Request = [what: string, method: string, path: string, body?: unknown];

function refused(runId: string): Request[] {
  const post = (what: string, endpoint: string, body: unknown): Request => [
    what,
    "POST",
    `${api}/${endpoint}`,
    body,
  ];
  const search = (what: string, body: object) =>
    post(what, "runs/search", { experiment_ids: ["0"], ...body });
  const token = (text: string) => Buffer.from(text).toString("base64url");
  const nul = "a\0b";
  const operators = [{ $gt: "" }, { $where: "1" }, ["a"], 5, null, true];
  return [
    post("NUL as a name", "experiments/create", { name: nul }),
    post("NUL in a value", "runs/set-tag", { run_id: runId, key: "k", value: nul }),
    post("NUL in a param", "runs/log-parameter", { run_id: runId, key: "k", value: nul }),
    post("NUL as a run's name", "runs/update", { run_id: runId, run_name: nul }),
    post("NUL in a data set", "runs/log-inputs", {
      run_id: runId,
      datasets: [{ dataset: { name: nul, digest: "d" } }],
    }),
    post("NUL as a model", "registered-models/create", { name: nul }),
    post("NUL in a description", "registered-models/create", { name: "m", description: nul }),
    post("NUL in a filter", "runs/search", { experiment_ids: ["0"], filter: `tags.a = '${nul}'` }),
    ["NUL in an id", "GET", `${api}/runs/get?run_id=a%00b`],
    ["NUL in a path", "GET", `${api}/logged-models/m-%00`],
    ["NUL in a key", "GET", `${api}/metrics/get-history?run_id=${runId}&metric_key=a%00`],
    ...operators.flatMap((value) => [
      post(`${JSON.stringify(value)} as a name`, "experiments/create", { name: value }),
      post(`${JSON.stringify(value)} as a key`, "runs/set-tag", { run_id: runId, key: value, value: "x" }),
      post(`${JSON.stringify(value)} as a value`, "runs/set-tag", { run_id: runId, key: "k", value }),
      post(`${JSON.stringify(value)} as a run`, "runs/delete", { run_id: value }),
      post(`${JSON.stringify(value)} as a model`, "registered-models/rename", {
        name: "spam",
        new_name: value,
      }),
    ]),
    ["an operator in a query", "GET", `${api}/runs/get?run_id[$ne]=x`],
    ["two ids", "GET", `${api}/runs/get?run_id=a&run_id=b`],
    ["an id that climbs", "GET", `${api}/experiments/get?experiment_id=../..`],
    ["an id of 30 digits", "GET", `${api}/experiments/get?experiment_id=${"9".repeat(30)}`],
    ["an id of 7000 letters", "GET", `${api}/runs/get?run_id=${"a".repeat(7000)}`],
    ["a run that climbs", "GET", `${api}/runs/get?run_id=../../x`],
    ["a version of 20 digits", "GET", `${api}/model-versions/get?name=spam&version=${"9".repeat(20)}`],
    ["a version of 15 digits", "GET", `${api}/model-versions/get?name=spam&version=${"9".repeat(15)}`],
    ["a model that climbs", "POST", `${api}/registered-models/create`, { name: ".." }],
    search("a filter of 1 MB", { filter: `tags.a = '${"x".repeat(1_000_000)}'` }),
    search("70,000 clauses", { filter: Array.from({ length: 70_000 }, () => "tags.a = 'x'").join(" AND ") }),
    search("51 clauses", {
      filter: Array.from({ length: 51 }, (_, index) => `tags.a${index} = 'x'`).join(" AND "),
    }),
    search("51 orders", { order_by: Array.from({ length: 51 }, (_, index) => `tags.a${index}`) }),
    search("a page without end", { max_results: 1e9 }),
    search("a page below zero", { max_results: -1 }),
    ...[
      "x",
      "null",
      token('[-1,"a"]'),
      token('[9007199254740993,"x"]'),
      token("[".repeat(5000)),
      "A".repeat(99_999),
    ].flatMap((forged) => [
      search(`the token ${forged.slice(0, 20)}`, { page_token: forged }),
      post(`the token ${forged.slice(0, 20)} for models`, "registered-models/search", { page_token: forged }),
    ]),
    ...["1e400", 9e18, 1.5, "99999999999999999", "inf"].flatMap((value) => [
      post(`step ${value}`, "runs/log-metric", {
        run_id: runId,
        key: "m",
        value: 1,
        timestamp: 1,
        step: value,
      }),
      post(`time ${value}`, "runs/create", { experiment_id: "0", start_time: value }),
    ]),
    ["100,000 brackets", "POST", `${api}/experiments/create`, "[".repeat(100_000) + "]".repeat(100_000)],
    [
      "100,000 objects",
      "POST",
      `${api}/experiments/create`,
      '{"a":'.repeat(100_000) + "1" + "}".repeat(100_000),
    ],
    [
      "100,000 brackets of tags",
      "POST",
      `${api}/experiments/create`,
      `{"name":"d","tags":${"[".repeat(100_000)}${"]".repeat(100_000)}}`,
    ],
    [
      "NUL below 100,000 brackets",
      "POST",
      `${api}/experiments/create`,
      `{"name":"d","x":${"[".repeat(100_000)}"\\u0000"${"]".repeat(100_000)}}`,
    ],
    ...['{"toString":1}', `${"[".repeat(100_000)}${"]".repeat(100_000)}`].flatMap((value): Request[] => [
      [`${value.slice(0, 20)} as a run`, "POST", `${api}/runs/delete`, `{"run_id":${value}}`],
      [`${value.slice(0, 20)} in a list`, "POST", `${api}/runs/search`, `{"experiment_ids":[${value}]}`],
    ]),
    ["a prototype alone", "POST", `${api}/experiments/create`, '{"__proto__":{"name":"p"}}'],
    [
      "half a character",
      "POST",
      `${api}/experiments/create`,
      Buffer.from('{"name":"\xed\xa0\x80"}', "latin1"),
    ],
    ["3,500 parameters", "GET", `${api}/runs/get?${"a=1&".repeat(3500)}`],
  ];
}

/** Sends a request as it is; `fetch` would mend it. */
function send(
  url: string,
  method: string,
  path: string,
  body?: unknown,
): Promise<{ status: number; text: string }> {
  const { hostname, port } = new URL(url);
  const content =
    body === undefined || typeof body === "string" || Buffer.isBuffer(body) ? body : JSON.stringify(body);
  const headers = content === undefined ? {} : { "Content-Type": "application/json" };
  return new Promise((resolve, reject) => {
    const sent = request({ hostname, port, method, path, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.once("end", () =>
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }),
      );
    });
    sent.once("error", reject);
    sent.end(content);
  });
}
