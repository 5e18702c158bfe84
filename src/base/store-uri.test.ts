import { expect, test } from "vitest";
import { absoluteStoreUri, showStoreUri, storeKind } from "./store-uri.ts";

test.each([
  ["sqlite:///mlflow.db", "sqlite", "sqlite:////p/mlflow.db", "sqlite:///mlflow.db"],
  ["sqlite:////data/a%20b.db", "sqlite", "sqlite:////data/a b.db", "sqlite:////data/a b.db"],
  ["SQLite:///50%25.db", "sqlite", "sqlite:////p/50%25.db", "sqlite:///50%.db"],
  ["postgresql+psycopg2://me:s3@cret@db/x?password=y", "postgresql", undefined, "postgresql+psycopg2://db/x"],
  ["postgres://db", "postgresql", undefined, "postgres://db"],
  ["MongoDB+srv://me:secret@db.example.org/runs", "mongodb", undefined, "MongoDB+srv://db.example.org/runs"],
  ["https://me:secret@mlflow.example.org", "rest", undefined, "https://mlflow.example.org"],
  ["databricks", "databricks", undefined, "databricks"],
  ["databricks://PROFILE", "databricks", undefined, "databricks://PROFILE"],
  ["mlruns", "file", "file:///p/mlruns", "mlruns"],
  ["./my runs", "file", "file:///p/my%20runs", "my runs"],
  ["file:///data/mlruns", "file", "file:///data/mlruns", "/data/mlruns"],
])("%s is a store of kind %s", (uri, kind, absolute = uri, shown) => {
  expect(storeKind(uri)).toBe(kind);
  expect(absoluteStoreUri(uri, "/p")).toBe(absolute);
  expect(showStoreUri(absoluteStoreUri(uri, "/p"), "/p")).toBe(shown);
});

test.each([
  "redis://x",
  "sqlite://x.db",
  "sqlite:///:memory:",
  "mongo://db",
  "http://",
  "file://host/x",
  "word",
  "",
])("%j names no store", (uri) => expect(storeKind(uri)).toBeUndefined());
