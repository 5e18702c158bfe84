// Buckets: a server that speaks S3's API (moto), our repository, our server in front of it, and MLflow's client.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { loadModel, logModel } from "sconce/tasks";
import { nn, randn } from "sconce/torch";
import {
  ActiveRun,
  RestStore,
  S3ArtifactRepository,
  SqliteStore,
  TrackingServer,
  artifactRepository,
  downloadArtifacts,
} from "sconce/tracking";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import "../../matchers.ts";
import { compatPython, compatSkipReason, runPythonBeside } from "../python.ts";

const settings = {
  AWS_ACCESS_KEY_ID: "test",
  AWS_SECRET_ACCESS_KEY: "test",
  AWS_DEFAULT_REGION: "us-east-1",
  MLFLOW_S3_ENDPOINT_URL: "",
};

describe.skipIf(compatSkipReason !== undefined)(`buckets (${compatSkipReason ?? "on"})`, () => {
  const old = { ...process.env };
  let moto: ChildProcess;
  let folder: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "sconce-"));
    const program =
      "from moto.server import ThreadedMotoServer; import boto3, sys\n" +
      "server = ThreadedMotoServer(ip_address='127.0.0.1', port=0, verbose=False); server.start()\n" +
      "url = 'http://%s:%d' % server.get_host_and_port()\n" +
      "boto3.client('s3', endpoint_url=url).create_bucket(Bucket='artifacts')\n" +
      "print(url, flush=True); sys.stdin.read()";
    Object.assign(process.env, settings);
    moto = spawn(compatPython(), ["-c", program], { stdio: ["pipe", "pipe", "ignore"] });
    const url = await new Promise<string>((resolve, reject) => {
      moto.stdout!.once("data", (line) => resolve(String(line).trim()));
      moto.once("exit", () => reject(new Error("moto does not start")));
    });
    process.env["MLFLOW_S3_ENDPOINT_URL"] = url;
  }, 150_000);

  afterAll(() => {
    for (const name of Object.keys(settings)) delete process.env[name];
    Object.assign(process.env, old);
    moto.stdin!.end();
  });

  function fileOf(content: string | Uint8Array): string {
    const file = join(mkdtempSync(join(folder, "f-")), "file");
    writeFileSync(file, content);
    return file;
  }

  test("files are stored, listed, read in parts, downloaded and deleted", async () => {
    const repository = new S3ArtifactRepository("s3://artifacts/some run/1");
    await repository.logFile(fileOf("0123456789"), "model/ü 50%.txt");
    await repository.logFile(fileOf(""), "model/deep/empty");
    await repository.logFile(fileOf("x"), "model-2/x");
    await repository.logFile(fileOf("x"), "top");
    expect(await repository.list()).toEqual([
      { path: "model", isDirectory: true },
      { path: "model-2", isDirectory: true },
      { path: "top", isDirectory: false, size: 1 },
    ]);
    expect(await repository.list("model/")).toEqual([
      { path: "model/deep", isDirectory: true },
      { path: "model/ü 50%.txt", isDirectory: false, size: 10 },
    ]);
    expect(await repository.list("top")).toEqual([]);
    expect(await repository.list("missing")).toEqual([]);
    expect(await text(await repository.open("model/ü 50%.txt", { start: 2, end: 4 }))).toBe("234");
    expect(await repository.stat("top")).toEqual({ size: 1, tag: "9dd4e461268c8034f5c8564e155c67a6" }); // MD5 of "x"
    expect(await repository.stat("model")).toBeUndefined();
    await expect(repository.open("missing")).rejects.toMatchObject({ code: "RESOURCE_DOES_NOT_EXIST" });

    const target = join(folder, "downloaded");
    await downloadArtifacts({ artifactUri: repository.uri, artifactPath: "model", dstPath: target });
    expect(readFileSync(join(target, "model/ü 50%.txt"), "utf8")).toBe("0123456789");
    expect(readFileSync(join(target, "model/deep/empty"), "utf8")).toBe("");

    await repository.delete("model");
    expect((await repository.list()).map(({ path }) => path)).toEqual(["model-2", "top"]);
    await repository.delete("missing");
    await repository.delete();
    expect(await repository.list()).toEqual([]);
    await expect(new S3ArtifactRepository("s3://artifacts").delete()).rejects.toThrow(/a whole bucket/);
  });

  test("a large file goes in parts, and what is cut off or too long is not stored", async () => {
    const repository = new S3ArtifactRepository("s3://artifacts/large");
    const content = Buffer.alloc(12 << 20, "0123456789");
    await repository.logFile(fileOf(content), "large.bin");
    const status = await repository.stat("large.bin");
    expect(status?.size).toBe(content.length);
    expect(status?.tag).toMatch(/-3$/); // three parts
    async function* half() {
      yield content;
    }
    await expect(repository.receive("cut", half(), { size: content.length + 1 })).rejects.toThrow(
      /12582913 bytes were announced and 12582912 came/,
    );
    await expect(repository.receive("long", half(), { maxBytes: 100 })).rejects.toMatchObject({
      code: "REQUEST_LIMIT_EXCEEDED",
    });
    expect((await repository.list()).map(({ path }) => path)).toEqual(["large.bin"]);
  }, 60_000);

  test("a folder with more files than a page holds is listed and deleted whole", async () => {
    const repository = new S3ArtifactRepository("s3://artifacts/many");
    const file = fileOf("x");
    const names = Array.from({ length: 1100 }, (_, index) => `f${String(index).padStart(4, "0")}`);
    for (let i = 0; i < names.length; i += 50) {
      await Promise.all(names.slice(i, i + 50).map((name) => repository.logFile(file, name)));
    }
    expect((await repository.list()).map(({ path }) => path)).toEqual(names);
    await repository.delete();
    expect(await repository.list()).toEqual([]);
  }, 120_000);

  test("errors say which bucket, and what to do", async () => {
    await expect(new S3ArtifactRepository("s3://nowhere/x").list()).rejects.toMatchObject({
      code: "RESOURCE_DOES_NOT_EXIST",
      message: "artifacts: there is no bucket for s3://nowhere/x. Create it, or name another.",
    });
    for (const uri of ["s3://", "s3:///x", "s3://b/../c", "s3://b/x?y"]) {
      expect(() => new S3ArtifactRepository(uri), uri).toThrow(/a bucket is named by s3:/);
    }
    const repository = artifactRepository("s3://artifacts/x");
    await expect(repository.stat("../x")).rejects.toThrow(/artifact path "..\/x"/);
    const url = process.env["MLFLOW_S3_ENDPOINT_URL"];
    process.env["MLFLOW_S3_ENDPOINT_URL"] = "http://127.0.0.1:9";
    await expect(repository.list()).rejects.toMatchObject({
      code: "TEMPORARILY_UNAVAILABLE",
      message: expect.stringContaining("s3://artifacts/x cannot be reached"),
    });
    process.env["MLFLOW_S3_ENDPOINT_URL"] = url;
  });

  test("a signed address reads or writes one file without credentials", async () => {
    const repository = new S3ArtifactRepository("s3://artifacts/signed");
    const upload = await repository.presignUpload("page.html", 60);
    expect((await fetch(upload.url, { method: "PUT", body: "<b>hi</b>" })).status).toBe(200);
    const { url, size } = await repository.presignDownload("page.html", 60);
    const answer = await fetch(url);
    expect([size, await answer.text()]).toEqual([9, "<b>hi</b>"]);
    expect(answer.headers.get("content-disposition")).toMatch(/^attachment/);
    await expect(repository.presignDownload("missing", 60)).rejects.toThrow(/does not hold it/);
    for (const seconds of [0, 604_801, NaN]) {
      await expect(repository.presignUpload("x", seconds)).rejects.toThrow(/between 1 and 604800/);
    }
  });

  test("a run sends its artifacts to a bucket in the background, with the rest of its journal", async () => {
    const store = await SqliteStore.open({ path: join(folder, "direct.db") });
    const run = await ActiveRun.start({
      store,
      experimentName: "bucket",
      artifactLocation: "s3://artifacts/direct",
      journalFolder: join(folder, "journal"),
    });
    run.logText("hello", "notes/a.txt");
    expect(await run.end()).toEqual({ unwritten: 0 });
    await store.close();
    expect(run.info.artifactUri).toBe(`s3://artifacts/direct/${run.runId}/artifacts`);
    expect(await text(await artifactRepository(run.info.artifactUri).open("notes/a.txt"))).toBe("hello");
  });

  test("MLflow's client works through our server, whose artifacts are in a bucket", async () => {
    const store = await SqliteStore.open({
      path: join(folder, "server.db"),
      artifactRoot: "mlflow-artifacts:/",
    });
    const server = await TrackingServer.start({
      store,
      port: 0,
      artifacts: { destination: "s3://artifacts/proxied", roots: ["s3://artifacts/shown"] },
    });
    try {
      const answer = await runPythonBeside(clientScript, server.url, folder);
      expect(answer).toEqual({
        listed: ["big.bin", "notes"],
        text: "hello",
        sameBytes: true,
        parts: 2,
        afterDelete: ["big.bin"],
        uploaded: "by address",
        downloaded: "by address",
        refused: "403 PERMISSION_DENIED",
      });
      const ranged = await fetch(`${server.url}/api/2.0/mlflow-artifacts/artifacts/${await firstBig()}`, {
        headers: { Range: "bytes=3-5" },
      });
      expect([ranged.status, await ranged.text()]).toEqual([206, "345"]);
    } finally {
      await server.close();
      await store.close();
    }
  }, 120_000);

  test("a torch model is logged to a bucket, and to a server whose artifacts are in one, and loads from both", async () => {
    const layer = new nn.TransformerEncoderLayer(8, 2, { dimFeedforward: 16, batchFirst: true });
    const net = new nn.Sequential(
      new nn.Linear(4, 8),
      new nn.TransformerEncoder(layer, 2),
      new nn.Linear(8, 3),
    );
    const x = randn([2, 5, 4]);
    const expected = net.eval().forward(x);
    const store = await SqliteStore.open({
      path: join(folder, "models.db"),
      artifactRoot: "mlflow-artifacts:/",
    });
    const server = await TrackingServer.start({
      store,
      port: 0,
      artifacts: { destination: "s3://artifacts/models" },
    });
    const client = RestStore.open(server.url);
    for (const [experimentName, own, place] of [
      ["to the bucket", store, { artifactLocation: "s3://artifacts/nets" }],
      ["to the server", client, {}],
    ] as const) {
      const journalFolder = join(folder, experimentName);
      const run = await ActiveRun.start({ store: own, experimentName, journalFolder, ...place });
      const model = await logModel(run, net, { inputExample: x });
      expect(await run.end()).toEqual({ unwritten: 0 });
      for (const uri of [`runs:/${run.runId}/model`, `models:/${model.modelId}`]) {
        const loaded = await loadModel(uri, { store: own });
        expect(loaded.forward(x), uri).toBeAllclose(expected, { atol: 0, rtol: 0 });
      }
      const answer = await runPythonBeside(predict, server.url, run.runId, JSON.stringify(x.tolist()));
      expect(expected).toBeAllclose(answer as number[][], { atol: 1e-5 });
    }
    await client.close();
    await server.close();
    await store.close();
  }, 200_000);

  async function firstBig(): Promise<string> {
    const found = await new S3ArtifactRepository("s3://artifacts/proxied").list("0");
    return `${found[0]!.path}/artifacts/big.bin`;
  }
});

