import { expect, test } from "vitest";
import { TrackingError } from "../../base/index.ts";
import {
  compareBy,
  experimentSchema,
  like,
  loggedModelSchema,
  matches,
  modelVersionSchema,
  parseFilter,
  parseOrderBy,
  readModelOrders,
  readPage,
  registeredModelSchema,
  runSchema,
  toPagedList,
} from "./index.ts";

test.each([
  ["metrics.loss < 0.5", { kind: "metric", key: "loss", comparator: "<", value: 0.5 }],
  ["metric.loss>=.9", { kind: "metric", key: "loss", comparator: ">=", value: 0.9 }],
  ["metrics.loss != -1e-3", { kind: "metric", key: "loss", comparator: "!=", value: -1e-3 }],
  ['metrics."val/f1 score" = 1', { kind: "metric", key: "val/f1 score", comparator: "=", value: 1 }],
  ["metrics.`a.b` = 1", { kind: "metric", key: "a.b", comparator: "=", value: 1 }],
  ["params.model.lr = '0.1'", { kind: "param", key: "model.lr", comparator: "=", value: "0.1" }],
  ['parameters.x = "it\'s"', { kind: "param", key: "x", comparator: "=", value: "it's" }],
  ["tags.x like '%a_'", { kind: "tag", key: "x", comparator: "LIKE", value: "%a_" }],
  ["tag.`mlflow.user` iLike 'A'", { kind: "tag", key: "mlflow.user", comparator: "ILIKE", value: "A" }],
  ["tags.x IS NOT NULL", { kind: "tag", key: "x", comparator: "IS NOT NULL", value: null }],
  ["params.x is null", { kind: "param", key: "x", comparator: "IS NULL", value: null }],
  ["status = 'RUNNING'", { kind: "attribute", key: "status", comparator: "=", value: "RUNNING" }],
  ["attributes.created > 5", { kind: "attribute", key: "start_time", comparator: ">", value: 5 }],
  ["`Run name` = 'a'", { kind: "attribute", key: "run_name", comparator: "=", value: "a" }],
  ["run_id IN ('a', \"b\",)", { kind: "attribute", key: "run_id", comparator: "IN", value: ["a", "b"] }],
  ["run_id not  in ('a')", { kind: "attribute", key: "run_id", comparator: "NOT IN", value: ["a"] }],
  ["datasets.name = 'd'", { kind: "dataset", key: "name", comparator: "=", value: "d" }],
  ["dataset.digest IN ('1')", { kind: "dataset", key: "digest", comparator: "IN", value: ["1"] }],
])("%s", (filter, comparison) => {
  expect(parseFilter(filter, runSchema)).toEqual([comparison]);
});

test("clauses are joined by AND in any case; none is no filter", () => {
  expect(parseFilter("tags.a = '1' and tags.b = '2' AND metrics.c > 3", runSchema)).toHaveLength(3);
  expect(parseFilter("  ", runSchema)).toEqual([]);
  expect(parseFilter(undefined, runSchema)).toEqual([]);
});

