// snapshotDownload against a hub on this machine: what arrives, what the cache holds, and every way to fail.
import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { logger } from "sconce/base";
import { type DownloadProgress, HubError, type HubSettings, hubSettings, snapshotDownload } from "sconce/hub";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { HubServer } from "./hub-server.ts";

const repo = "acme/tiny-bert";
const weights = Buffer.alloc(300_000, "weights ");
const files = {
  "config.json": '{"model_type": "bert"}',
  "model.safetensors": weights,
  "onnx/a b#1.txt": "deep",
};
const weightsHash = createHash("sha256").update(weights).digest("hex");

let server: HubServer;
let home: string;
let settings: HubSettings;
let commit: string;

beforeEach(async () => {
  server = await HubServer.start();
  home = mkdtempSync(join(tmpdir(), "sconce-hub-"));
  settings = settingsFor({});
  commit = server.add(repo, files);
});

afterEach(() => server.stop());

function settingsFor(env: Record<string, string>): HubSettings {
  return {
    ...hubSettings({ HF_ENDPOINT: server.endpoint, HF_HOME: home, ...env }),
    connectTimeoutMs: 1_000,
    stallTimeoutMs: 200,
    retryDelayMs: 5,
  };
}

const folder = () => join(home, "hub", "models--acme--tiny-bert");
const blob = (name: string) => join(folder(), "blobs", name);

/** Returns the message of the failure, with what differs from run to run named. */
async function failure(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => expect.fail("should have failed"),
    (reason: unknown) => reason,
  );
  if (!(error instanceof HubError)) throw error;
  const message = error.message.replaceAll(home, "HOME").replaceAll(server.endpoint, "HUB");
  return `${error.code}: ${message.replace(/127\.0\.0\.1:\d+/gu, "CDN").replaceAll(commit, "COMMIT")}`;
}

const getWeights = () => snapshotDownload({ repo, files: ["model.safetensors"], settings });
const getConfig = (more: { revision?: string } = {}) =>
  snapshotDownload({ repo, files: ["config.json"], settings, ...more });

