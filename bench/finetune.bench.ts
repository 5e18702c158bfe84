// Fine-tuning beside Hugging Face's Trainer, in one run: the same model, rows, batch size and libtorch version.
//
//   npm run bench -- finetune [--rounds 3] [--rows 2500]
//
// The peers run in turn, round after round; of each the best round counts, since the machine is noisy.
import { rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { SqliteStore } from "../src/tracking/index.ts";
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
  warmSteps,
} from "./use-case.ts";

interface Measured {
  /** From the command to the end of the first optimizer step. */
  firstStepSeconds: number;
  samplesPerSecond: number;
  peakRssMegabytes: number;
}

const { values: flags } = parseArgs({
  options: { rounds: { type: "string", default: "3" }, rows: { type: "string", default: "2500" } },
});
const python = findPython();
// our command always judges what it trained; a few rows keep that short
const project = await makeProject({ trainRows: Number(flags.rows), testRows: 64 });

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
saveReport("finetune", describe(best));
rmSync(project, { recursive: true, force: true });

async function runOurs(): Promise<Measured> {
  rmSync(join(project, "outputs"), { recursive: true, force: true });
  const startedAt = Date.now();
  const { peakRssMegabytes } = await execute(process.execPath, [
    join(root, "bin", "sconce"),
    "train",
    configOf(project),
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
  const { stdout } = await execute(python, [
    script,
    mode,
    model,
    dataOf(project, "train"),
    String(batchSize),
    String(maxLength),
    output,
  ]);
  return JSON.parse(stdout.trim().split("\n").at(-1)!) as Measured;
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

${describeMachine()}, libtorch 2.13.0 on both sides.
${flags.rows} rows of ${sourceName()}, one epoch, batch ${batchSize}, at most ${maxLength} tokens; the best of ${flags.rounds} rounds in turn.

    npm run bench -- finetune --rounds ${flags.rounds} --rows ${flags.rows}

| | samples/s | ours / theirs | first step, s | peak RSS, MB |
|---|---|---|---|---|
${rows.join("\n")}

Samples per second are measured from step ${warmSteps} to the last; the first step is measured from the start of the command.
Ours trains in bf16-mixed with batches by length; ours is the whole \`sconce train\`, tracking included.
`;
}
