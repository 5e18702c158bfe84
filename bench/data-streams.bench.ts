// Memory and speed of streaming files of several sizes, shuffled, and how long it takes to go on from their middle:
// node tools/bench.mjs data-streams [--megabytes 50,400]
import { closeSync, mkdtempSync, openSync, rmSync, statSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { FileStream } from "../src/data/index.ts";

const { values: flags } = parseArgs({ options: { megabytes: { type: "string", default: "50,400" } } });
const folder = mkdtempSync(join(tmpdir(), "sconce-bench-stream-"));
for (const megabytes of flags.megabytes.split(",").map(Number)) {
  const path = writeRows(megabytes);
  const opened = performance.now();
  const stream = await FileStream.open(path, { shuffle: true, bufferRows: 10_000, seed: 1 });
  const openSeconds = (performance.now() - opened) / 1000;
  const started = performance.now();
  let [rows, peak] = [0, 0];
  for await (const { cells } of stream.read(0)) {
    if (typeof cells["text"] !== "string") throw new Error("a row without text");
    if (++rows % 5000 === 0) peak = Math.max(peak, process.memoryUsage().rss);
  }
  const seconds = (performance.now() - started) / 1000;
  const sought = performance.now();
  await stream.read(0, Math.floor(rows / 2)).next();
  const seekMs = performance.now() - sought;
  const size = statSync(path).size / 1e6;
  console.log(
    `${size.toFixed(0)} MB, ${rows} rows: opened in ${openSeconds.toFixed(1)} s, ${(rows / seconds).toFixed(0)} rows/s (${(size / seconds).toFixed(0)} MB/s), peak RSS ${(peak / 2 ** 20).toFixed(0)} MiB, going on from the middle ${seekMs.toFixed(0)} ms`,
  );
  rmSync(path);
}
rmSync(folder, { recursive: true });

function writeRows(megabytes: number): string {
  const path = join(folder, `${megabytes}.jsonl`);
  const file = openSync(path, "w");
  const text = "The quick brown fox jumps over the lazy dog. ".repeat(8);
  for (let row = 0, size = 0; size < megabytes * 1e6;) {
    const lines = Array.from(
      { length: 1000 },
      () => `${JSON.stringify({ id: row++, text: `${row} ${text}`, label: row % 3 })}\n`,
    );
    size += writeSync(file, lines.join(""));
  }
  closeSync(file);
  return path;
}