describe("what arrives", () => {
  test("files of a branch lie in the folder of its commit, laid out as Python's huggingface_hub does", async () => {
    const path = await snapshotDownload({ repo, files: Object.keys(files), settings });
    expect(path).toBe(join(folder(), "snapshots", commit));
    expect(readFileSync(join(path, "config.json"), "utf8")).toBe(files["config.json"]);
    expect(readFileSync(join(path, "model.safetensors")).equals(weights)).toBe(true);
    expect(readFileSync(join(path, "onnx/a b#1.txt"), "utf8")).toBe("deep");
    expect(readlinkSync(join(path, "model.safetensors"))).toBe(`../../blobs/${weightsHash}`);
    expect(readlinkSync(join(path, "onnx/a b#1.txt"))).toMatch(/^\.\.\/\.\.\/\.\.\/blobs\/[0-9a-f]{40}$/u);
    expect(readFileSync(join(folder(), "refs", "main"), "utf8")).toBe(commit);
    expect(readdirSync(join(folder(), "blobs")).filter((name) => name.includes("."))).toEqual([]);
    expect(readFileSync(join(home, "hub", "CACHEDIR.TAG"), "utf8")).toMatch(/^Signature: 8a477f59/u);
  });

  test("what the cache has is not downloaded again, and a pinned commit asks no hub", async () => {
    await getConfig();
    expect(server.downloads).toHaveLength(1);
    await getConfig();
    expect(server.downloads).toHaveLength(1);
    const before = server.requests.length;
    await getConfig({ revision: commit });
    expect(server.requests.length).toBe(before);
  });

  test("a branch that moved brings the new files and leaves the old commit", async () => {
    const old = await getConfig();
    commit = server.add(repo, { ...files, "config.json": "{}" });
    const now = await getConfig();
    expect(readFileSync(join(now, "config.json"), "utf8")).toBe("{}");
    expect(readFileSync(join(old, "config.json"), "utf8")).toBe(files["config.json"]);
    expect(readFileSync(join(folder(), "refs", "main"), "utf8")).toBe(commit);
  });

  test("all files are of one commit although the branch moves between two requests", async () => {
    const seen: string[] = [];
    const path = await snapshotDownload({
      repo,
      files: ["config.json", "model.safetensors"],
      settings,
      onProgress: () => {
        if (seen.length === 0) seen.push(server.add(repo, { "config.json": "{}", "model.safetensors": "x" }));
        server.repos.get(repo)!.commits[commit] ??= { "model.safetensors": weights };
      },
    });
    expect(path).toBe(join(folder(), "snapshots", commit));
    expect(readFileSync(join(path, "model.safetensors")).equals(weights)).toBe(true);
  });

  test("a tag with a slash is a revision too", async () => {
    server.repos.get(repo)!.refs["refs/pr/7"] = commit;
    await getConfig({ revision: "refs/pr/7" });
    expect(readFileSync(join(folder(), "refs", "refs", "pr", "7"), "utf8")).toBe(commit);
  });

  test("optional files are taken where they are, and their absence is remembered", async () => {
    const options = {
      repo,
      revision: commit,
      files: ["config.json"],
      optionalFiles: ["vocab.txt", "onnx/a b#1.txt"],
    };
    const path = await snapshotDownload({ ...options, settings });
    expect(existsSync(join(path, "onnx/a b#1.txt"))).toBe(true);
    expect(existsSync(join(path, "vocab.txt"))).toBe(false);
    expect(existsSync(join(folder(), ".no_exist", commit, "vocab.txt"))).toBe(true);
    const before = server.requests.length;
    await snapshotDownload({ ...options, settings });
    expect(server.requests.length).toBe(before);
  });

  test("a repository that moved is found under its old name", async () => {
    server.repos.set("tiny-bert", { refs: {}, commits: {}, movedTo: repo });
    const path = await snapshotDownload({
      repo: "tiny-bert",
      files: ["config.json", "model.safetensors"],
      settings,
    });
    expect(path).toBe(join(home, "hub", "models--tiny-bert", "snapshots", commit));
    expect(readFileSync(join(path, "model.safetensors")).equals(weights)).toBe(true);
  });

  test("an empty file is a file", async () => {
    commit = server.add(repo, { "config.json": "" });
    expect(readFileSync(join(await getConfig(), "config.json"), "utf8")).toBe("");
  });

  test("two files of one content share a blob", async () => {
    commit = server.add(repo, { "config.json": "{}", "other.json": "{}" });
    await snapshotDownload({ repo, files: ["config.json", "other.json"], settings });
    expect(readdirSync(join(folder(), "blobs"))).toHaveLength(1);
    expect(server.downloads).toHaveLength(1);
  });

  test("progress rises to the size of the file", async () => {
    const seen: DownloadProgress[] = [];
    await snapshotDownload({
      repo,
      files: ["model.safetensors"],
      settings,
      onProgress: (now) => seen.push(now),
    });
    expect(seen.map(({ bytes }) => bytes)).toEqual(seen.map(({ bytes }) => bytes).sort((a, b) => a - b));
    expect(seen.at(-1)).toEqual({ file: "model.safetensors", bytes: 300_000, totalBytes: 300_000 });
  });

  test("two downloads of one file at once fetch it once", async () => {
    await Promise.all([getWeights(), getWeights(), getWeights()]);
    expect(server.downloads).toHaveLength(1);
  });

  test("the token goes to the hub and to no other site", async () => {
    server.repos.get(repo)!.token = "hf_secret";
    settings = settingsFor({ HF_TOKEN: "hf_secret" });
    await getWeights();
    const tokens = (site: string) =>
      new Set(
        server.requests.filter((request) => request.site === site).map((request) => request.authorization),
      );
    expect(tokens("hub")).toEqual(new Set(["Bearer hf_secret"]));
    expect(tokens("cdn")).toEqual(new Set([undefined]));
  });
});

