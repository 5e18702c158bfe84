// A server that is killed while a file comes in parts: what it has acknowledged is still there, and the file becomes whole.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, readdirSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { Rng } from "../src/base/index.ts";

const sconce = fileURLToPath(new URL("../bin/sconce", import.meta.url));
const partCount = 24;
const partBytes = 1 << 20;

test("a server that is killed between, in the middle of and after parts takes the rest, and joins them", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sconce-"));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/api/2.0/mlflow-artifacts/mpu`;
  let server = await startServer(folder, port);
  const post = async (action: string, body: object) => {
    const answer = await fetch(`${url}/${action}/0/run/artifacts`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ path: "big.bin", ...body }),
    });
    return answer.json() as Promise<any>; // oxlint-disable-line no-explicit-any
  };
  const rng = new Rng(1);
  const contents = Array.from({ length: partCount }, (_, index) =>
    Buffer.alloc(index < partCount - 1 ? partBytes : 17, `part ${index} `),
  );
  const { upload_id, credentials } = await post("create", { num_parts: partCount });
  let kills = 0;
  const killAndStart = async () => {
    process.kill(-server.pid!, "SIGKILL");
    await once(server, "close");
    kills++;
    server = await startServer(folder, port);
  };
  const parts: object[] = [];
  for (const [index, { url: partUrl, headers, part_number }] of credentials.entries()) {
    const put = () => fetch(partUrl, { method: "PUT", headers, body: contents[index]! });
    if (index % 6 === 0) {
      const cut = put().catch(() => undefined);
      await sleep(rng.below(6));
      await killAndStart();
      await cut; // it may have come or not: it is sent again
    }
    const answer = await put();
    expect(answer.status).toBe(200);
    parts.push({ part_number, etag: answer.headers.get("etag") });
  }
  const artifacts = join(folder, "artifacts/0/run/artifacts");
  for (const waitMs of [0, 10, 25, 40]) {
    const cut = post("complete", { upload_id, parts }).catch(() => undefined);
    await sleep(waitMs);
    await killAndStart();
    await cut;
    if (existsSync(join(artifacts, "big.bin"))) checkWhole();
  }
  expect(await post("complete", { upload_id, parts })).toEqual({});
  checkWhole();
  expect(kills).toBe(8);
  expect(readdirSync(join(folder, "artifacts/.uploads", upload_id))).toEqual(["upload.json"]);
  process.kill(-server.pid!, "SIGTERM");
  await once(server, "close");

  function checkWhole(): void {
    expect(readFileSync(join(artifacts, "big.bin")).equals(Buffer.concat(contents))).toBe(true);
  }
}, 120_000);

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  probe.close();
  return port;
}

async function startServer(folder: string, port: number): Promise<ChildProcess> {
  const words = `server --backend-store-uri sqlite:///${join(folder, "mlflow.db")} --port ${port}`.split(" ");
  const child = spawn(sconce, [...words, "--artifacts-destination", join(folder, "artifacts")], {
    stdio: ["ignore", "pipe", "inherit"],
    detached: true,
  });
  await once(child.stdout!, "data");
  return child;
}
