// What a program of Hydra 1.3.8 prints and leaves behind for a command line, by main here, byte for byte.
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { runMain } from "sconce/config";

interface Case {
  words: string[];
  exitCode: number;
  output: string | null;
  files: Record<string, string>;
}

const golden = JSON.parse(
  readFileSync(new URL("../goldens/config/hydra-main.json", import.meta.url), "utf8"),
) as { files: Record<string, string>; cases: Case[] };

let root: string;
let before: string;

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), "sconce-hydra-main-")));
  for (const [name, text] of Object.entries(golden.files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
  before = process.cwd();
  process.chdir(root);
  vi.spyOn(process.stderr, "write").mockReturnValue(true);
});

afterEach(() => {
  vi.restoreAllMocks();
  process.chdir(before);
  rmSync(root, { recursive: true });
});

function filesLeft(): Record<string, string> {
  const names = readdirSync(root, { recursive: true, encoding: "utf8" }).sort();
  const left = names.filter((name) => name.endsWith(".yaml") && !/^(conf|more|second)\//u.test(name));
  return Object.fromEntries(
    left.map((name) => [
      relative(root, join(root, name)),
      readFileSync(join(root, name), "utf8").replaceAll(root, "$ROOT"),
    ]),
  );
}

/** Makes tables independent of how long the path of the temporary folder is. */
function narrow(text: string): string {
  return text.replaceAll(/ +\|/gu, " |").replaceAll(/-{20,}/gu, "---");
}

test.each(golden.cases.map((each) => [each.words.join(" "), each] as const))("%s", async (_, each) => {
  let printed = "";
  const { exitCode } = await runMain(
    {
      configPath: "conf",
      configName: "config",
      argv: each.words,
      afterFailure: "continue",
      print: (text) => (printed += text),
    },
    (config) => {
      if (config["seed"] === 13) throw new Error("unlucky");
    },
  );
  expect(exitCode === 0).toBe(each.exitCode === 0);
  if (each.output !== null) expect(narrow(printed.replaceAll(root, "$ROOT"))).toBe(narrow(each.output));
  expect(filesLeft()).toEqual(each.files);
});