const predict = `
import json, sys, mlflow, numpy
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model(f"runs:/{sys.argv[2]}/model")
print(json.dumps(model.predict(numpy.array(json.loads(sys.argv[3]), dtype="float32")).tolist()))
`;

const clientScript = `
import json, os, sys, requests
os.environ["MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD"] = "true"
os.environ["MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE"] = str(6 << 20)
os.environ["MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE"] = str(5 << 20)
import boto3, mlflow
from mlflow import MlflowClient
url, folder = sys.argv[1:3]
mlflow.set_tracking_uri(url)
client = MlflowClient()
run = client.create_run("0")
run_id = run.info.run_id
client.log_text(run_id, "hello", "notes/a.txt")
big = os.path.join(folder, "big.bin")
with open(big, "wb") as f:
    f.write(b"0123456789" * ((8 << 20) // 10))
client.log_artifact(run_id, big)
listed = [f.path for f in client.list_artifacts(run_id)]
local = mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path="big.bin")
s3 = boto3.client("s3", endpoint_url=os.environ["MLFLOW_S3_ENDPOINT_URL"])
key = "proxied/" + run.info.artifact_uri.split(":/", 1)[1].lstrip("/") + "/big.bin"
etag = s3.head_object(Bucket="artifacts", Key=key)["ETag"].strip('"')
text = client.download_artifacts(run_id, "notes/a.txt")
text = open(text).read()
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
get_artifact_repository(run.info.artifact_uri).delete_artifacts("notes")
after = [f.path for f in client.list_artifacts(run_id)]

shown = client.create_run(client.create_experiment("shown", artifact_location="s3://artifacts/shown")).info.run_id
post = lambda action, **body: requests.post(url + "/api/2.0/mlflow/artifacts/" + action, json=body)
signed = post("presigned-upload-url", run_id=shown, path="x.txt").json()
requests.put(signed["presigned_url"], data=b"by address", headers=signed.get("headers", {})).raise_for_status()
uploaded = requests.get(url + "/get-artifact", params={"run_id": shown, "path": "x.txt"}).text
signed = post("presigned-download-url", run_id=shown, path="x.txt").json()
downloaded = requests.get(signed["presigned_url"]).text
hidden = client.create_run(client.create_experiment("hidden", artifact_location="s3://artifacts/other")).info.run_id
refused = post("presigned-upload-url", run_id=hidden, path="x.txt")
print(json.dumps(dict(
    listed=listed, text=text, sameBytes=open(local, "rb").read() == open(big, "rb").read(),
    parts=int(etag.split("-")[1]), afterDelete=after, uploaded=uploaded, downloaded=downloaded,
    refused="%d %s" % (refused.status_code, refused.json()["error_code"]),
)))
`;
