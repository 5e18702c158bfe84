// Start-up and small operators beside Python's, in one run.
//
//   npm run bench -- startup [--rounds 5]
//
// The peers run in turn, round after round; of each the best round counts, since the machine is noisy.
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { describeMachine, findPython, root, saveReport } from "./report.ts";

/** Microseconds of one call, by operator. */
type OperatorTimes = Record<string, number>;

const { values: flags } = parseArgs({ options: { rounds: { type: "string", default: "5" } } });
const python = findPython();
const sconce = join(root, "bin", "sconce");
const torch = join(root, "dist", "src", "torch", "index.js");
const project = makeProject();
const loadBefore = loadavg()[0]!;
const config = join(project, "use_cases", "bench", "Configurations", "config.json");

const firstOperator = `const torch = await import(${JSON.stringify(torch)}); console.log(torch.ones([4]).add(1).sum().item());`;
const commands: Record<string, [command: string, ...args: string[]]> = {
  "`sconce --help`": [process.execPath, sconce, "--help"],
  "`sconce check CONFIG`": [process.execPath, sconce, "check", config],
  '`import "sconce/torch"`, first operator': [process.execPath, "--input-type=module", "-e", firstOperator],
  "Python: `import torch`, first operator": [
    python,
    "-c",
    "import torch; print(torch.ones(4).add(1).sum().item())",
  ],
  "Python: `import transformers, torch`, first operator": [
    python,
    "-c",
    "import transformers, torch; print(torch.ones(4).add(1).sum().item())",
  ],
};

const seconds: Record<string, number[]> = {};
const operators: Record<"sconce" | "python", OperatorTimes[]> = { sconce: [], python: [] };
for (let round = 1; round <= Number(flags.rounds); round++) {
  for (const [name, [command, ...args]] of Object.entries(commands)) {
    const { firstLineSeconds } = await execute(command, args);
    (seconds[name] ??= []).push(firstLineSeconds);
    console.log(`round ${round}  ${name.padEnd(54)} ${firstLineSeconds.toFixed(3)} s`);
  }
  for (const [name, command, script] of [
    ["sconce", process.execPath, join(root, "dist", "bench", "small-operators.js")],
    ["python", python, join(root, "bench", "startup_peer.py")],
  ] as const) {
    const times = JSON.parse((await execute(command, [script])).stdout) as OperatorTimes;
    operators[name].push(times);
    const shown = Object.entries(times).map(([operator, us]) => `${operator} ${us.toFixed(2)} us`);
    console.log(`round ${round}  ${name.padEnd(54)} ${shown.join("  ")}`);
  }
}
saveReport("startup", describe());
rmSync(project, { recursive: true, force: true });

/** Runs a command to its end, with one thread, and notes when its first line came. */
function execute(command: string, args: string[]): Promise<{ stdout: string; firstLineSeconds: number }> {
  const startedAt = performance.now();
  const child = spawn(command, args, {
    cwd: project,
    env: { ...process.env, OMP_NUM_THREADS: "1", MKL_NUM_THREADS: "1", SCONCE_NUM_THREADS: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [stdout, stderr] = ["", ""];
  let firstLineSeconds = Infinity;
  child.stdout.on("data", (chunk: Buffer) => {
    stdout += chunk.toString();
    if (stdout.includes("\n"))
      firstLineSeconds = Math.min(firstLineSeconds, (performance.now() - startedAt) / 1000);
  });
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) resolve({ stdout, firstLineSeconds });
      else reject(new Error(`${command} ${args.join(" ")} ended with ${code}\n${stderr.slice(-3000)}`));
    });
  });
}

/** A config that is sound, with the little data that proving it takes. */
function makeProject(): string {
  const folder = mkdtempSync(join(tmpdir(), "sconce-bench-"));
  const useCase = join(folder, "use_cases", "bench");
  for (const name of ["Datasets", "Configurations"]) mkdirSync(join(useCase, name), { recursive: true });
  writeFileSync(join(useCase, "Datasets", "train.csv"), "text,label\ngood,yes\nbad,no\n");
  writeFileSync(
    join(useCase, "Configurations", "config.json"),
    JSON.stringify({
      experiment: "bench",
      base_model: join(root, "pretrained_models", "minilm"),
      dataset: { train: "Datasets/train.csv", validation_ratio: 0 },
    }),
  );
  return folder;
}

function describe(): string {
  const best = (name: "sconce" | "python", operator: string) =>
    Math.min(...operators[name].map((times) => times[operator]!));
  const starts = Object.entries(seconds).map(
    ([name, runs]) => `| ${name} | ${Math.min(...runs).toFixed(3)} |`,
  );
  const calls = Object.keys(operators.sconce[0]!).map((operator) => {
    const [ours, theirs] = [best("sconce", operator), best("python", operator)];
    return `| ${operator} | ${ours.toFixed(2)} | ${theirs.toFixed(2)} | ${(theirs / ours).toFixed(2)} |`;
  });
  return `# Start-up and small operators: Sconce beside Python

${describeMachine()}, libtorch 2.13.0 on both sides, 1 thread; the best of ${flags.rounds} rounds in turn. Load average before: ${loadBefore.toFixed(1)}.

    npm run bench -- startup --rounds ${flags.rounds}

| from the command to its first line | seconds |
|---|---|
${starts.join("\n")}

| one call on a tensor of [4] | Sconce, us | Python, us | theirs / ours |
|---|---|---|---|
${calls.join("\n")}

A call makes a tensor and lets go of it: ours in a scope of 1,000 calls, Python's by its reference count.
`;
}
