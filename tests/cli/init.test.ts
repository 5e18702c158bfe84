import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeEach, describe, expect, test } from "vitest";
import { readTable } from "../../src/data/index.ts";
import { hashTree, sconce } from "./run.ts";

let root: string;
beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), "sconce-init-")));
  writeFileSync(join(root, "package.json"), "{}");
});

const rows = Array.from({ length: 50 }, (_, i) => ({
  body: `This, "truly", is message number ${i};\nit has two lines.`,
  kind: i % 5 === 0 ? "spam" : "ham",
}));
const csv = [
  "id;body;kind",
  ...rows.map(({ body, kind }, i) => `${i};"${body.replaceAll('"', '""')}";${kind}`),
].join("\r\n");
const init = (...words: string[]) => sconce(["init", ...words], { cwd: root });
const readConfig = (name: string) =>
  JSON.parse(readFileSync(join(root, "use_cases", name, "Configurations", "config.json"), "utf8")) as {
    dataset: Record<string, unknown>;
  };

describe("sconce init", () => {
  test("writes data, config and README, says what it guessed, and its config passes the check", async () => {
    writeFileSync(join(root, "mail.csv"), csv);
    const { code, stdout, stderr } = await init("mail.csv");
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatchInlineSnapshot(`
      "mail.csv: 50 rows
        texts    column "body" (guessed), cut at 16 tokens
        labels   column "kind" (guessed), 2 labels
                   ham   40   80.0 %
                   spam  10   20.0 %

      Made use_cases/mail
        Datasets/train.csv  40 rows, 10 % of them for validation
        Datasets/test.csv   10 rows, to judge models on
        Configurations/config.json
        README.md

      Next
        sconce check use_cases/mail/Configurations/config.json
        sconce train use_cases/mail/Configurations/config.json
      "
    `);
    const check = await sconce(["check", "use_cases/mail/Configurations/config.json"], { cwd: root });
    expect([check.code, check.stderr]).toEqual([0, ""]);
    expect(readConfig("mail").dataset).toMatchObject({
      train: "Datasets/train.csv",
      test: "Datasets/test.csv",
      text_column: "body",
      label_column: "kind",
    });
  });

  test("shares out every row, whatever is in it, each label in proportion", async () => {
    writeFileSync(join(root, "mail.csv"), csv);
    await init("mail.csv");
    const parts = await Promise.all(
      ["train", "test"].map((name) =>
        readTable(join(root, "use_cases", "mail", "Datasets", `${name}.csv`), { delimiter: "," }),
      ),
    );
    expect(parts.map(({ columns }) => columns)).toEqual([
      ["id", "body", "kind"],
      ["id", "body", "kind"],
    ]);
    const all = parts.flatMap((table) =>
      table
        .column("id")
        .map((id, row) => ({ id, body: table.column("body")[row], kind: table.column("kind")[row] })),
    );
    expect(all.sort((a, b) => Number(a.id) - Number(b.id))).toEqual(
      rows.map((row, i) => ({ id: String(i), ...row })),
    );
    expect(parts.map((table) => table.column("kind").filter((kind) => kind === "spam").length)).toEqual([
      8, 2,
    ]);
  });

  test("gives the same split every time", async () => {
    writeFileSync(join(root, "mail.csv"), csv);
    await init("mail.csv", "--name", "one");
    await init("mail.csv", "--name", "two");
    const useCases = join(root, "use_cases");
    expect(hashTree(join(useCases, "one", "Datasets"))).toEqual(hashTree(join(useCases, "two", "Datasets")));
  });

  test("takes columns and name as they are given, and copies the file with --no-split", async () => {
    writeFileSync(join(root, "mail.csv"), csv);
    const words = [
      "mail.csv",
      "--name",
      "mine",
      "--text-column",
      "body",
      "--label-column",
      "kind",
      "--no-split",
    ];
    const { code, stdout } = await init(...words);
    expect(code).toBe(0);
    expect(stdout).not.toContain("guessed");
    expect(readFileSync(join(root, "use_cases/mine/Datasets/mail.csv"), "utf8")).toBe(csv);
    expect(readConfig("mine").dataset).not.toHaveProperty("test");
    expect((await sconce(["check", "use_cases/mine/Configurations/config.json"], { cwd: root })).code).toBe(
      0,
    );
  });

  test("takes a Parquet file, which the check reads too", async () => {
    const golden = fileURLToPath(new URL("../goldens/data/tables/pandas.parquet", import.meta.url));
    copyFileSync(golden, join(root, "mail.parquet"));
    const { code, stdout, stderr } = await init("mail.parquet", "--no-split", "--text-column", "text");
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toContain('labels   column "label" (guessed), 2 labels');
    const config = "use_cases/mail/Configurations/config.json";
    expect(readConfig("mail").dataset).toMatchObject({ train: "Datasets/mail.parquet" });
    expect((await sconce(["check", config], { cwd: root })).code).toBe(0);
    const wrong = await sconce(["check", config, "dataset.text_column=txet"], { cwd: root });
    expect(wrong.stderr).toContain('no column "txet". Did you mean "text"? It has: text, label, n.');
  });

  test("works from a folder within the project, and reads JSON lines whose rows leave keys out", async () => {
    const lines = rows.map((row, i) => JSON.stringify(i === 3 ? row : { ...row, note: "x" }));
    mkdirSync(join(root, "downloads"));
    writeFileSync(join(root, "downloads", "mail.jsonl"), lines.join("\n"));
    const { code, stdout } = await sconce(["init", "mail.jsonl"], { cwd: join(root, "downloads") });
    expect(code).toBe(0);
    expect(stdout).toContain("left out note: not in every row");
    expect((await readTable(join(root, "use_cases/mail/Datasets/train.csv"))).columns).toEqual([
      "body",
      "kind",
    ]);
  });

  test("validates on as many rows as it takes, and on none where labels are too rare", async () => {
    const few = ["text,label", ..."aabbaabb".split("").map((label, i) => `message number ${i},${label}`)];
    writeFileSync(join(root, "few.csv"), few.join("\n"));
    await init("few.csv");
    expect(readConfig("few").dataset["validation_ratio"]).toBe(0.2);
    writeFileSync(join(root, "rare.csv"), [...few, "message number 9,c"].join("\n"));
    const { code } = await init("rare.csv", "--no-split");
    expect([code, readConfig("rare").dataset["validation_ratio"]]).toEqual([0, 0]);
    expect((await sconce(["check", "use_cases/rare/Configurations/config.json"], { cwd: root })).code).toBe(
      0,
    );
  });
});

