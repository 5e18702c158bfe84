// The preparation of use_cases/spam: what of an e-mail its rows hold, and that they are the same everywhere.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { checkUseCase } from "sconce/config";
import { readTable } from "sconce/data";
import { temporaryFolder } from "../../tools/fixtures/setup.ts";
import { mailText } from "../../use_cases/spam/mail-text.mjs";

const useCase = fileURLToPath(new URL("../../use_cases/spam/", import.meta.url));

/** A message with the given headers and body. */
function mail(headers: string[], ...body: string[]): string {
  return ["From a@b.c  Thu Aug 22 12:36:23 2002", "Subject: not this", ...headers, "", ...body].join("\n");
}

test("headers are left out, folded ones too, and whitespace is folded", () => {
  const text = mail(["Received: from x", "\tby y; Thu"], "Hello,", "", "\tyou \u200Bare  here.\u0007", "");
  expect(mailText(text)).toBe("Hello, you are here.");
  expect(mailText(text.replaceAll("\n", "\r\n"))).toBe("Hello, you are here.");
  expect(mailText(mail([]))).toBe("");
  expect(mailText("Subject: no body")).toBe("");
});

test("text is decoded from its transfer encoding and its character set", () => {
  const encoded = (encoding: string, charset: string, body: string) =>
    mailText(
      mail([`Content-Type: text/plain; charset=${charset}`, `Content-Transfer-Encoding: ${encoding}`], body),
    );
  expect(encoded("quoted-printable", "iso-8859-1", "caf=E9 =\nau lait=20\n1+1=2 =ZZ")).toBe(
    "café au lait 1+1=2 =ZZ",
  );
  expect(encoded("Quoted-Printable", '"UTF-8"', "caf=C3=A9")).toBe("café");
  expect(encoded("quoted-printable", "windows-1252", "=93=80=94")).toBe("“€”");
  expect(encoded("base64", "gb2312", "xOO6ww==")).toBe("你好");
  expect(encoded("7bit", "iso-2022-jp", "\u001B$B$3$s\u001B(B")).toBe("こん");
  expect(encoded("base64", "no-such-charset", "Y2Fm6Q==")).toBe("café");
  expect(encoded("8bit", "us-ascii", "caf\uFFFD co")).toBe("caf co");
});

test("of a message's parts the readable ones are kept", () => {
  const boundary = 'Content-Type: multipart/mixed;\n\tboundary="=_x y"';
  const text = mail(
    [boundary],
    "This is a multi-part message.",
    "--=_x y",
    "",
    "first",
    "--=_x y",
    "Content-Type: image/gif",
    "Content-Transfer-Encoding: base64",
    "",
    "R0lGODlh",
    "--=_x y",
    "Content-Type: text/plain",
    "Content-Disposition: attachment; filename=a.txt",
    "",
    "attached",
    "--=_x y",
    "Content-Type: message/rfc822",
    "",
    "Subject: forwarded",
    "",
    "second",
    "--=_x y--",
    "epilogue",
  );
  expect(mailText(text)).toBe("first second");
});

test("of alternatives the first with text is kept, nested ones too", () => {
  const alternatives = (plain: string) =>
    mail(
      ["Content-Type: multipart/alternative; boundary=b"],
      "--b",
      "Content-Type: text/plain",
      "",
      plain,
      "--b",
      "Content-Type: multipart/related; boundary=c",
      "",
      "--c",
      "Content-Type: text/html",
      "",
      "<p>rich</p>",
      "--c--",
      "--b--",
    );
  expect(mailText(alternatives("plain"))).toBe("plain");
  expect(mailText(alternatives(" "))).toBe("rich");
});

test("a boundary that is wrong or missing is found by its look", () => {
  const part = ["--real", "Content-Type: text/plain", "", "words", "--real--"];
  expect(mailText(mail(["Content-Type: multipart/mixed; boundary=other"], ...part))).toBe("words");
  expect(mailText(mail(["Content-Type: text/plain"], ...part))).toBe("words");
  expect(mailText(mail(["Content-Type: multipart/mixed; boundary=other"], "only words"))).toBe("only words");
  expect(mailText(mail(["Content-Type: multipart/mixed; boundary=b"], "--b", "", "cut off"))).toBe("cut off");
});

test("HTML becomes what a reader sees of it", () => {
  const html = (body: string) => mailText(mail(["Content-Type: text/html"], body));
  expect(html("<html><head><title>t</title><style>a{}</style></head><body>A<br>B</body></html>")).toBe("A B");
  expect(html("V<!-- x -->I<b>A</b>GRA<table><tr><td>now</td><td>here</td></tr></table>")).toBe(
    "VIAGRA now here",
  );
  expect(html("1 &lt; 2 &amp;&nbsp;&#51;&#x34; &euro; &unknown; &#0;")).toBe("1 < 2 & 34 € &unknown;");
  expect(html("<script>if (a < b) c();</script>x<img src=y")).toBe("x");
  // a mail that does not say what it is
  expect(mailText(mail([], "<HTML><BODY>Hi</BODY></HTML>"))).toBe("Hi");
  expect(mailText(mail([], "if a <b and c> d"))).toBe("if a <b and c> d");
});

test("the data is the same bytes on every machine, and no text stands in both files", async () => {
  const folder = temporaryFolder();
  execFileSync(process.execPath, [join(useCase, "prepare.mjs"), folder], { stdio: "ignore" });
  const hash = (name: string) =>
    createHash("sha256")
      .update(readFileSync(join(folder, name)))
      .digest("hex")
      .slice(0, 16);
  expect([hash("train.csv"), hash("test.csv")]).toMatchInlineSnapshot(`
    [
      "5b808b001e1526d9",
      "a21e417ddc157f3e",
    ]
  `);

  const [train, test] = await Promise.all(
    ["train.csv", "test.csv"].map((name) => readTable(join(folder, name))),
  );
  const labels = (part: typeof train) => part!.column("label").filter((label) => label === "spam").length;
  expect([train!.numRows, labels(train), test!.numRows, labels(test)]).toEqual([4573, 1294, 1143, 323]);
  expect(new Set([...train!.column("text"), ...test!.column("text")]).size).toBe(4573 + 1143);
});

test("the config passes the check beside its data", async () => {
  const project = temporaryFolder();
  const copy = join(project, "use_cases", "spam");
  cpSync(join(useCase, "Configurations"), join(copy, "Configurations"), { recursive: true });
  execFileSync(process.execPath, [join(useCase, "prepare.mjs"), join(copy, "Datasets")], { stdio: "ignore" });
  const { issues, config } = await checkUseCase(join(copy, "Configurations", "config.json"));
  expect(issues).toEqual([]);
  expect(config).toMatchObject({ use_case: "spam", base_model: "minilm", register: "spam" });
});
