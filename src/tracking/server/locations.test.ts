import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { TrackingError } from "../../base/index.ts";
import { localPath } from "../artifacts/uri.ts";
import type { TrackingStore } from "../store.ts";
import { checkArtifactLocation, decodeFully } from "./locations.ts";
import { checkVersionSource } from "./version-source.ts";

test.each([
  "http:///#/../../../etc/",
  "http://169.254.169.254/latest",
  "HTTPS://evil.example/x",
  "ftp://localhost/x",
  "mlflow-artifacts://evil.example/x",
  "s3://bucket/../../etc",
  "s3://bucket/%2e%2e/%2e%2e/etc",
  "s3://bucket/%252e%252e/etc",
  "s3://bucket/x?a=/../../etc",
  "s3://bucket/x;..",
  "s3://bucket/x#y",
  "/mlruns/..\\..\\etc",
  "/mlruns/\0/etc",
  "/mlruns/a\r\nb",
  "//proc/self/root",
  "file://localhost/etc",
  "file:////etc",
  "FILE://evil/etc",
  "file:///a%2fb",
  "file:///100%",
  "runs:/1234/model",
  "models:/m-1",
])("a client may not name %j as a place for artifacts", (location) => {
  expect(() => checkArtifactLocation(location)).toThrow(TrackingError);
});

test.each([
  "/srv/mlruns/1",
  "./mlruns",
  "file:///srv/mlruns",
  "s3://bucket/prefix/a b",
  "mlflow-artifacts:/1",
  "gs://b/p",
  "/a/100%",
])("a client may name %j", (location) => {
  expect(() => checkArtifactLocation(location)).not.toThrow();
});

test("percent escapes are decoded to the end, but not without end", () => {
  expect(decodeFully("%25252e%25252E")).toBe("..");
  expect(decodeFully("100%")).toBe("100%");
  let deep = "..";
  for (let count = 0; count < 12; count++) deep = encodeURIComponent(deep).replaceAll(".", "%2e");
  expect(() => decodeFully(deep)).toThrow(/percent-encoded more than 10 times/);
});

test("a URI without a path that others wrote into the store is told as what it is", () => {
  expect(() => localPath("file:///a%2Fb")).toThrow(
    /a file URI must be file:\/\/\/path without an encoded "\/" or NUL, got "file:\/\/\/a%2Fb"/,
  );
});

const runId = "0123456789abcdef0123456789abcdef";
const modelId = `m-${runId}`;

function storeWith(root: string): TrackingStore {
  const missing = (id: string) => new TrackingError(`${id} is missing`, { code: "RESOURCE_DOES_NOT_EXIST" });
  return {
    getRun: async (id: string) => {
      if (id !== runId) throw missing(id);
      return { info: { artifactUri: `${root}/run/artifacts` } };
    },
    getLoggedModel: async (id: string) => {
      if (id !== modelId) throw missing(id);
      return { artifactLocation: `${root}/model` };
    },
  } as unknown as TrackingStore;
}

const folder = mkdtempSync(join(tmpdir(), "sconce-"));
mkdirSync(join(folder, "run", "artifacts", "model"), { recursive: true });
mkdirSync(join(folder, "run", "artifacts-of-another"), { recursive: true });
mkdirSync(join(folder, "secret"));
writeFileSync(join(folder, "secret", "passwd"), "x");
symlinkSync(join(folder, "secret"), join(folder, "run", "artifacts", "link"));

test.each([
  [{ source: "/" }],
  [{ source: "/", runId }],
  [{ source: "/etc", runId }],
  [{ source: "file:///etc", runId }],
  [{ source: "FILE:/etc", runId }],
  [{ source: "//proc/self/root", runId }],
  [{ source: "file://localhost/etc", runId }],
  [{ source: "file:///proc/self/root/etc", runId }],
  [{ source: `${folder}/run/artifacts/../../secret`, runId }],
  [{ source: `${folder}/run/artifacts/%2e%2e/%2e%2e/secret`, runId }],
  [{ source: `${folder}/run/artifacts/link`, runId }],
  [{ source: `${folder}/run/artifacts-of-another`, runId }],
  [{ source: `${folder}/run/artifacts/model` }],
  [{ source: `${folder}/run/artifacts/model`, runId: "f".repeat(32) }],
  [{ source: "runs:/another/model", runId }],
  [{ source: `runs:/${runId}/model` }],
  [{ source: `runs://host/${runId}/model`, runId }],
  [{ source: `runs:/${runId}/../../etc`, runId }],
  [{ source: `models:/${modelId}` }],
  [{ source: `models:/${modelId}`, modelId: `m-${"f".repeat(32)}` }],
  [{ source: `models://host/${modelId}`, modelId }],
  [{ source: "http://169.254.169.254/x", runId }],
  [{ source: "https://host/api/2.0/mlflow-artifacts/artifacts/x", runId }],
  [{ source: "mlflow-artifacts:/other/run", runId }],
  [{ source: "mlflow-artifacts://host/x", runId }],
  [{ source: "s3://bucket/a/../b", runId }],
])("a version may not come from %j", async (source) => {
  await expect(checkVersionSource(storeWith(folder), source)).rejects.toThrow(TrackingError);
});

test.each([
  [{ source: `${folder}/run/artifacts/model`, runId }],
  [{ source: `file://${folder}/run/artifacts/model`, runId }],
  [{ source: `${folder}/run/artifacts/not-yet-there`, runId }],
  [{ source: `${folder}/model`, modelId }],
  [{ source: `runs:/${runId}/model`, runId }],
  [{ source: `models:/${modelId}`, modelId }],
  [{ source: "models:/spam/3" }],
  [{ source: "models:/spam@champion" }],
  [{ source: "s3://bucket/prefix/model", runId }],
])("a version may come from %j", async (source) => {
  await expect(checkVersionSource(storeWith(folder), source)).resolves.toBeUndefined();
});

test("an artifact of the server's own storage counts by its path", async () => {
  const store = storeWith("mlflow-artifacts:/1");
  const within = { source: "mlflow-artifacts:/1/run/artifacts/model", runId };
  await expect(checkVersionSource(store, within)).resolves.toBeUndefined();
  const beside = { source: "mlflow-artifacts:/1/run/artifacts2/model", runId };
  await expect(checkVersionSource(store, beside)).rejects.toThrow(/must lie in the artifacts/);
});
