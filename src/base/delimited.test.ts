import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parseDelimited, type Dialect } from "./delimited.ts";

interface Case extends Dialect {
  text: string;
  /** null where a quote is never closed */
  records: string[][] | null;
}

// written by tools/golden/data_csv.py
const cases = JSON.parse(
  readFileSync(new URL("../../tests/goldens/data/csv.json", import.meta.url), "utf8"),
) as Case[];

function parse(text: string, dialect: Dialect & { strict?: boolean }) {
  const records: string[][] = [];
  const lines: number[] = [];
  const fault = parseDelimited(text, dialect, (fields, line) => {
    records.push(fields);
    lines.push(line);
    return true;
  });
  return { records, lines, fault };
}

test("records are those of Python's csv module, on odd and on random texts", () => {
  expect(cases.length).toBeGreaterThan(300);
  for (const { text, records, ...dialect } of cases) {
    const parsed = parse(text, dialect);
    const label = JSON.stringify(text);
    if (records === null) expect(parsed.fault?.kind, label).toBe("unterminated_quote");
    else expect({ text, ...parsed, lines: undefined }, label).toEqual({ text, records, fault: undefined });
  }
});

test("each record knows the line on which it begins, whatever ends the lines", () => {
  const dialect = { delimiter: ",", quote: '"' };
  expect(parse('a\n"b\nc"\n\nd\n', dialect).lines).toEqual([1, 2, 5]);
  expect(parse('a\r\n"b\r\nc"\r\n\r\nd\r\n', dialect).lines).toEqual([1, 2, 5]);
  expect(parse('a\r"b\rc"\r\rd\r', dialect).lines).toEqual([1, 2, 5]);
});

test("a quote that is never closed is reported with the line that opens it", () => {
  const dialect = { delimiter: ",", quote: '"' };
  expect(parse('a,b\n1,"2\n3,4\n5,6\n', dialect).fault).toEqual({ kind: "unterminated_quote", line: 2 });
});

test("strict parsing refuses text after a closing quote", () => {
  const dialect = { delimiter: ",", quote: '"', strict: true };
  expect(parse('a\n"b"c\n', dialect).fault).toEqual({ kind: "text_after_quote", line: 2 });
  expect(parse('a\n"b"\n', dialect).fault).toBeUndefined();
});

test("a handler that returns false ends the parse", () => {
  const seen: number[] = [];
  parseDelimited("a\nb\nc\n", { delimiter: ",", quote: null }, (_fields, line) => seen.push(line) < 2);
  expect(seen).toEqual([1, 2]);
});
