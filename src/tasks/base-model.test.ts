import { silent } from "../base/index.ts";
import { mkdirSync, mkdtempSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { resolveBaseModel } from "sconce/config";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { HubServer } from "../../tests/hub/hub-server.ts";
import { fetchBaseModel } from "./base-model.ts";

const root = mkdtempSync(join(tmpdir(), "sconce-base-"));
const location = {
  projectRoot: root,
  useCaseFolder: join(root, "use_cases", "spam"),
  useCaseName: "spam",
};
let server: HubServer;

beforeAll(async () => {
  server = await HubServer.start();
  server.add("acme/tiny-bert", { "config.json": "{}", "model.safetensors": Buffer.alloc(3_000_000) });
  vi.stubEnv("HF_ENDPOINT", server.endpoint);
  vi.stubEnv("HF_HUB_CACHE", join(root, "cache"));
  vi.stubEnv("HF_HUB_OFFLINE", "0");
  vi.stubEnv("TRANSFORMERS_OFFLINE", "0");
});

afterAll(() => server.stop());

function resolved(name: string) {
  const source = resolveBaseModel(name, location);
  return "problem" in source ? expect.fail(source.problem) : source;
}

test("a folder on this machine is itself", async () => {
  mkdirSync(join(root, "mine"));
  writeFileSync(join(root, "mine", "config.json"), "{}");
  expect((await fetchBaseModel(resolved("mine"), {}, silent)).model).toBe(join(root, "mine"));
  expect(server.requests).toEqual([]);
});

test("a model of the hub is fetched into pretrained_models, in megabytes, and is there from then on", async () => {
  const said: string[] = [];
  const { model: path } = await fetchBaseModel(
    resolved("acme/tiny-bert"),
    {},
    {
      start: (phase, total) => said.push(`start ${phase}${total === undefined ? "" : ` of ${total}`}`),
      update: (done) => said.push(`${done}`),
      end: () => said.push("end"),
    },
  );
  expect(path).toBe(join(root, "pretrained_models", "acme", "tiny-bert"));
  expect(readdirSync(path)).toEqual(["config.json", "model.safetensors"]);
  expect(said.filter((line, index) => line !== said[index - 1])).toEqual([
    "start fetching acme/tiny-bert",
    "end",
    "start fetching acme/tiny-bert: model.safetensors, MB of 3",
    "0",
    "1",
    "2",
    "3",
    "end",
  ]);
  const before = server.requests.length;
  expect((await fetchBaseModel(resolved("acme/tiny-bert"), {}, silent)).tokenizer).toBe(path);
  expect(server.requests.length).toBe(before);
});
