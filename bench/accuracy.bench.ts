// Accuracy after fine-tuning on all rows, beside Hugging Face's Trainer with the same settings, in one run.
//
//   npm run bench -- accuracy [--epochs 3] [--seeds 3]
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

const { values: flags } = parseArgs({
  options: { epochs: { type: "string", default: "3" }, seeds: { type: "string", default: "3" } },
});
const python = findPython();
const pairs: { seed: number; ours: Evaluation; theirs: number }[] = [];
for (let seed = 1; seed <= Number(flags.seeds); seed++) {
  const project = await makeProject({ epochs: Number(flags.epochs) });
  const ours = await runOurs(project, seed);
  const theirs = await runPeer(project, seed);
  console.log(`seed ${seed}  sconce ${ours.metrics.accuracy.toFixed(4)}  hf ${theirs.toFixed(4)}`);
  pairs.push({ seed, ours, theirs });
  rmSync(project, { recursive: true, force: true });
}
saveReport("accuracy", describe());

async function runOurs(project: string, seed: number): Promise<Evaluation> {
  await execute(process.execPath, [join(root, "bin", "sconce"), "train", configOf(project), `seed=${seed}`]);
  const runs = join(project, "outputs", "TrainedModels", "bench", "bench");
  const [run] = readdirSync(runs).filter((name) => /^\d/.test(name));
  return JSON.parse(readFileSync(join(runs, run!, "metrics.json"), "utf8")) as Evaluation;
}

async function runPeer(project: string, seed: number): Promise<number> {
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
    String(seed),
  ]);
  return (JSON.parse(stdout.trim().split("\n").at(-1)!) as { accuracy: number }).accuracy;
}

function describe(): string {
  const rows = pairs.map(({ seed, ours, theirs }) => {
    const { low, high } = ours.intervals.accuracy;
    return `| ${seed} | ${ours.metrics.accuracy.toFixed(4)} | ${low.toFixed(4)} to ${high.toFixed(4)} | ${theirs.toFixed(4)} |`;
  });
  const mean = (values: number[]): string =>
    (values.reduce((sum, value) => sum + value, 0) / values.length).toFixed(4);
  const meanOfOurs = mean(pairs.map(({ ours }) => ours.metrics.accuracy));
  const meanOfTheirs = mean(pairs.map(({ theirs }) => theirs));
  return `# Accuracy: Sconce beside Hugging Face's Trainer

${describeMachine()}, libtorch 2.13.0 on both sides.
MiniLM on all rows of ${sourceName()}, ${flags.epochs} epochs, batch ${batchSize}, at most ${maxLength} tokens, AdamW 5e-5 with a linear schedule, bf16, batches by length.

    npm run bench -- accuracy --epochs ${flags.epochs} --seeds ${flags.seeds}

| seed | sconce, test accuracy | its 95 % interval | hf Trainer |
|---|---|---|---|
${rows.join("\n")}
| mean | ${meanOfOurs} | | ${meanOfTheirs} |
`;
}
