// Fine-tuning beside Hugging Face's Trainer, in one run: the same model, rows, batch size and libtorch version.
//
//   npm run bench -- finetune [--rounds 3] [--rows 2500]
//
// The peers run in turn, round after round; of each the best round counts, since the machine is noisy.
import { spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { SqliteStore } from "../src/tracking/index.ts";
import { readTable } from "../src/data/index.ts";

const warmSteps = 8; // left out of samples per second by both sides
const batchSize = 32;
const maxLength = 64;

interface Measured {
  /** From the command to the end of the first optimizer step. */
  firstStepSeconds: number;
  samplesPerSecond: number;
  peakRssMegabytes: number;
}

const { values: flags } = parseArgs({
  options: { rounds: { type: "string", default: "3" }, rows: { type: "string", default: "2500" } },
});
const root = resolve(".");
const python = process.env["SCONCE_COMPAT_PYTHON"] ?? join(root, ".venv", "compat", "bin", "python");
const model = join(root, "pretrained_models", "minilm");
const project = makeProject(Number(flags.rows));

const contenders: Record<string, () => Promise<Measured>> = {
  sconce: runOurs,
  "hf best (bf16, by length)": () => runPeer("best"),
  "hf default": () => runPeer("default"),
};
const rounds: Record<string, Measured[]> = {};
for (let round = 1; round <= Number(flags.rounds); round++) {
  for (const [name, run] of Object.entries(contenders)) {
    const measured = await run();
    (rounds[name] ??= []).push(measured);
    console.log(`round ${round}  ${name.padEnd(26)} ${format(measured)}`);
  }
}
const best = Object.fromEntries(Object.entries(rounds).map(([name, runs]) => [name, bestOf(runs)]));
const report = describe(best);
console.log(report);
mkdirSync(join(root, "bench", "results"), { recursive: true });
writeFileSync(join(root, "bench", "results", "finetune.md"), report);
rmSync(project, { recursive: true, force: true });

async function runOurs(): Promise<Measured> {
  rmSync(join(project, "outputs"), { recursive: true, force: true });
  const startedAt = Date.now();
  const { peakRssMegabytes } = await execute(process.execPath, [
    join(root, "bin", "sconce"),
    "train",
    join(project, "use_cases", "bench", "Configurations", "config.json"),
  ]);
  const store = await SqliteStore.open({ path: join(project, "outputs", "mlflow", "mlflow.db") });
  const [run] = await store.searchRuns();
  const losses = await store.metricHistory(run!.info.runId, "train_loss");
  await store.close();
  const warm = losses.find(({ step }) => step === warmSteps)!;
  const last = losses.at(-1)!;
  const rows = Number(flags.rows) - warmSteps * batchSize;
  return {
    firstStepSeconds: (losses[0]!.timestamp - startedAt) / 1000,
    samplesPerSecond: (rows / (last.timestamp - warm.timestamp)) * 1000,
    peakRssMegabytes,
  };
}

async function runPeer(mode: "best" | "default"): Promise<Measured> {
  const output = join(project, "peer");
  const script = join(root, "bench", "finetune_peer.py");
  const train = join(project, "use_cases", "bench", "Datasets", "train.csv");
  const { stdout } = await execute(python, [
    script,
    mode,
    model,
    train,
    String(batchSize),
    String(maxLength),
    output,
  ]);
  return JSON.parse(stdout.trim().split("\n").at(-1)!) as Measured;
}

/** Runs a command to its end and watches the memory of it and its children. */
function execute(command: string, args: string[]): Promise<{ stdout: string; peakRssMegabytes: number }> {
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

function makeProject(rows: number): string {
  const folder = mkdtempSync(join(tmpdir(), "sconce-bench-"));
  const useCase = join(folder, "use_cases", "bench");
  for (const name of ["Datasets", "Configurations"]) mkdirSync(join(useCase, name), { recursive: true });
  mkdirSync(join(folder, "pretrained_models"));
  cpSync(model, join(folder, "pretrained_models", "minilm"), { recursive: true });
  const { path, text, label } = source();
  const table = readTable(path);
  const [texts, labels] = [table.column(text), table.column(label)];
  const quote = (cell: string) => `"${cell.replaceAll('"', '""')}"`;
  const write = (name: string, from: number, to: number) => {
    const lines = texts.slice(from, to).map((cell, i) => `${quote(cell)},${quote(labels[from + i]!)}`);
    writeFileSync(join(useCase, "Datasets", name), `text,label\n${lines.join("\n")}\n`);
  };
  write("train.csv", 0, rows);
  write("test.csv", 0, 64); // our command always judges what it trained; a few rows keep that short
  writeFileSync(
    join(useCase, "Configurations", "config.json"),
    JSON.stringify({
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
        max_epochs: 1,
        precision: "bf16-mixed",
        gradient_clip_val: 1,
        log_every_n_steps: 1,
        enable_checkpointing: false,
      },
    }),
  );
  return folder;
}

/** banking77 where the data folder has it, else the use case that the project ships. */
function source(): { path: string; text: string; label: string } {
  const data = process.env["SCONCE_DATA"];
  const banking = data === undefined ? undefined : join(data, "banking77", "train.csv");
  if (banking !== undefined && existsSync(banking)) return { path: banking, text: "text", label: "category" };
  return { path: join(root, "use_cases", "spam", "Datasets", "train.csv"), text: "text", label: "label" };
}

function bestOf(runs: readonly Measured[]): Measured {
  return {
    firstStepSeconds: Math.min(...runs.map((run) => run.firstStepSeconds)),
    samplesPerSecond: Math.max(...runs.map((run) => run.samplesPerSecond)),
    peakRssMegabytes: Math.min(...runs.map((run) => run.peakRssMegabytes)),
  };
}

function format({ firstStepSeconds, samplesPerSecond, peakRssMegabytes }: Measured): string {
  return `${samplesPerSecond.toFixed(1).padStart(6)} samples/s  first step ${firstStepSeconds.toFixed(2)} s  peak RSS ${peakRssMegabytes.toFixed(0)} MB`;
}

function describe(best: Record<string, Measured>): string {
  const ours = best["sconce"]!;
  const rows = Object.entries(best).map(
    ([name, run]) =>
      `| ${name} | ${run.samplesPerSecond.toFixed(1)} | ${(ours.samplesPerSecond / run.samplesPerSecond).toFixed(2)} | ${run.firstStepSeconds.toFixed(2)} | ${run.peakRssMegabytes.toFixed(0)} |`,
  );
  return `# Fine-tuning MiniLM: Sconce beside Hugging Face's Trainer

${new Date().toISOString().slice(0, 10)}, ${cpus().length} cores (${cpus()[0]!.model.trim()}), Node ${process.versions.node}, libtorch 2.13.0 on both sides.
${flags.rows} rows of ${source().path.includes("banking77") ? "banking77" : "the spam use case"}, one epoch, batch ${batchSize}, at most ${maxLength} tokens; the best of ${flags.rounds} rounds in turn.

    npm run bench -- finetune --rounds ${flags.rounds} --rows ${flags.rows}

| | samples/s | ours / theirs | first step, s | peak RSS, MB |
|---|---|---|---|---|
${rows.join("\n")}

Samples per second are measured from step ${warmSteps} to the last; the first step is measured from the start of the command.
Ours trains in bf16-mixed with batches by length; ours is the whole \`sconce train\`, tracking included.
`;
}
