import { expect, test } from "vitest";
import { parseFilter, runSchema } from "../../search/index.ts";
import { databaseOf, withoutCredentials } from "./mongo-uri.ts";
import { toQuery } from "./query.ts";

test("the database stands in the path, and nothing of a password in the name of a store", () => {
  expect(databaseOf("mongodb://ann:pa%2Fss@db:27017/runs?retryWrites=true")).toBe("runs");
  expect(databaseOf("mongodb+srv://db.example.org")).toBe("sconce");
  expect(() => databaseOf("mongodb://ann:secret@db/a$b")).toThrow(/^MongoDB URI: .*"a\$b"\.$/);
  expect(withoutCredentials("mongodb://ann:se/cr@et@db:1,db:2/runs?password=x")).toBe(
    "mongodb://db:1,db:2/runs",
  );
});

test("keys and values of a filter are values of the query, never operators, paths or patterns", () => {
  const attributes = { run_name: "runName" };
  const query = (filter: string) =>
    toQuery(parseFilter(filter, runSchema), { attributes, schema: runSchema });
  expect(query("params.`a.$where` = '$ne'")).toEqual({
    $and: [{ params: { $elemMatch: { k: { $eq: "a.$where" }, v: { $eq: "$ne" } } } }],
  });
  expect(query("attributes.run_name LIKE 'a.*(%_'")).toEqual({
    $and: [{ runName: { $regex: "^a\\.\\*\\(.*.$", $options: "s" } }],
  });
  expect(query("metrics.loss != 1")).toEqual({}); // what lacks the key is for `matches` to say
});