describe("sconce init refuses", () => {
  test("to overwrite, and leaves everything as it is", async () => {
    writeFileSync(join(root, "mail.csv"), csv);
    await init("mail.csv");
    const before = hashTree(root);
    const { code, stderr } = await init("mail.csv");
    expect(code).toBe(2);
    expect(stderr).toMatch(
      /must not exist, since nothing is overwritten. Choose another name with --name NAME/,
    );
    expect(hashTree(root)).toEqual(before);
  });

  test.each([
    ["a file that is not there", undefined, [], "a.csv: no such file. Check the path."],
    ["an empty file", "", [], "a.csv: a data file must have rows, this one is empty."],
    ["a header alone", "text,label\n", [], "this one has only its header"],
    ["text that is not UTF-8", Buffer.from([0x74, 0x2c, 0x6c, 0x0a, 0xff, 0x2c, 0x61]), [], "a.csv:2: "],
    [
      "a label with one row",
      "text,label\nhello,a\nworld,a\nyou,b\n",
      [],
      'a.csv cannot be split into training and test rows: each class needs at least two rows to stand in both parts, "b" has one.',
    ],
    [
      "a column that is not there",
      csv,
      ["--label-column", "knd"],
      'a.csv: no column "knd". Did you mean "kind"?',
    ],
    ["a name that is no folder's", csv, ["--name", "../x"], 'got "../x". Choose one with --name NAME.'],
    [
      "a task that there is none for",
      "tokens,ner_tags\nJim lives,B-PER O\nin Rome,O B-LOC\n",
      [],
      "looks like ner, which is not available yet",
    ],
  ])("%s", async (_, content, words, message) => {
    if (content !== undefined) writeFileSync(join(root, "a.csv"), content);
    const { code, stdout, stderr } = await init("a.csv", ...words);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(message);
    expect(existsSync(join(root, "use_cases"))).toBe(false);
  });
});