describe("what is taken up again", () => {
  test("a cut connection goes on at the byte where it was cut", async () => {
    server.faults.push({ site: "cdn", cutAfter: 100_000 }, { site: "cdn", cutAfter: 50_000 });
    const path = await getWeights();
    expect(readFileSync(join(path, "model.safetensors")).equals(weights)).toBe(true);
    const [first, second = 0, third = 0] = server.requests
      .filter(({ site }) => site === "cdn")
      .map(({ range }) => (range === undefined ? 0 : Number(/\d+/u.exec(range)?.[0])));
    expect(first).toBe(0);
    expect(second).toBeGreaterThan(30_000); // what the system still held when the connection broke is lost
    expect(second).toBeLessThanOrEqual(100_000);
    expect(third).toBeGreaterThan(second);
    expect(third).toBeLessThanOrEqual(second + 50_000);
  });

  test("a download that was stopped goes on in the next process", async () => {
    settings = { ...settings, maxRetries: 0 };
    server.faults.push({ site: "cdn", cutAfter: 120_000 }, { site: "cdn", status: 503 });
    await expect(getWeights()).rejects.toThrow(/status 503/u);
    const { size } = statSync(`${blob(weightsHash)}.incomplete`);
    expect(size).toBeGreaterThan(30_000);
    const seen: number[] = [];
    await snapshotDownload({
      repo,
      files: ["model.safetensors"],
      settings,
      onProgress: ({ bytes }) => seen.push(bytes),
    });
    expect(seen[0]).toBe(size);
    expect(server.requests.at(-1)?.range).toBe(`bytes=${size}-`);
    expect(readFileSync(blob(weightsHash)).equals(weights)).toBe(true);
  });

  test("a server that knows no ranges sends the whole file again", async () => {
    server.faults.push({ site: "cdn", cutAfter: 100_000 }, { site: "cdn", ignoreRange: true });
    expect(readFileSync(join(await getWeights(), "model.safetensors")).equals(weights)).toBe(true);
  });

  test("a beginning of other bytes is thrown away and the file fetched whole", async () => {
    mkdirSync(join(folder(), "blobs"), { recursive: true });
    writeFileSync(`${blob(weightsHash)}.incomplete`, Buffer.alloc(1000, "x"));
    expect(readFileSync(join(await getWeights(), "model.safetensors")).equals(weights)).toBe(true);
  });

  test("a beginning longer than the file is thrown away", async () => {
    mkdirSync(join(folder(), "blobs"), { recursive: true });
    writeFileSync(`${blob(weightsHash)}.incomplete`, Buffer.alloc(400_000, "x"));
    await getWeights();
    expect(server.requests.at(-1)?.range).toBeUndefined();
  });

  test("a download that was whole but for its name is only checked", async () => {
    mkdirSync(join(folder(), "blobs"), { recursive: true });
    writeFileSync(`${blob(weightsHash)}.incomplete`, weights);
    await getWeights();
    expect(server.downloads).toEqual([]);
  });

  test("a blob that a crash cut short is fetched again", async () => {
    mkdirSync(join(folder(), "blobs"), { recursive: true });
    writeFileSync(blob(weightsHash), weights.subarray(0, 10));
    expect(readFileSync(join(await getWeights(), "model.safetensors")).equals(weights)).toBe(true);
  });

  test.each([408, 429, 500, 502, 503, 504])("status %i is tried again", async (status) => {
    server.faults.push({ site: "hub", status }, { site: "cdn", status });
    await getWeights();
    expect(server.faults).toEqual([]);
  });

  test("a signed address that ran out is asked for anew", async () => {
    server.faults.push({ site: "cdn", status: 403 });
    await getWeights();
    expect(server.requests.map(({ site, method }) => `${site} ${method}`)).toEqual([
      "hub HEAD",
      "hub GET",
      "cdn GET",
      "hub GET",
      "cdn GET",
    ]);
  });

  test("a mirror that gives no reason for a missing file is understood", async () => {
    server.faults.push({ site: "hub", status: 404, headers: { "x-repo-commit": commit } });
    expect(await failure(getConfig())).toMatch(/must hold config\.json, got no such file/u);
  });

  test("the hub's own time to wait is kept", async () => {
    server.faults.push({ site: "hub", status: 429, headers: { "retry-after": "1" } });
    const start = performance.now();
    await getConfig();
    expect(performance.now() - start).toBeGreaterThan(950);
  });

  test("a connection that falls silent is taken up again", async () => {
    server.faults.push({ site: "cdn", hang: true });
    await getWeights();
    expect(server.requests.filter(({ site }) => site === "cdn")).toHaveLength(2);
  });
});

