// `sconce clean`: shows what takes up disk space below outputs/, and deletes what is asked for.
import { renameSync, rmSync } from "node:fs";
import { join, relative } from "node:path";
import { createInterface } from "node:readline";
import { UsageError, acquireLock } from "../base/index.ts";
import { findProjectRoot } from "../config/index.ts";
import { amountOf, noWords, parseWords } from "./command.ts";
import type { Command } from "./command.ts";
import { findFreeable, freedBytes } from "./disk-usage.ts";
import type { Freeable, FreeableKind } from "./disk-usage.ts";
import { exitCodes } from "./report.ts";
import { lockOf } from "./run-record.ts";
import { formatBytes } from "./units.ts";

export const command: Command = {
  help: `Usage: sconce clean [--cache] [--checkpoints] [--runs DAYS] [--all] [--dry-run]
                    [--yes]

Frees disk space below outputs/ of the project that the current folder belongs
to. Without a flag it only shows what could be freed. Sizes are shown first, and
it asks before it deletes.

  --cache         tokens and images of data sets, which are made anew
  --checkpoints   checkpoints of finished runs: their models stay
  --runs DAYS     whole runs, finished or not, that last changed more than DAYS
                  days ago
  --all           --cache, --checkpoints, and runs that failed or were
                  interrupted; these can then not be resumed
  --dry-run       shows what would be deleted, and deletes nothing
  -y, --yes       does not ask; needed where there is no terminal

With each of them also goes what crashed processes left half-written.

Never deleted: a champion and the run that it is of (its checkpoints may go), a
run that is going on, the tracking store with its artifacts, and anything
outside outputs/.

Examples:
  sconce clean
  sconce clean --checkpoints --yes
  sconce clean --runs 30 --dry-run`,

  async run(words) {
    const { flags, positionals } = parseWords("clean", words, {
      cache: { type: "boolean", default: false },
      checkpoints: { type: "boolean", default: false },
      runs: { type: "string" },
      all: { type: "boolean", default: false },
      "dry-run": { type: "boolean", default: false },
      yes: { type: "boolean", short: "y", default: false },
    });
    noWords("clean", positionals);
    const olderThanDays = flags.runs === undefined ? undefined : amountOf("--runs", flags.runs);
    const root = findProjectRoot(process.cwd());
    const items = findFreeable(root, { olderThanDays });
    const kinds = chosenKinds({ ...flags, olderThanDays });
    if (kinds === undefined) {
      process.stdout.write(`${formatOffer(items, root)}\n`);
      return 0;
    }
    const chosen = items.filter(({ kind }) => kinds.has(kind));
    process.stdout.write(`${formatChoice(chosen, root)}\n`);
    if (chosen.length === 0 || flags["dry-run"]) return 0;
    const answer = flags.yes ? "yes" : await ask();
    if (answer !== "yes") {
      process.stdout.write(`${answer === "interrupted" ? "\n" : ""}Nothing was deleted.\n`);
      return answer === "interrupted" ? exitCodes.SIGINT : exitCodes.done;
    }
    const bytes = freedBytes(chosen.map(({ path }) => path));
    for (const item of chosen) await remove(item);
    process.stdout.write(`Deleted: ${formatBytes(bytes)} freed.\n`);
    return 0;
  },
};

/** The kinds that flags ask for; undefined where none does. */
function chosenKinds(flags: {
  cache: boolean;
  checkpoints: boolean;
  all: boolean;
  olderThanDays: number | undefined;
}): ReadonlySet<FreeableKind> | undefined {
  const kinds: FreeableKind[] = [
    ...(flags.cache || flags.all ? (["cache"] as const) : []),
    ...(flags.checkpoints || flags.all ? (["checkpoints"] as const) : []),
    ...(flags.all ? (["unfinished"] as const) : []),
    ...(flags.olderThanDays !== undefined ? (["old"] as const) : []),
  ];
  return kinds.length === 0 ? undefined : new Set([...kinds, "leftovers"]);
}

const kindNames: Record<FreeableKind, { what: string; flag: string }> = {
  leftovers: { what: "left half-written by crashed processes", flag: "any flag" },
  cache: { what: "tokens and images of data sets", flag: "--cache" },
  checkpoints: { what: "checkpoints of finished runs", flag: "--checkpoints" },
  unfinished: { what: "runs that failed or were interrupted", flag: "--all" },
  old: { what: "old runs", flag: "--runs DAYS" },
};

function formatOffer(items: readonly Freeable[], root: string): string {
  if (items.length === 0) return `${join(root, "outputs")}: nothing to free.`;
  const lines = (Object.keys(kindNames) as FreeableKind[]).flatMap((kind) => {
    const paths = items.filter((item) => item.kind === kind).map(({ path }) => path);
    if (paths.length === 0) return [];
    const { what, flag } = kindNames[kind];
    return [
      `  ${formatBytes(freedBytes(paths)).padStart(9)}  ${String(paths.length).padStart(4)}  ${what.padEnd(40)}${flag}`,
    ];
  });
  return [
    `${join(root, "outputs")} could give back:`,
    ...lines,
    "",
    "Nothing was deleted: name a flag.",
  ].join("\n");
}

function formatChoice(chosen: readonly Freeable[], root: string): string {
  if (chosen.length === 0) return "Nothing to delete.";
  const lines = chosen.map(({ path, modifiedAt }) => {
    const day = new Date(modifiedAt).toISOString().slice(0, 10);
    return `  ${formatBytes(freedBytes([path])).padStart(9)}  ${day}  ${relative(root, path)}`;
  });
  const total = formatBytes(freedBytes(chosen.map(({ path }) => path)));
  return ["To be deleted:", ...lines, `  ${total.padStart(9)}  in all`].join("\n");
}

/** Asks on the terminal; Ctrl-C is an answer of its own. */
async function ask(): Promise<"yes" | "no" | "interrupted"> {
  if (!process.stdin.isTTY || !process.stdout.isTTY)
    throw new UsageError("sconce clean: there is no terminal to ask on. Add --yes to delete, or --dry-run.");
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return await new Promise((resolve) => {
      terminal.on("SIGINT", () => resolve("interrupted"));
      terminal.on("close", () => resolve("no")); // Ctrl-D
      terminal.question("Delete? [y/N] ", (answer) =>
        resolve(/^y(es)?$/i.test(answer.trim()) ? "yes" : "no"),
      );
    });
  } finally {
    terminal.close();
  }
}

/** Deletes under another name, so that a crash leaves a leftover and no half of a run. */
async function remove({ kind, path, run }: Freeable): Promise<void> {
  // nobody goes on with a run while it is being deleted
  const lock = run === undefined ? undefined : await acquireLock(lockOf(run), { what: `The run ${run}` });
  const leaving = kind === "leftovers" ? path : `${path}.${process.pid}.old`;
  try {
    if (leaving !== path) renameSync(path, leaving);
  } finally {
    lock?.release();
  }
  rmSync(leaving, { recursive: true, force: true });
}
