// What a bucket may answer that it should not. A real server of S3's API is tried in tests/compat/tracking/s3.test.ts.
import { createServer } from "node:http";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { S3ArtifactRepository } from "./s3.ts";

let server: Server;
let answer: { status: number; body: string };
let urls: string[];

beforeEach(async () => {
  urls = [];
  server = createServer((request, response) => {
    urls.push(request.url ?? "");
    response.writeHead(answer.status, { "Content-Type": "application/xml" }).end(answer.body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  vi.stubEnv("MLFLOW_S3_ENDPOINT_URL", `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  vi.stubEnv("AWS_ACCESS_KEY_ID", "test");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "test");
});

afterEach(() => {
  vi.unstubAllEnvs();
  server.closeAllConnections();
  server.close();
});

function listing(keys: readonly string[], prefixes: readonly string[] = []): string {
  const contents = keys.map((key) => `<Contents><Key>${key}</Key><Size>1</Size></Contents>`);
  const common = prefixes.map((prefix) => `<CommonPrefixes><Prefix>${prefix}</Prefix></CommonPrefixes>`);
  return `<?xml version="1.0"?><ListBucketResult>${[...contents, ...common].join("")}</ListBucketResult>`;
}

test("keys that no repository would take, or of another place, are not listed", async () => {
  const keys = [
    "run/a",
    "run/../x",
    "run//x",
    "run/%2e%2e/x",
    "other/x",
    "run/",
    "runs",
    "run/./b",
    "run/c\\d",
  ];
  answer = { status: 200, body: listing(keys, ["run/deep/", "run/../", "other/", "run//"]) };
  expect(await new S3ArtifactRepository("s3://bucket/run").list()).toEqual([
    { path: "a", isDirectory: false, size: 1 },
    { path: "deep", isDirectory: true },
  ]);
  expect(urls).toEqual(["/bucket/?delimiter=%2F&list-type=2&prefix=run%2F"]);
});

test.each([
  [403, "AccessDenied", "PERMISSION_DENIED", /refuses .*AWS_ACCESS_KEY_ID/],
  [404, "NoSuchBucket", "RESOURCE_DOES_NOT_EXIST", /no bucket/],
  [400, "InvalidRequest", "INVALID_PARAMETER_VALUE", /cannot be reached/],
])("an answer of %d %s is the error %s", async (status, name, code, message) => {
  answer = { status, body: `<Error><Code>${name}</Code><Message>no</Message></Error>` };
  await expect(new S3ArtifactRepository("s3://bucket/run").list()).rejects.toMatchObject({
    code,
    message: expect.stringMatching(message),
  });
});

test("what every upload says besides must be a JSON object", async () => {
  answer = { status: 200, body: "" };
  async function* body() {
    yield Buffer.from("x");
  }
  const repository = new S3ArtifactRepository("s3://bucket/run");
  for (const text of ["[1]", "{", "1"]) {
    vi.stubEnv("MLFLOW_S3_UPLOAD_EXTRA_ARGS", text);
    await expect(repository.receive("a", body())).rejects.toThrow(
      /MLFLOW_S3_UPLOAD_EXTRA_ARGS: it must be a JSON object/,
    );
  }
  expect(urls).toEqual([]);
});
