// MLflow's client sends a large file in parts to our server, whose artifacts are in a folder; MLflow's own server cannot.
import { mkdtempSync, readFileSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SqliteStore, TrackingServer, UserStore } from "sconce/tracking";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type MlflowServer, startMlflowServer } from "../mlflow-server.ts";
import { compatSkipReason, runPythonBeside } from "../python.ts";

const admin = { username: "root", password: "the password of root" };

describe.skipIf(compatSkipReason !== undefined)(`uploads in parts (${compatSkipReason ?? "on"})`, () => {
  const folder = mkdtempSync(join(tmpdir(), "sconce-"));
  let theirs: MlflowServer;
  let store: SqliteStore;
  let users: UserStore;

  beforeAll(async () => {
    theirs = await startMlflowServer(folder);
    store = await SqliteStore.open({ path: join(folder, "ours.db"), artifactRoot: "mlflow-artifacts:/" });
    users = await UserStore.open(join(folder, "users.db"));
    await users.create({ ...admin, isAdmin: true });
  }, 150_000);

  afterAll(async () => {
    await theirs.stop();
    await store.close();
    await users.close();
  });

  for (const hasUsers of [false, true]) {
    test(`a large file comes in parts, and leaves nothing when one fails (${hasUsers ? "with" : "without"} users)`, async () => {
      const destination = mkdtempSync(join(folder, "artifacts-"));
      const server = await TrackingServer.start({
        store,
        port: 0,
        artifacts: { destination },
        ...(hasUsers && { auth: { users } }),
      });
      try {
        const answer = await runPythonBeside(
          clientScript,
          server.url,
          folder,
          admin.username,
          admin.password,
        );
        expect(answer).toEqual({
          size: 12_000_000,
          same: true,
          sameByRun: true,
          listed: ["big.bin", "small.txt"],
          puts: { "big.bin": 3, "small.txt": 0 }, // of 5 MiB, 5 MiB and the rest
          failed: "Failed to upload at least one part",
          afterFailure: ["big.bin", "small.txt"],
          again: true,
        });
        const uploads = readdirSync(join(destination, ".uploads"));
        const left = uploads.map((id) => readdirSync(join(destination, ".uploads", id)));
        expect(left).toEqual([["upload.json"], ["upload.json"]]); // of the two that were completed
        const record = readFileSync(join(destination, ".uploads", uploads[0]!, "upload.json"), "utf8");
        expect(JSON.parse(record)).toMatchObject({ partCount: 3 });
      } finally {
        await server.close();
      }
    }, 120_000);
  }

  test("MLflow's own server refuses parts into a folder, and its client sends the file whole", async () => {
    const answer = await runPythonBeside(clientScript, theirs.url, folder, admin.username, admin.password);
    expect(answer).toMatchObject({ same: true, puts: { "big.bin": 0, "small.txt": 0 } });
  }, 120_000);
});

const clientScript = `
import json, os, sys
url, folder, username, password = sys.argv[1:5]
os.environ["MLFLOW_TRACKING_USERNAME"] = username
os.environ["MLFLOW_TRACKING_PASSWORD"] = password
# MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD is not set: the client asks the server whether it takes parts
os.environ["MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE"] = str(6 << 20)
os.environ["MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE"] = str(5 << 20)
import mlflow, requests
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.http_artifact_repo import HttpArtifactRepository

mlflow.set_tracking_uri(url)
client = MlflowClient()
run_id = client.create_run("0").info.run_id
big, small = (os.path.join(folder, name) for name in ("big.bin", "small.txt"))
content = os.urandom(12_000_000)
open(big, "wb").write(content)
open(small, "w").write("small")

# counts the parts that the client sends, and loses one where it is told to
puts, lose = {}, []
send = HttpArtifactRepository._upload_part
def upload_part(credential, local_file, size, start_byte):
    name = os.path.basename(local_file)
    puts[name] = puts.get(name, 0) + 1
    if credential.part_number in lose:
        raise requests.ConnectionError("the network is down")
    return send(credential, local_file, size, start_byte)
HttpArtifactRepository._upload_part = staticmethod(upload_part)

client.log_artifact(run_id, big)
client.log_artifact(run_id, small)
counted = {name: puts.get(name, 0) for name in ("big.bin", "small.txt")}
listed = sorted(f.path for f in client.list_artifacts(run_id))
size = {f.path: f.file_size for f in client.list_artifacts(run_id)}["big.bin"]
local = mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path="big.bin")
same = open(local, "rb").read() == content
served = requests.get(url + "/get-artifact", params={"run_id": run_id, "path": "big.bin"}, auth=(username, password))

other = os.path.join(folder, "other.bin")
open(other, "wb").write(content[::-1])
lose.append(2)
try:
    client.log_artifact(run_id, other)
    failed = None
except MlflowException as error:
    failed = str(error)[: len("Failed to upload at least one part")]
after = sorted(f.path for f in client.list_artifacts(run_id))
lose.clear()
client.log_artifact(run_id, other)
local = mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path="other.bin")
print(json.dumps(dict(
    size=size, same=same, sameByRun=served.content == content, listed=listed, puts=counted, failed=failed,
    afterFailure=after, again=open(local, "rb").read() == content[::-1],
)))
`;
