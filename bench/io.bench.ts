// Loading weights beside safetensors.torch.load_file and torch.load, on the same files.
//
//   npm run bench -- io [--rounds 5] [--megabytes 1000]
//
// The peers run in turn, round after round, each load in a process of its own; of each the best round counts.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { describeMachine, findPython, root, saveReport } from "./report.ts";

const { values: flags } = parseArgs({
  options: { rounds: { type: "string", default: "5" }, megabytes: { type: "string", default: "1000" } },
});
const python = findPython();
const peer = join(root, "bench", "io_peer.py");
const ours = fileURLToPath(new URL("io_ours.js", import.meta.url));

const contenders: [name: string, file: string, command: string[]][] = [
  ["sconce loadSafetensors", "weights.safetensors", [process.execPath, ours, "loadSafetensors"]],
  [
    "safetensors.torch.load_file",
    "weights.safetensors",
    [python, peer, "load", "safetensors.torch.load_file"],
  ],
  ["sconce torch.load", "weights.pt", [process.execPath, ours, "load"]],
  ["torch.load(mmap=True)", "weights.pt", [python, peer, "load", "torch.load(mmap=True)"]],
  ["torch.load", "weights.pt", [python, peer, "load", "torch.load"]],
];
const modes = ["open", "read"] as const;

const folder = mkdtempSync(join(tmpdir(), "sconce-bench-"));
try {
  execFileSync(python, [peer, "make", folder, String(Number(flags.megabytes) * 1e6)], { stdio: "inherit" });
  const best = new Map<string, number>();
  let tensors = 0;
  for (let round = 1; round <= Number(flags.rounds); round++) {
    for (const [name, file, command] of contenders) {
      for (const mode of modes) {
        const [program, ...args] = command as [string, ...string[]];
        const output = execFileSync(program, [...args, join(folder, file), mode], { encoding: "utf8" });
        const measured = JSON.parse(output.trim().split("\n").at(-1)!) as {
          seconds: number;
          tensors: number;
        };
        tensors = measured.tensors;
        const key = `${name} ${mode}`;
        best.set(key, Math.min(measured.seconds, best.get(key) ?? Infinity));
        console.log(`round ${round}  ${name.padEnd(28)} ${mode}  ${measured.seconds.toFixed(4)} s`);
      }
    }
  }
  saveReport("io", describe(best, tensors, statSync(join(folder, "weights.safetensors")).size));
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function describe(best: ReadonlyMap<string, number>, tensors: number, bytes: number): string {
  const rows = contenders.map(([name]) => {
    const cells = modes.map((mode) => best.get(`${name} ${mode}`)!.toFixed(4));
    return `| ${name} | ${cells.join(" | ")} |`;
  });
  return `# Loading weights

${describeMachine()}, libtorch 2.13.0 on both sides, one thread.
One file of ${(bytes / 1e6).toFixed(0)} MB with ${tensors} float32 tensors, in the system's page cache; the best of ${flags.rounds} rounds in turn, each in a process of its own, without its start.

    npm run bench -- io --rounds ${flags.rounds} --megabytes ${flags.megabytes}

| | load, s | load and sum every tensor, s |
|---|---|---|
${rows.join("\n")}

Ours maps the file, so that loading reads no weights; the second column includes their first use.
`;
}