test.each([
  ["metrics.loss < 'a'", /expected a number for "loss", got "a" at character 16/],
  ["params.lr = 0.1", /expected a text in quotes for "lr", got "0.1"/],
  ["params.lr > '0.1'", /param "lr" can be compared by =, !=, LIKE, ILIKE, IS NULL, IS NOT NULL, got >/],
  ["metrics.a LIKE 'x'", /can be compared by =, !=, </],
  ["metrics.a = 1 OR metrics.b = 2", /expected AND or the end \(OR .*got "OR" at character 15/],
  ["metrics.a == 1", /got "==" at character 11/],
  ["statu = 'RUNNING'", /no attribute "statu"\. Did you mean "status"\?/],
  ["metrix.a = 1", /"metrix\." is no kind of value\. Did you mean "metri/],
  ["status IN ('RUNNING')", /can be compared by =, !=, LIKE, ILIKE, got IN/],
  ["run_id IN ()", /expected a text in quotes/],
  ["run_id IN ('a' 'b')", /expected a comma or a closing bracket/],
  ["tags.a = 'x", /the quote ' at character 10 is never closed/],
  ["tags.a = 'x'; DROP TABLE runs", /got ";" at character 13/],
  ["tags.a", /got the end/],
  ["= 'a'", /expected a name/],
  ["datasets.size = '1'", /a dataset has no field "size"/],
  ["start_time IS NULL", /can be compared by/],
  ["{$where: 1}", /"\{" at character 1 is no part of a filter/],
  [`tags.a = '${"x".repeat(20_000)}'`, /at most 20000 characters/],
  [Array.from({ length: 51 }, () => "tags.a = ''").join(" AND "), /at most 50 clauses/],
])("%s is refused", (filter, message) => {
  expect(() => parseFilter(filter, runSchema)).toThrow(message);
  expect(() => parseFilter(filter, runSchema)).toThrow(TrackingError);
});

test("each kind of entity has names of its own", () => {
  expect(parseFilter("name ILIKE 'a%' AND tags.k IS NULL", experimentSchema)).toHaveLength(2);
  expect(parseFilter("version_number > 3", modelVersionSchema)[0]?.value).toBe(3);
  expect(parseFilter("source_path = 'x'", modelVersionSchema)[0]?.key).toBe("source_path");
  expect(parseFilter("creation_time > 3 AND metrics.f1 > 0.5", loggedModelSchema)[0]?.key).toBe(
    "creation_timestamp",
  );
  expect(() => parseFilter("metrics.a > 1", experimentSchema)).toThrow(/no kind of value/);
  expect(() => parseFilter("tags.a IS NULL", registeredModelSchema)).toThrow(/can be compared by/);
});

test("orders end with what makes them stable", () => {
  expect(parseOrderBy(["metrics.loss desc", "params.lr", "created ASC"], runSchema)).toEqual([
    { kind: "metric", key: "loss", ascending: false },
    { kind: "param", key: "lr", ascending: true },
    { kind: "attribute", key: "start_time", ascending: true },
    { kind: "attribute", key: "run_id", ascending: true },
  ]);
  expect(parseOrderBy(["timestamp DESC"], registeredModelSchema)[0]?.key).toBe("last_updated_timestamp");
  expect(() => parseOrderBy(["metrics.a UP"], runSchema)).toThrow(/expected ASC or DESC/);
  expect(() => parseOrderBy(["tags.a"], experimentSchema)).toThrow(/cannot be ordered by tag/);
  expect(() => parseOrderBy(["datasets.name"], runSchema)).toThrow(/cannot be ordered by dataset/);
  expect(
    readModelOrders([{ fieldName: "metrics.f1", ascending: false, datasetName: "d" }], loggedModelSchema)[0],
  ).toEqual({ kind: "metric", key: "f1", ascending: false, datasetName: "d" });
  expect(() => readModelOrders([{ fieldName: "metrics.f1", datasetDigest: "1" }], loggedModelSchema)).toThrow(
    /must name the dataset/,
  );
});

const run = {
  attributes: { run_id: "r1", status: "RUNNING", start_time: 5, end_time: undefined },
  tags: { a: "Hello World", "mlflow.user": "ada" },
  params: { lr: "0.1" },
  metric: (key: string) => ({ loss: 0.5, nan: NaN })[key],
  datasets: [
    { name: "train", digest: "1" },
    { name: "test", digest: "2", context: "testing" },
  ],
};

test.each([
  ["tags.a LIKE 'Hello%'", true],
  ["tags.a LIKE 'hello%'", false],
  ["tags.a ILIKE '%WORLD'", true],
  ["tags.a LIKE 'Hello_World'", true],
  ["tags.a != 'x'", true],
  ["tags.missing != 'x'", false],
  ["tags.missing IS NULL", true],
  ["tags.constructor IS NULL", true],
  ["params.lr = '0.1' AND metrics.loss <= 0.5", true],
  ["metrics.nan > 0", false],
  ["metrics.nan != 0", true],
  ["end_time > 0", false],
  ["run_id IN ('r1', 'r2')", true],
  ["run_id NOT IN ('r1')", false],
  ["datasets.name = 'test'", true],
  ["datasets.context = 'testing' AND datasets.name = 'train'", true],
  ["datasets.context = 'training'", false],
])("%s holds: %s", (filter, holds) => {
  expect(matches(run, parseFilter(filter, runSchema), runSchema)).toBe(holds);
});

test("a model without MLflow's mark of prompts is no prompt", () => {
  const filter = parseFilter("tags.`mlflow.prompt.is_prompt` != 'true'", registeredModelSchema);
  const model = { attributes: { name: "a" }, tags: {} };
  expect(matches(model, filter, registeredModelSchema)).toBe(true);
  const prompt = { attributes: { name: "a" }, tags: { "mlflow.prompt.is_prompt": "true" } };
  expect(matches(prompt, filter, registeredModelSchema)).toBe(false);
});

test("what is missing comes last and NaN before it, in both directions", () => {
  const values = [3, undefined, NaN, -Infinity, 1, Infinity];
  const entities = values.map((value, index) => ({
    attributes: { run_id: String(index), start_time: 0 },
    metric: () => value,
  }));
  const sorted = (term: string) =>
    [...entities].sort(compareBy(parseOrderBy([term], runSchema))).map(({ metric }) => metric());
  expect(sorted("metrics.a ASC")).toEqual([-Infinity, 1, 3, Infinity, NaN, undefined]);
  expect(sorted("metrics.a DESC")).toEqual([Infinity, 3, 1, -Infinity, NaN, undefined]);
});

test.each([
  ["", "", true],
  ["", "%", true],
  ["abc", "a%c", true],
  ["abc", "a%b", false],
  ["abc", "___", true],
  ["abc", "__", false],
  ["a\nb", "a%b", true],
  ["a.c", "a.c", true],
  ["abc", "a.c", false],
  ["😀b", "_b", true],
  ["aab", "%ab", true],
  ["mississippi", "m%iss%ip%i", true],
])("%j LIKE %j: %s", (text, pattern, fits) => {
  expect(like(text, pattern)).toBe(fits);
});

test("a pattern of many % is no trap", () => {
  expect(like("a".repeat(10_000), `${"%a".repeat(500)}b`)).toBe(false);
});

test("pages are continued by a token that fits the search", () => {
  const search = { filter: "tags.a = '1'", maxResults: 2 };
  const first = readPage(search, runSchema, ["1"]);
  expect(first).toMatchObject({ offset: 0, size: 2 });
  const page = toPagedList([1, 2, 3], first);
  expect([...page]).toEqual([1, 2]);
  const token = page.token as string;
  expect(readPage({ ...search, pageToken: token }, runSchema, ["1"]).offset).toBe(2);
  expect(toPagedList([1, 2], first).token).toBeUndefined();
  expect(() => readPage({ ...search, pageToken: token }, runSchema, ["2"])).toThrow(/another search/);
  expect(() => readPage({ ...search, filter: "", pageToken: token }, runSchema, ["1"])).toThrow(
    /another search/,
  );
  for (const pageToken of ["x", "", "W10", Buffer.from("[-1,1]").toString("base64url")]) {
    expect(() => readPage({ ...search, pageToken }, runSchema, ["1"])).toThrow(
      /must be one that a search gave/,
    );
  }
  for (const maxResults of [0, -1, 1.5, 50_001]) {
    expect(() => readPage({ maxResults }, runSchema)).toThrow(/whole number from 1 to 50000/);
  }
});

test("random text is read or refused, never anything else", () => {
  const pieces = [
    "metrics",
    ".",
    "a",
    "'",
    '"',
    "`",
    "(",
    ")",
    ",",
    "=",
    "<",
    "LIKE",
    "IN",
    " ",
    "1e9",
    "-",
    "AND",
    "\\",
    "😀",
    "\0",
  ];
  let seed = 1;
  const random = () => (seed = (seed * 48271) % 0x7fffffff) / 0x7fffffff;
  for (let round = 0; round < 20_000; round++) {
    const text = Array.from(
      { length: 1 + random() * 12 },
      () => pieces[Math.floor(random() * pieces.length)],
    ).join("");
    for (const read of [() => parseFilter(text, runSchema), () => parseOrderBy([text], runSchema)]) {
      try {
        read();
      } catch (error) {
        if (!(error instanceof TrackingError)) throw error;
      }
    }
  }
});
