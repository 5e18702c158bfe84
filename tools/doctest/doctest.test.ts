import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { temporaryFolder } from "../fixtures/setup.ts";
import { codeBlocks, withExpectations } from "./blocks.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const isBuilt = existsSync(join(root, "dist", "src", "index.d.ts"));

test("bash and ts blocks are found, with their lines; those below a no-run comment say why", () => {
  const parts = [
    "# Title\n```bash\necho 1\n```",
    "<!-- no-run: needs a GPU -->\n\n```ts\ntrain();\n```",
    "```json\n{}\n```\n- a list\n  ```bash\n  if true; then\n    echo 2\n  fi\n  ```",
    "````md\n```bash\nnot run\n```\n````",
    "<!-- no-run: it stands above text -->\ntext\n```bash\necho 3\n```",
  ];
  const text = parts.join("\n");
  expect(codeBlocks(text)).toEqual([
    { language: "bash", code: "echo 1", line: 2 },
    { language: "ts", code: "train();", line: 7, reason: "needs a GPU" },
    { language: "bash", code: "if true; then\n  echo 2\nfi", line: 14 },
    { language: "bash", code: "echo 3", line: 26 },
  ]);
});

test("a block that is not closed is an error", () => {
  expect(() => codeBlocks("text\n```bash\necho")).toThrow("line 2: the code block is not closed.");
});

test("a // => behind an expression, a declaration or a log is a check of its value", () => {
  const code = [
    "f(1); // => [1]",
    "const x: number = 2; // => 2",
    'console.log(`${x}`); // => "2"',
    "x; // two",
  ];
  expect(withExpectations(code.join("\n")).program?.split("\n").slice(0, 4)).toEqual([
    'expectValue(f(1), "[1]");',
    'const x: number = 2; expectValue(x, "2");',
    'expectValue(`${x}`, "\\"2\\"");',
    "x; // two",
  ]);
  expect(withExpectations("f(\n  1,\n); // => 2").problem).toMatchInlineSnapshot(
    `""// =>" must stand behind a whole statement on one line, got: ); // => 2"`,
  );
});

// what runs is a copy of the built project
test.skipIf(!isBuilt)(
  "blocks run in a copy of the project; each failure is shown, counted and reported",
  () => {
    const folder = temporaryFolder();
    const [file, report] = [join(folder, "page.md"), join(folder, "report.json")];
    const blocks: Record<string, string[]> = {
      bash: [
        'sconce --version\ntouch made-by-a-block; test -z "$(ls "$HOME")"',
        "false\ntrue",
        "test -e made-by-a-block",
      ],
      ts: [
        'import { parseConfig } from "sconce/config";\ntypeof parseConfig; // => "function"\n[0.5, { a: NaN }]; // => [0.5, { a: NaN }]',
        "const text: string = 1;\nconsole.log(text);",
        "const sum = 1 + 1; // => 3",
        "[\n  1,\n]; // => [1]",
      ],
    };
    const fences = Object.entries(blocks).flatMap(([language, codes]) =>
      codes.map((code) => `\`\`\`${language}\n${code}\n\`\`\`\n`),
    );
    writeFileSync(file, `${fences.join("\n")}\n<!-- no-run: takes hours -->\n\`\`\`bash\nexit 1\n\`\`\`\n`);
    const args = [join(root, "tools", "doctest.mjs"), "--report", report, file];
    const { status, stdout } = spawnSync(process.execPath, args, { encoding: "utf8" });
    const outcomes = stdout.split("\n").filter((line) => /^(passed|FAILED|left out) /.test(line));
    expect(outcomes.map((line) => line.split(" ")[0])).toEqual([
      "passed",
      "FAILED",
      "passed",
      "passed",
      "FAILED",
      "FAILED",
      "FAILED",
      "left",
    ]);
    expect(stdout).toMatch(/error TS2322: Type 'number' is not assignable to type 'string'/);
    expect(stdout).toMatch(/2 !== 3/);
    expect(stdout.trimEnd().split("\n").at(-1)).toBe("doctest: 3 passed, 4 failed");
    expect(JSON.parse(readFileSync(report, "utf8"))).toEqual({ passed: 3, failed: 4 });
    expect(status).toBe(1);
    expect(existsSync(join(root, "made-by-a-block"))).toBe(false);
  },
);
