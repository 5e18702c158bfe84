// Accuracy after fine-tuning on all rows, beside Hugging Face's Trainer with the same settings, in one run.
//
//   npm run bench -- accuracy [--epochs 3]
import { readFileSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { describeMachine, findPython, root, saveReport } from "./report.ts";
import {
  batchSize,
  configOf,
  dataOf,
  execute,
  makeProject,
  maxLength,
  model,
  sourceName,
} from "./use-case.ts";

interface Evaluation {
  metrics: { accuracy: number };
  intervals: { accuracy: { low: number; high: number } };
}

const { values: flags } = parseArgs({ options: { epochs: { type: "string", default: "3" } } });
const python = findPython();
const project = makeProject({ epochs: Number(flags.epochs) });
const ours = await runOurs();
console.log(`sconce: ${JSON.stringify(ours.metrics.accuracy)} ${JSON.stringify(ours.intervals.accuracy)}`);
const theirs = await runPeer();
console.log(`hf: ${theirs}`);
saveReport("accuracy", describe());
rmSync(project, { recursive: true, force: true });

async function runOurs(): Promise<Evaluation> {
  await execute(process.execPath, [join(root, "bin", "sconce"), "train", configOf(project)]);
  const runs = join(project, "outputs", "TrainedModels", "bench", "bench");
  const [run] = readdirSync(runs).filter((name) => /^\d/.test(name));
  return JSON.parse(readFileSync(join(runs, run!, "metrics.json"), "utf8")) as Evaluation;
}

async function runPeer(): Promise<number> {
  const { stdout } = await execute(python, [
    join(root, "bench", "finetune_peer.py"),
    "best",
    model,
    dataOf(project, "train"),
    String(batchSize),
    String(maxLength),
    join(project, "peer"),
    flags.epochs,
    dataOf(project, "test"),
  ]);
  return (JSON.parse(stdout.trim().split("\n").at(-1)!) as { accuracy: number }).accuracy;
}

function describe(): string {
  const { low, high } = ours.intervals.accuracy;
  return `# Accuracy: Sconce beside Hugging Face's Trainer

${describeMachine()}, libtorch 2.13.0 on both sides.
MiniLM on all rows of ${sourceName()}, ${flags.epochs} epochs, batch ${batchSize}, at most ${maxLength} tokens, AdamW 5e-5 with a linear schedule, bf16, batches by length.

    npm run bench -- accuracy --epochs ${flags.epochs}

| | test accuracy | 95 % interval |
|---|---|---|
| sconce | ${ours.metrics.accuracy.toFixed(4)} | ${low.toFixed(4)} to ${high.toFixed(4)} |
| hf Trainer | ${theirs.toFixed(4)} | |
`;
}
