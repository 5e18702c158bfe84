// `sconce watch`: a run as it trains, until it ends.
import { setTimeout as sleep } from "node:timers/promises";
import { endTags } from "../tracking/index.ts";
import { printable, printableJson } from "../base/index.ts";
import type { Metric, Run } from "../tracking/index.ts";
import { onlyWord, parseWords } from "./command.ts";
import type { Command } from "./command.ts";
import { findRun, runFlags, withStore } from "./find-run.ts";
import { RunFollower } from "./run-follower.ts";
import { RunView } from "./run-view.ts";
import { stylesOf } from "./styles.ts";
import { formatMetric } from "./table.ts";

export const command: Command = {
  help: `Usage: sconce watch RUN [--json] [--tracking-uri URI]

Shows a run while it goes on, of any store: where it stands, the last value, the
curve and the range of each metric, and what the machine and the process use.
Ends when the run does. On a pipe it prints each point as a line, and the status
at the end. A curve that was there before may be thinned to 2500 steps.

RUN is an id, or as much of its beginning as names one run.

  --tracking-uri URI     the store (default: MLFLOW_TRACKING_URI, else the
                         project's own)
  --json                 prints each point as a line of JSON, those of the
                         system too, and {"run_id", "status"} at the end

Exit code: 0 when the run has finished, 1 when it failed or was killed.

Examples:
  sconce watch 3fa2
  sconce watch 3fa2 --tracking-uri http://127.0.0.1:5000 --json`,

  async run(words) {
    const { flags, positionals } = parseWords("watch", words, runFlags);
    const id = onlyWord("watch", "a run", positionals);
    return withStore(flags, async (store) => {
      const found = await findRun(store, id);
      const { runId, experimentId } = found.info;
      const follower = new RunFollower(store, runId);
      const output = flags.json
        ? jsonLines
        : process.stdout.isTTY && process.env["TERM"] !== "dumb"
          ? screen(new RunView(found, (await store.getExperiment(experimentId)).name))
          : plainLines;
      for (;;) {
        const { run, points } = await follower.read();
        output.show(run, points);
        const { status } = run.info;
        if (status !== "RUNNING" && status !== "SCHEDULED") {
          output.end(run);
          return status === "FINISHED" ? 0 : 1;
        }
        await sleep(intervalMs);
      }
    });
  },
};

const intervalMs = 1000;

interface Output {
  show(run: Run, points: readonly Metric[]): void;
  end(run: Run): void;
}

const plainLines: Output = {
  show(_, points) {
    for (const { key, value, step } of points)
      if (!key.startsWith("system/"))
        process.stdout.write(`step ${step}  ${printable(key)} ${formatMetric(value)}\n`);
  },
  end: (run) => void process.stdout.write(`${run.info.status}${reasonOf(run)}\n`),
};

const jsonLines: Output = {
  show(_, points) {
    for (const { key, value, timestamp, step } of points) {
      const shown = Number.isFinite(value) ? value : String(value); // as on MLflow's wire
      process.stdout.write(`${printableJson(JSON.stringify({ key, value: shown, timestamp, step }))}\n`);
    }
  },
  end: ({ info: { runId, status } }) =>
    void process.stdout.write(`${JSON.stringify({ run_id: runId, status })}\n`),
};

/** Draws in place, and leaves what it drew last. */
function screen(view: RunView): Output {
  let drawn = 0;
  return {
    show(run, points) {
      view.add(run, points);
      const { columns = 80, rows = 24 } = process.stdout;
      const styles = stylesOf(process.stdout);
      // a full line would wrap, and a full screen scroll
      const lines = view.draw({ columns: columns - 1, rows: rows - 2, styles, now: Date.now() });
      const up = drawn === 0 ? "" : `\x1b[${drawn}A\r`;
      process.stdout.write(`${up}${lines.map((line) => `${line}\x1b[K\n`).join("")}\x1b[J`);
      drawn = lines.length;
    },
    end(run) {
      const reason = reasonOf(run);
      if (reason !== "") process.stdout.write(`${run.info.status}${reason}\n`);
    },
  };
}

function reasonOf(run: Run): string {
  const reason = run.data.tags[endTags.reason];
  return reason === undefined ? "" : `: ${printable(reason)}`;
}
