import { afterEach, expect, test, vi } from "vitest";
import { stderrSink } from "./logger.ts";
import { printable, printableJson, printableLines } from "./printable.ts";

afterEach(() => vi.restoreAllMocks());

const odd = "a\u001b[2J\u009b2J\u202eb\u2028c\u{e0041}d\ne\tf";

test("text of others is shown without what would act", () => {
  expect(printable(odd)).toBe("a\\u001b[2J\\u009b2J\\u202eb\\u2028c\\ue0041d e f");
  expect(printableLines(odd)).toBe("a\\u001b[2J\\u009b2J\\u202eb\\u2028c\\ue0041d\ne f");
  expect(printable("Zürich 東京 😀 e\u0301")).toBe("Zürich 東京 😀 e\u0301");
});

test("JSON says the same in visible letters", () => {
  const json = printableJson(JSON.stringify({ [odd]: [odd, 1] }, null, 2));
  expect(json.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  expect(JSON.parse(json)).toEqual({ [odd]: [odd, 1] });
});

test("a message begins one line of the log, whatever is in it", () => {
  let written = "";
  vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    written += String(text);
    return true;
  });
  stderrSink("info")("warn", "run first\nerror: all is lost\r\u001b[1A (1) is gone.");
  expect(written).toBe("warn: run first\n  error: all is lost\\u000d\\u001b[1A (1) is gone.\n");
});
