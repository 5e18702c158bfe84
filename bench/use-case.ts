// What the fine-tuning benchmarks share: one use case for both sides, and a command run with its memory watched.
import { spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readTable } from "../src/data/index.ts";
import { root } from "./report.ts";

export const model = join(root, "pretrained_models", "minilm");
export const batchSize = 32;
export const maxLength = 64;
/** Steps that are left out of samples per second by both sides. */
export const warmSteps = 8;

/** Runs a command to its end and watches the memory of it and its children. */
export function execute(
  command: string,
  args: string[],
): Promise<{ stdout: string; peakRssMegabytes: number }> {
  const env = {
    ...process.env,
    BENCH_STARTED: String(Date.now() / 1000),
    BENCH_WARM: String(warmSteps),
    HF_HUB_OFFLINE: "1",
  };
  const child = spawn(command, args, { env, stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  let peak = 0;
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const timer = setInterval(() => (peak = Math.max(peak, ...familyOf(child.pid!).map(peakRss))), 20);
  return new Promise((resolve, reject) => {
    child.on("close", (code) => {
      clearInterval(timer);
      if (code === 0) resolve({ stdout, peakRssMegabytes: peak });
      else reject(new Error(`${command} ${args.join(" ")} ended with ${code}\n${stderr.slice(-3000)}`));
    });
  });
}

function familyOf(pid: number): number[] {
  const path = `/proc/${pid}/task/${pid}/children`;
  if (!existsSync(path)) return [pid];
  const children = readFileSync(path, "utf8").trim().split(" ").filter(Boolean).map(Number);
  return [pid, ...children.flatMap(familyOf)];
}

function peakRss(pid: number): number {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1024;
  } catch {
    return 0; // it has just ended
  }
}

/** Writes a project whose use case `bench` trains on some rows of banking77, and returns its folder. */
export async function makeProject({
  trainRows = Infinity,
  testRows = Infinity,
  epochs = 1,
}: {
  trainRows?: number;
  testRows?: number;
  epochs?: number;
}): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "sconce-bench-"));
  const useCase = join(folder, "use_cases", "bench");
  for (const name of ["Datasets", "Configurations"]) mkdirSync(join(useCase, name), { recursive: true });
  mkdirSync(join(folder, "pretrained_models"));
  cpSync(model, join(folder, "pretrained_models", "minilm"), { recursive: true });
  for (const [name, rows] of [
    ["train", trainRows],
    ["test", testRows],
  ] as const) {
    // prettier-ignore
    const { path, text, label } = source(name);
    const table = await readTable(path);
    const [texts, labels] = [table.column(text), table.column(label)];
    const lines = texts.slice(0, rows).map((cell, i) => `${quote(cell)},${quote(labels[i]!)}`);
    writeFileSync(join(useCase, "Datasets", `${name}.csv`), `text,label\n${lines.join("\n")}\n`);
  }
  const config = {
    experiment: "bench",
    base_model: "minilm",
    dataset: {
      train: "Datasets/train.csv",
      test: "Datasets/test.csv",
      max_length: maxLength,
      batch_size: batchSize,
      validation_ratio: 0,
    },
    optimizer: { name: "adamw", lr: 5e-5, weight_decay: 0.01 },
    scheduler: { name: "linear" },
    trainer: {
      max_epochs: epochs,
      precision: "bf16-mixed",
      gradient_clip_val: 1,
      log_every_n_steps: 1,
      enable_checkpointing: false,
    },
  };
  writeFileSync(configOf(folder), JSON.stringify(config));
  return folder;
}

/** Path of the use case's config. */
export function configOf(project: string): string {
  return join(project, "use_cases", "bench", "Configurations", "config.json");
}

/** Path of the use case's train.csv or test.csv. */
export function dataOf(project: string, name: "train" | "test"): string {
  return join(project, "use_cases", "bench", "Datasets", `${name}.csv`);
}

/** Says where the rows are from. */
export function sourceName(): string {
  return source("train").path.includes("banking77") ? "banking77" : "the spam use case";
}

/** banking77 where the data folder has it, else the use case that the project ships. */
function source(name: "train" | "test"): { path: string; text: string; label: string } {
  const data = process.env["SCONCE_DATA"];
  const banking = data === undefined ? undefined : join(data, "banking77", `${name}.csv`);
  if (banking !== undefined && existsSync(banking)) return { path: banking, text: "text", label: "category" };
  return { path: join(root, "use_cases", "spam", "Datasets", `${name}.csv`), text: "text", label: "label" };
}

function quote(cell: string): string {
  return `"${cell.replaceAll('"', '""')}"`;
}
