// Reads a config file, JSON or YAML by its ending. What the values mean is use-case.ts's matter.
import { isUtf8 } from "node:buffer";
import { readFileSync, statSync } from "node:fs";
import { extname } from "node:path";
import { ConfigError, type ConfigIssue } from "../base/index.ts";
import { type ConfigDocument, type SourceMap, SyntaxIssues, limits } from "./document.ts";
import { parseJson } from "./parse-json.ts";
import type { ConfigValue } from "./value.ts";

/** Names the two file formats of a config. */
export type ConfigFormat = "json" | "yaml";

/**
 * Reads a config file (`.json`, `.yaml`, `.yml`) of at most 1 MiB.
 * A file that is missing, not text, or not well-formed throws a `ConfigError` with line and column.
 */
export async function loadConfig(path: string): Promise<ConfigDocument> {
  const format = formatOf(path);
  return parseConfig(readText(path), { source: path, format });
}

/** Reads config text; `source` is the name that messages give it. */
export async function parseConfig(
  text: string,
  { source, format }: { source: string; format: ConfigFormat },
): Promise<ConfigDocument> {
  const content = text.startsWith("\uFEFF") ? text.slice(1) : text;
  if (content.trim() === "")
    throw problem(source, "syntax", "the file is empty. Write a config, or run sconce init.");
  const parsed = await parse(content, source, format);
  if (parsed.value === null)
    throw problem(source, "syntax", "a config must hold keys and values, got nothing.");
  return { source, ...parsed };
}

async function parse(
  text: string,
  source: string,
  format: ConfigFormat,
): Promise<{ value: ConfigValue; places: SourceMap }> {
  try {
    if (format === "json") return parseJson(text);
    const { parseYaml } = await import("./parse-yaml.ts"); // 30 ms that JSON need not pay
    return parseYaml(text);
  } catch (error) {
    if (error instanceof SyntaxIssues) throw new ConfigError(source, error.issues);
    throw error;
  }
}

function formatOf(path: string): ConfigFormat {
  const extension = extname(path).toLowerCase();
  if (extension === ".json") return "json";
  if (extension === ".yaml" || extension === ".yml") return "yaml";
  throw problem(path, "file", `a config file ends in .json, .yaml or .yml, got "${extension}". Rename it.`);
}

/** Reads the text of a config file: at most 1 MiB of UTF-8, else a `ConfigError`. */
export function readText(path: string): string {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) throw problem(path, "file", "the file does not exist. Check the path.");
  if (!stats.isFile()) {
    throw problem(
      path,
      "file",
      `a config must be a file, got ${stats.isDirectory() ? "a folder" : "something else"}.`,
    );
  }
  if (stats.size > limits.bytes) {
    throw problem(
      path,
      "file",
      `a config has at most ${limits.bytes} bytes, got ${stats.size}. Is this a data file?`,
    );
  }
  const bytes = readFileSync(path);
  if (!isUtf8(bytes)) {
    const lines = firstInvalidLine(bytes);
    throw problem(path, "syntax", "the text must be UTF-8. Save the file in that encoding.", lines);
  }
  return bytes.toString("utf8");
}

/** Returns the number of the first line that is not UTF-8. */
export function firstInvalidLine(bytes: Buffer): number {
  let start = 0;
  for (let line = 1; ; line++) {
    const newline = bytes.indexOf(0x0a, start);
    const end = newline === -1 ? bytes.length : newline;
    if (newline === -1 || !isUtf8(bytes.subarray(start, end))) return line;
    start = end + 1;
  }
}

function problem(source: string, code: ConfigIssue["code"], message: string, line?: number): ConfigError {
  return new ConfigError(source, [
    { path: "", code, message, ...(line === undefined ? {} : { line, column: 1 }) },
  ]);
}