describe("what fails", () => {
  test("a repository that is not there, or not open", async () => {
    expect(
      await failure(snapshotDownload({ repo: "acme/none", files: ["config.json"], settings })),
    ).toMatchInlineSnapshot(
      `"hub_not_found: acme/none: the hub must have this repository, got status 401. Check the name at HUB/acme/none; if it is private, set HF_TOKEN to a token of an account that may read it."`,
    );
  });

  test("a revision that is not there", async () => {
    expect(await failure(getConfig({ revision: "v9" }))).toMatchInlineSnapshot(
      `"hub_not_found: acme/tiny-bert: the revision must be a branch, tag or commit of the repository, got "v9". See HUB/acme/tiny-bert/tree/main for those there are."`,
    );
  });

  test("a file that is not there", async () => {
    expect(
      await failure(snapshotDownload({ repo, files: ["config.json", "tf_model.h5"], settings })),
    ).toMatchInlineSnapshot(
      `"hub_not_found: acme/tiny-bert: revision "main" must hold tf_model.h5, got no such file. See HUB/acme/tiny-bert/tree/main for those there are."`,
    );
    expect(await failure(snapshotDownload({ repo, files: ["tf_model.h5"], settings }))).toMatchInlineSnapshot(
      `"hub_not_found: acme/tiny-bert: revision "main" must hold tf_model.h5, got no such file. See HUB/acme/tiny-bert/tree/main for those there are."`,
    );
  });

  test("a gated model without a token and with one that accepted nothing", async () => {
    server.repos.get(repo)!.gated = true;
    expect(await failure(getConfig())).toMatchInlineSnapshot(
      `"hub_denied: acme/tiny-bert: the hub gives this model to those who accepted its terms, got status 401 without a token. Accept them at HUB/acme/tiny-bert, then set HF_TOKEN to a token of an account that may read it."`,
    );
    settings = settingsFor({ HF_TOKEN: "hf_other" });
    expect(await failure(getConfig())).toMatchInlineSnapshot(
      `"hub_denied: acme/tiny-bert: the hub gives this model to those who accepted its terms, got status 403 for the token in use. Accept them at HUB/acme/tiny-bert, then check HF_TOKEN."`,
    );
  });

  test("a token that is not valid", async () => {
    server.repos.get(repo)!.token = "hf_secret";
    settings = settingsFor({ HF_TOKEN: "hf_wrong" });
    expect(await failure(getConfig())).toMatchInlineSnapshot(
      `"hub_denied: acme/tiny-bert: HF_TOKEN or the token of \`hf auth login\` must be valid, got status 401. Make a new one at HUB/settings/tokens, or unset it for public models."`,
    );
  });

  test("access that is refused for another reason", async () => {
    server.faults.push({
      site: "hub",
      status: 403,
      headers: { "x-error-message": "Access to this resource is disabled." },
    });
    expect(await failure(getConfig())).toMatchInlineSnapshot(
      `"hub_denied: acme/tiny-bert: config.json must be readable, got status 403 ("Access to this resource is disabled."). See HUB/acme/tiny-bert, and set HF_TOKEN to a token of an account that may read it."`,
    );
  });

  test("a hub that keeps answering 503", async () => {
    server.faults.push(...Array.from({ length: 5 }, () => ({ site: "hub" as const, status: 503 })));
    expect(await failure(getConfig())).toMatchInlineSnapshot(
      `"hub_unreachable: The hub: HUB must answer, got status 503 in answer to 5 requests. Check the network, or set HF_ENDPOINT to a mirror that can be reached."`,
    );
  });

  test("a connection that is cut each time before a byte arrives", async () => {
    server.faults.push(...Array.from({ length: 9 }, () => ({ site: "cdn" as const, cutAfter: 0 })));
    expect(await failure(getWeights())).toMatchInlineSnapshot(
      `"hub_unreachable: The hub: HUB must answer, got "aborted" after 0 of 300000 bytes. Check the network, or set HF_ENDPOINT to a mirror that can be reached."`,
    );
    expect(server.requests.filter(({ site }) => site === "cdn")).toHaveLength(5);
  });

  test("bytes other than those announced, which stay nowhere", async () => {
    const wrong = Buffer.alloc(300_000, "wrong");
    server.faults.push({ site: "cdn", content: wrong });
    expect(await failure(getWeights())).toMatchInlineSnapshot(
      `"hub_damaged: acme/tiny-bert: model.safetensors must have the hash 6b36a89d97ebf858f327bf6689fac1383cfe22e8b808c80a9574032dbde264b5, got 13fcb71053d4bfb3ee4ff253d0edcd9dc5ee5a3dd061a3d626d2c5be8ab68ab7. It was damaged on the way or changed meanwhile: try again."`,
    );
    expect(readdirSync(join(folder(), "blobs"))).toEqual([]);
    server.faults.push({
      site: "hub",
      method: "GET",
      content: Buffer.from(files["config.json"].toUpperCase()),
    });
    expect(await failure(getConfig())).toMatchInlineSnapshot(
      `"hub_damaged: acme/tiny-bert: config.json must have the hash 46332c50668921e90868a1d44a2550bb60ffdb1d, got 17361ea38759f685f95cb650d283a4c021e2a248. It was damaged on the way or changed meanwhile: try again."`,
    );
    expect(readdirSync(join(folder(), "blobs"))).toEqual([]);
  });

  test("more bytes than announced", async () => {
    server.faults.push({ site: "cdn", content: Buffer.alloc(300_001, "weights ") });
    expect(await failure(getWeights())).toMatchInlineSnapshot(
      `"hub_damaged: acme/tiny-bert: model.safetensors must have 300000 bytes, got more. It changed meanwhile: try again."`,
    );
  });

  test("a disk that is full before and while it is written", async () => {
    const header = { "x-repo-commit": commit, "x-linked-etag": weightsHash };
    const huge = { ...header, "x-linked-size": String(2 ** 60), location: "http://localhost:9/" };
    server.faults.push({ site: "hub", status: 302, headers: huge });
    expect((await failure(getWeights())).replace(/[\d.]+ MB free/u, "F MB free")).toMatchInlineSnapshot(
      `"hub_disk: acme/tiny-bert: HOME/hub/models--acme--tiny-bert/blobs must have room for model.safetensors, got 1152921504606.8 MB to write, F MB free. Make room, or set HF_HOME to a larger disk."`,
    );
    symlinkSync("/dev/full", `${blob(weightsHash)}.incomplete`);
    expect(await failure(getWeights())).toMatchInlineSnapshot(
      `"hub_disk: acme/tiny-bert: HOME/hub/models--acme--tiny-bert/blobs must have room for model.safetensors, got "ENOSPC: no space left on device, write". Make room, or set HF_HOME to a larger disk."`,
    );
  });

  test("a cache that cannot be written", async () => {
    writeFileSync(join(home, "hub"), "a file in the way");
    expect(await failure(getConfig())).toMatchInlineSnapshot(
      `"hub_disk: The hub: the cache HOME/hub must be writable, got "EEXIST: file already exists, mkdir 'HOME/hub'". Set HF_HOME to a folder that is."`,
    );
  });

  test.each([
    ["", ["config.json"], "main"],
    ["a/b/c", ["config.json"], "main"],
    ["../x", ["config.json"], "main"],
    [repo, ["../../secret"], "main"],
    [repo, ["/etc/passwd"], "main"],
    [repo, ["a\\b"], "main"],
    [repo, ["config.json"], "../main"],
    [repo, [], "main"],
  ])("names that are none: %s %s %s", async (name, wanted, revision) => {
    await expect(snapshotDownload({ repo: name, files: wanted, revision, settings })).rejects.toThrow(
      /OWNER\/NAME|relative path|must name one/u,
    );
    expect(server.requests).toEqual([]);
  });

  test("a hash or commit that would lead out of the cache", async () => {
    for (const hostile of [
      { etag: "../../x" },
      { etag: "..", "x-repo-commit": commit },
      { "x-repo-commit": "../../.." },
    ]) {
      const headers = { etag: weightsHash, "x-repo-commit": commit, "content-length": "3", ...hostile };
      server.faults.push({ site: "hub", status: 200, headers });
      expect(await failure(getConfig())).toMatch(/^hub_unreachable: .* without the commit, hash and size/u);
    }
    expect(existsSync(folder())).toBe(false);
  });
});

