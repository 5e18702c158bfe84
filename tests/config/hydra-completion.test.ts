import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { splitLine } from "../../src/cli/completion-script.ts";
import { completeComposed } from "../../src/config/hydra/complete-composed.ts";

/** Written by tools/golden/hydra_completion.py with hydra-core. */
const golden = JSON.parse(
  readFileSync(new URL("../goldens/config/hydra-completion.json", import.meta.url), "utf8"),
) as { files: Record<string, string>; cases: { line: string; offered: string[] }[] };

const folder = mkdtempSync(join(tmpdir(), "sconce-completion-"));
afterAll(() => rmSync(folder, { recursive: true }));
for (const [name, text] of Object.entries(golden.files)) {
  mkdirSync(dirname(join(folder, name)), { recursive: true });
  writeFileSync(join(folder, name), text);
}

function offer(line: string): string[] {
  const { before, word } = splitLine(line);
  const overrides = before.filter((text) => !text.startsWith("-"));
  const isMultirun = before.includes("-m");
  return completeComposed(word, { configPath: folder, configName: "config", overrides, isMultirun, folder });
}

/** What Hydra itself is configured by depends on its plugins. */
const withoutHydra = (candidates: readonly string[]): string[] =>
  candidates.filter((text) => !/^[+~]*hydra/u.test(text));

// of no use: the word itself, what cannot be read, and an item that the word does not start
const different: Record<string, string[]> = { "later=": [], "trainer=": [], "layers.1": ["layers.1."] };

describe("a word is completed as Hydra completes it", () => {
  test.each(golden.cases.map(({ line, offered }) => [line, offered] as const))("%j", (line, offered) => {
    const actual = withoutHydra(offer(line));
    const deleted = ["~", "~d", "~db"]; // keys of the config can be deleted too
    const expected = different[line] ?? withoutHydra(offered);
    if (deleted.includes(line)) expect(actual).toEqual(expect.arrayContaining(expected));
    else expect(actual).toEqual(expected);
  });
});
