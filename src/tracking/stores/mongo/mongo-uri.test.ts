import { expect, test } from "vitest";
import { databaseOf, withoutCredentials } from "./mongo-uri.ts";

test("the database stands in the path, and nothing of a password in the name of a store", () => {
  expect(databaseOf("mongodb://ann:pa%2Fss@db:27017/runs?retryWrites=true")).toBe("runs");
  expect(databaseOf("mongodb+srv://db.example.org")).toBe("sconce");
  expect(() => databaseOf("mongodb://ann:secret@db/a$b")).toThrow(/^MongoDB URI: .*"a\$b"\.$/);
  expect(withoutCredentials("mongodb://ann:se/cr@et@db:1,db:2/runs?password=x")).toBe(
    "mongodb://db:1,db:2/runs",
  );
});
