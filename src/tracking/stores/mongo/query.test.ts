import { expect, test } from "vitest";
import { parseFilter, parseOrderBy, runSchema } from "../../search/index.ts";
import { likeOperand } from "./like.ts";
import { toSort, valueInList } from "./order.ts";
import { toClause } from "./query.ts";

const attributes = { run_name: "runName", start_time: "startTime", end_time: "endTime", run_id: "_id" };
const clauses = (filter: string) =>
  parseFilter(filter, runSchema).map((comparison) => toClause(comparison, { attributes }));
const sort = (...orderBy: string[]) =>
  toSort(parseOrderBy(orderBy, runSchema), {
    attributes,
    optional: ["end_time"],
    metric: ({ key }) => valueInList("metrics", { key }, "value"),
  });

test("keys and values of a filter are values of the query, never operators, paths or patterns", () => {
  expect(clauses("params.`a.$where` = '$ne'")).toEqual([
    { params: { $elemMatch: { k: { $eq: "a.$where" }, v: { $eq: "$ne" } } } },
  ]);
  expect(clauses("attributes.run_name LIKE 'a.*(%_'")).toEqual([
    { runName: { $regex: "^a\\.\\*\\(.*.\\z", $options: "s" } },
  ]);
  expect(clauses("metrics.loss != 1 AND tags.a IS NULL")).toEqual([
    { metrics: { $elemMatch: { key: { $eq: "loss" }, value: { $ne: 1, $exists: true } } } },
    { tags: { $not: { $elemMatch: { k: { $eq: "a" } } } } },
  ]);
});

test("keys of an order are literals", () => {
  const { values, keys } = sort("params.`$$ROOT` DESC");
  const fits = { $and: [{ $eq: ["$$each.k", { $literal: "$$ROOT" }] }] };
  const found = { $filter: { input: "$params", as: "each", cond: fits } };
  const value = { $arrayElemAt: [{ $map: { input: found, as: "each", in: "$$each.v" } }, 0] };
  expect(values).toEqual({ v0: value });
  expect(keys).toEqual({ "sortKeys.k0": -1, startTime: -1, _id: 1 });
});

test("an order by what all documents have is one that an index may have", () => {
  expect(sort()).toEqual({ keys: { startTime: -1, _id: 1 }, values: {}, ranks: {} });
  expect(sort("end_time DESC").keys).toEqual({ endTime: -1, startTime: -1, _id: 1 });
  expect(sort("start_time ASC", "start_time DESC").keys).toEqual({ startTime: 1, _id: 1 });
});

test("more terms than MongoDB sorts by are refused", () => {
  const terms = Array.from({ length: 31 }, (_, i) => `metrics.m${i}`);
  expect(() => sort(...terms)).toThrowErrorMatchingInlineSnapshot(
    `[TrackingError: order: MongoDB sorts by up to 32 terms, got 33. Leave out the last ones.]`,
  );
  expect(Object.keys(sort(...terms.slice(1)).keys)).toHaveLength(32);
});

test("a pattern keeps no place to come back to but its last, and one that is too long is refused", () => {
  const regex = (pattern: string, ignoreCase = false) => likeOperand(pattern, { ignoreCase });
  expect(regex("%a%%b_%c")).toEqual({ $regex: "^(?>.*?a)(?>.*?b.).*c\\z", $options: "s" });
  expect(regex("run %")).toEqual({ $regex: "^run ", $options: "s" });
  expect(regex("")).toEqual({ $regex: "^\\z", $options: "s" });
  expect(regex("1Äß", true)).toEqual({ $regex: "^1(?:Ä|ä)ß\\z", $options: "s" });
  expect(() => regex("a".repeat(10_000), true)).toThrow(/a pattern may have 30000 bytes .*, got 70003 for/);
});
