// `sconce gc`: empties the trash of a tracking store.
import { UsageError, printable } from "../base/index.ts";
import { collectGarbage } from "../tracking/index.ts";
import type { GarbageItem } from "../tracking/index.ts";
import { openStore } from "./open-store.ts";
import { noWords, parseWords } from "./command.ts";
import type { Command } from "./command.ts";
import { exitCodes } from "./report.ts";
import { storeUri } from "./store-uri.ts";

export const command: Command = {
  help: `Usage: sconce gc [--backend-store-uri URI] [--older-than AGE] [--dry-run] ...

Removes runs, logged models and experiments that are in the trash for ever, with
their artifacts, as mlflow gc does. With ids, only what they name goes.

  --backend-store-uri URI    the store (default: MLFLOW_TRACKING_URI, else the
                             project's outputs/mlflow/mlflow.db); a server must
                             be one of Sconce's
  --older-than AGE           what has been in the trash for this long: 30d,
                             30d2h, 1d2h30m10s (default: all)
  --run-ids LIST             these runs, with commas
  --experiment-ids LIST      these experiments, with their runs and models
  --logged-model-ids LIST    these logged models
  --artifacts-destination D  what mlflow-artifacts:/ stands for, as the server
                             was told: a folder or s3://bucket/prefix
  --dry-run                  only says what would go

Artifacts go first, and only from places within the location of their experiment
that name the run or model. Where they cannot be removed, the store keeps the
run, so that the next gc tries again. What a version in the registry stands on
is kept, other than in MLflow.

Exit codes: 0 done, 1 something could not be removed, 2 bad input.

Example:
  sconce gc --older-than 30d --dry-run`,

  async run(words) {
    const { flags, positionals } = parseWords("gc", words, {
      "backend-store-uri": { type: "string" },
      "older-than": { type: "string" },
      "run-ids": { type: "string" },
      "experiment-ids": { type: "string" },
      "logged-model-ids": { type: "string" },
      "artifacts-destination": { type: "string" },
      "dry-run": { type: "boolean", default: false },
    });
    noWords("gc", positionals);
    const dryRun = flags["dry-run"];
    const age = flags["older-than"];
    const lists = {
      runIds: idsOf("--run-ids", flags["run-ids"]),
      experimentIds: idsOf("--experiment-ids", flags["experiment-ids"]),
      loggedModelIds: idsOf("--logged-model-ids", flags["logged-model-ids"]),
      artifactsDestination: flags["artifacts-destination"],
    };
    const options = {
      ...(age !== undefined && { olderThanMs: ageOf(age) }),
      ...(Object.fromEntries(Object.entries(lists).filter(([, value]) => value !== undefined)) as {
        [K in keyof typeof lists]?: NonNullable<(typeof lists)[K]>;
      }),
    };
    const store = await openStore(storeUri(flags["backend-store-uri"]), { mustExist: true });
    try {
      const onDone = (item: GarbageItem) => process.stdout.write(`${printable(formatItem(item, dryRun))}\n`);
      const items = await collectGarbage(store, { ...options, dryRun, onDone });
      process.stdout.write(`${formatSum(items, dryRun)}\n`);
      return items.some(({ outcome }) => outcome === "failed") ? exitCodes.failed : exitCodes.done;
    } finally {
      await store.close();
    }
  },
};

/** Reads `30d2h5m10s` as milliseconds; parts may be fractions, as in MLflow. */
export function ageOf(text: string): number {
  const amount = "(\\d+(?:\\.\\d+)?)";
  const found = new RegExp(`^(?:${amount}d)?(?:${amount}h)?(?:${amount}m)?(?:${amount}s)?$`).exec(text);
  if (found === null || text === "") {
    throw new UsageError(`--older-than: must be an age such as 30d, 8h or 2d8h5m20s, got "${text}".`);
  }
  const [days, hours, minutes, seconds] = found.slice(1).map((part) => Number(part ?? 0)) as [
    number,
    number,
    number,
    number,
  ];
  return Math.round((((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000);
}

function idsOf(flag: string, text: string | undefined): string[] | undefined {
  if (text === undefined) return undefined;
  const ids = text.split(",").map((id) => id.trim());
  if (ids.every((id) => id !== "")) return [...new Set(ids)];
  throw new UsageError(`${flag}: must be ids with commas between, got "${text}".`);
}

function formatItem({ kind, id, outcome, reason }: GarbageItem, dryRun: boolean): string {
  if (outcome === "removed") return `${dryRun ? "would remove" : "removed"} ${kind} ${id}`;
  return `${outcome === "kept" ? "kept" : "could not remove"} ${kind} ${id}: ${reason}`;
}

function formatSum(items: readonly GarbageItem[], dryRun: boolean): string {
  const countOf = (kind: GarbageItem["kind"]) =>
    items.filter((item) => item.kind === kind && item.outcome === "removed").length;
  const stays = items.filter(({ outcome }) => outcome !== "removed").length;
  return (
    `${dryRun ? "Would be removed" : "Removed"}: runs ${countOf("run")}, logged models ${countOf("logged model")}, ` +
    `experiments ${countOf("experiment")}${stays > 0 ? `; ${stays} stay` : ""}.`
  );
}
