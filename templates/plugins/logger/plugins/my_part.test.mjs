import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { loadPlugins, registry } from "sconce";

test("my_part writes a line for each metric", async () => {
  await loadPlugins(join(import.meta.dirname, ".."));
  const folder = mkdtempSync(join(tmpdir(), "my_part-"));
  const path = join(folder, "logs", "metrics.tsv");
  const logger = registry.createLogger("my_part", { path });
  logger.logMetrics({ val_loss: 0.5, val_f1: 1 }, 10);
  logger.logMetrics({ val_loss: 0.25 }, 20);
  assert.equal(readFileSync(path, "utf8"), "10\tval_loss\t0.5\n10\tval_f1\t1\n20\tval_loss\t0.25\n");
  rmSync(folder, { recursive: true });
});
