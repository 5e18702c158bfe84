// The tracking store beside MLflow's own store on the same kind of database: writing, searching, long histories.
//
//   npm run bench -- store [--runs 10000] [--points 1000000] [--rounds 3] [--ours URI --theirs URI]
//
// Each writes a few runs into a database of its own; ours then fills its own, which both read. The peers take turns,
// the best round counts. Without URIs both use SQLite files; with them, empty databases of PostgreSQL.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { describeMachine, findPython, root, saveReport } from "./report.ts";

const { values: flags } = parseArgs({
  options: {
    runs: { type: "string", default: "10000" },
    points: { type: "string", default: "1000000" },
    rounds: { type: "string", default: "3" },
    ours: { type: "string" },
    theirs: { type: "string" },
  },
});

/** Seconds by what was done. */
type Times = Record<string, number>;

const folder = mkdtempSync(join(tmpdir(), "sconce-bench-"));
const contenders = [
  {
    name: "sconce",
    command: [process.execPath, fileURLToPath(new URL("store_ours.js", import.meta.url))],
    uri: flags.ours ?? `sqlite:///${join(folder, "ours.db")}`,
  },
  {
    name: "MLflow",
    command: [findPython(), join(root, "bench", "store_peer.py")],
    uri: flags.theirs ?? `sqlite:///${join(folder, "theirs.db")}`,
  },
];

try {
  const best: Record<string, Times> = {};
  const execute = (contender: number, what: string, uri: string) => {
    const { name, command } = contenders[contender]!;
    const [program = "", ...words] = command;
    const output = execFileSync(program, [...words, what, uri, flags.runs, flags.points], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "inherit"],
    });
    const times = JSON.parse(output.trim().split("\n").at(-1) ?? "") as Times;
    console.log(name, times);
    const known = (best[name] ??= {});
    for (const [key, seconds] of Object.entries(times)) {
      known[key] = Math.min(seconds, known[key] ?? Infinity);
    }
  };
  const filled = contenders[0]!.uri;
  for (let round = 0; round < Number(flags.rounds); round++) {
    for (const i of contenders.keys()) execute(i, `write${round}`, contenders[i]!.uri);
  }
  execute(0, "fill", filled);
  for (let round = 0; round < Number(flags.rounds); round++) {
    for (const i of contenders.keys()) execute(i, "read", filled);
  }
  saveReport(flags.ours === undefined ? "store" : "store-postgresql", describe(best));
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function describe(best: Readonly<Record<string, Times>>): string {
  const [ours = {}, theirs = {}] = contenders.map(({ name }) => best[name]);
  const rows = Object.keys(theirs).map((key) => {
    const [a, b] = [ours[key]!, theirs[key]!];
    return `| ${key} | ${shown(a)} | ${shown(b)} | ${(b / a).toFixed(1)} |`;
  });
  return `# The store beside MLflow's

${describeMachine()}, ${flags.ours === undefined ? "SQLite" : "PostgreSQL"}; MLflow 3.17.2's SqlAlchemyStore, called in its own process without a server.
The machine had other work beside: its load over 15 minutes was ${loadavg()[2]!.toFixed(1)}.
Both read one database: ${flags.runs} runs with 10 metrics, 10 params and 5 tags each, and one run with ${flags.points} points of one metric. They write into databases of their own. The best of ${flags.rounds} rounds in turn.

    npm run bench -- store --runs ${flags.runs} --points ${flags.points} --rounds ${flags.rounds}${flags.ours === undefined ? "" : " --ours URI --theirs URI"}

| | sconce | MLflow | times faster |
|---|---|---|---|
${rows.join("\n")}
`;
}

function shown(seconds: number): string {
  return seconds < 1 ? `${(1000 * seconds).toPrecision(3)} ms` : `${seconds.toPrecision(3)} s`;
}