describe("a hub that is out of reach", () => {
  test("a refused connection says so at once", async () => {
    settings = { ...settings, endpoint: "http://127.0.0.1:9" };
    expect(await failure(getConfig())).toMatchInlineSnapshot(
      `"hub_unreachable: The hub: http://CDN must answer, got "connect ECONNREFUSED CDN". Check the network, or set HF_ENDPOINT to a mirror that can be reached."`,
    );
  });

  test("a name that does not resolve says so at once", async () => {
    settings = { ...settings, endpoint: "http://no-such-host.invalid" };
    expect(await failure(getConfig())).toMatch(
      /^hub_unreachable: .*got "getaddrinfo E\w+ no-such-host\.invalid"\./u,
    );
  });

  test("a port that accepts and stays silent ends after the stall time", async () => {
    server.faults.push({ site: "hub", hang: true });
    expect(await failure(getConfig())).toMatchInlineSnapshot(
      `"hub_unreachable: The hub: HUB must answer, got "silence for 0.2 s". Check the network, or set HF_ENDPOINT to a mirror that can be reached."`,
    );
  });

  test("a TLS handshake that never ends counts as no connection", async () => {
    const silent = createServer(() => {});
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const { port } = silent.address() as { port: number };
    settings = {
      ...settings,
      endpoint: `https://127.0.0.1:${port}`,
      connectTimeoutMs: 100,
      stallTimeoutMs: 5_000,
    };
    expect(await failure(getConfig())).toMatch(/got "no connection for 0\.1 s"/u);
    silent.close();
  });

  test("a proxy's login page is no hub", async () => {
    server.faults.push({ site: "hub", status: 200, headers: { "content-type": "text/html" } });
    expect(await failure(getConfig())).toMatchInlineSnapshot(
      `"hub_unreachable: The hub: HUB must answer, got an answer without the commit, hash and size of a file (status 200), as from a proxy in its place. Check the network, or set HF_ENDPOINT to a mirror that can be reached."`,
    );
  });

  test.each([401, 403, 404, 407])("status %i without the hub's reason is not the hub's", async (status) => {
    server.faults.push({ site: "hub", status });
    expect(await failure(getConfig())).toMatch(
      `hub_unreachable: The hub: HUB must answer, got status ${status} without the hub's reason,`,
    );
  });

  test("redirects in a circle end", async () => {
    server.repos.set("a/b", { refs: {}, commits: {}, movedTo: "a/b" });
    expect(await failure(snapshotDownload({ repo: "a/b", files: ["config.json"], settings }))).toMatch(
      /got redirects that lead nowhere/u,
    );
  });

  test("the cache answers in its place, with a warning", async () => {
    const path = await getConfig();
    const warnings: string[] = [];
    const removeSink = logger.addSink((level, message) => void (level === "warn" && warnings.push(message)));
    settings = { ...settings, endpoint: "http://127.0.0.1:9" };
    expect(await getConfig()).toBe(path);
    removeSink();
    expect(warnings.join()).toMatch(/ECONNREFUSED.*Using acme\/tiny-bert as it was when last downloaded/u);
  });

  test("offline, the cache answers and no request is made", async () => {
    const path = await getConfig();
    settings = settingsFor({ HF_HUB_OFFLINE: "1" });
    const before = server.requests.length;
    expect(
      await snapshotDownload({ repo, files: ["config.json"], optionalFiles: ["vocab.txt"], settings }),
    ).toBe(path);
    expect(server.requests.length).toBe(before);
    expect(await failure(getWeights())).toMatchInlineSnapshot(
      `"hub_unreachable: acme/tiny-bert: with HF_HUB_OFFLINE it must be in HOME/hub, got no model.safetensors of revision "main" there. Unset HF_HUB_OFFLINE once, or copy the cache of a machine that has it."`,
    );
  });

  test("a cache that is only read still answers", async () => {
    const path = await getConfig();
    chmodSync(folder(), 0o555);
    expect(await getConfig()).toBe(path);
    chmodSync(folder(), 0o755);
  });
});
