import { mkdtempSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { hubSettings } from "./settings.ts";

test("without variables it is the public hub and Python's cache", () => {
  const { endpoint, cacheFolder, offline } = hubSettings({});
  expect({ endpoint, cacheFolder, offline }).toEqual({
    endpoint: "https://huggingface.co",
    cacheFolder: join(homedir(), ".cache", "huggingface", "hub"),
    offline: false,
  });
});

test("the nearer variable wins, as in Python", () => {
  const cache = (env: Record<string, string>) => hubSettings(env).cacheFolder;
  expect(cache({ XDG_CACHE_HOME: "/x" })).toBe("/x/huggingface/hub");
  expect(cache({ XDG_CACHE_HOME: "/x", HF_HOME: "~/models" })).toBe(join(homedir(), "models", "hub"));
  expect(cache({ HF_HOME: "/h", HUGGINGFACE_HUB_CACHE: "/old" })).toBe("/old");
  expect(cache({ HF_HOME: "/h", HUGGINGFACE_HUB_CACHE: "/old", HF_HUB_CACHE: "/new" })).toBe("/new");
  expect(cache({ HF_HOME: "  " })).toBe(join(homedir(), ".cache", "huggingface", "hub"));
});

test("the token is the variable's, else the one that a login stored", () => {
  const home = mkdtempSync(join(tmpdir(), "sconce-hub-"));
  expect(hubSettings({ HF_HOME: home }).token).toBeUndefined();
  writeFileSync(join(home, "token"), "hf_stored\n");
  expect(hubSettings({ HF_HOME: home }).token).toBe("hf_stored");
  expect(hubSettings({ HF_HOME: home, HF_TOKEN: " hf_named " }).token).toBe("hf_named");
  expect(hubSettings({ HF_TOKEN_PATH: join(home, "token") }).token).toBe("hf_stored");
});

test.each(["1", "ON", "yes", "True"])(
  "HF_HUB_OFFLINE=%s and TRANSFORMERS_OFFLINE=%s keep to the cache",
  (text) => {
    expect(hubSettings({ HF_HUB_OFFLINE: text }).offline).toBe(true);
    expect(hubSettings({ TRANSFORMERS_OFFLINE: text }).offline).toBe(true);
  },
);

test("other words leave the hub in reach", () => {
  for (const text of ["0", "off", "", "false"])
    expect(hubSettings({ HF_HUB_OFFLINE: text }).offline).toBe(false);
});

test("a mirror's address loses its last slash, and must be one", () => {
  expect(hubSettings({ HF_ENDPOINT: "http://localhost:8080/hub/" }).endpoint).toBe(
    "http://localhost:8080/hub",
  );
  expect(() => hubSettings({ HF_ENDPOINT: "hf-mirror.com" })).toThrowErrorMatchingInlineSnapshot(
    `[UsageError: HF_ENDPOINT: must be the http(s) address of a hub, got "hf-mirror.com". Unset it for the public hub.]`,
  );
  expect(() => hubSettings({ HF_ENDPOINT: "file:///x" })).toThrow(/must be the http\(s\) address/u);
});

test("the time-out is a number of seconds", () => {
  expect(hubSettings({ HF_HUB_DOWNLOAD_TIMEOUT: "2.5" }).stallTimeoutMs).toBe(2500);
  for (const text of ["0", "-1", "ten", "1e9"]) {
    expect(() => hubSettings({ HF_HUB_DOWNLOAD_TIMEOUT: text })).toThrow(
      /^HF_HUB_DOWNLOAD_TIMEOUT: must be/u,
    );
  }
});
