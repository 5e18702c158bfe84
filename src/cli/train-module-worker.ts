// The process in which `sconce train` trains registered models by a composed config.
import { relative } from "node:path";
import { UsageError, terminalProgress } from "../base/index.ts";
import { OmegaConf } from "../config/index.ts";
import type { MapNode } from "../config/index.ts";
import { FrameworkTrainer } from "../tasks/index.ts";
import { parseWords } from "./command.ts";
import { writeResult } from "./table.ts";
import { trainFlags } from "./train.ts";
import { joinJobLog, runWorker } from "./worker.ts";

await runWorker(async (words) => {
  const { flags, positionals } = parseWords("train", words, trainFlags);
  const [file = "", projectRoot = ""] = positionals;
  await joinJobLog(file);
  const config = OmegaConf.load(file);
  if (config.kind !== "map") throw new UsageError(`${file}: a config must be a mapping of keys to values.`);
  const result = await new FrameworkTrainer(config satisfies MapNode, {
    projectRoot,
    progress: terminalProgress(),
  }).train({
    resume: flags.resume,
  });
  writeResult(flags.json === true, result, summaryOf(result));
  return 0;
});

function summaryOf({
  metrics,
  runId,
  modelUri,
  checkpoint,
}: Awaited<ReturnType<FrameworkTrainer["train"]>>): string[] {
  if (runId === "") return ["Trial run: all steps work. Nothing was recorded or kept."];
  const shown = Object.entries(metrics).filter(([name]) => /^(val|test)_/u.test(name));
  const width = Math.max(10, ...shown.map(([name]) => name.length + 2));
  const lines = shown.map(([name, value]) => `  ${name.padEnd(width)}${value.toPrecision(4)}`);
  const places: [string, string | undefined][] = [
    ["Model", modelUri],
    ["Best", checkpoint && (relative(process.cwd(), checkpoint) || ".")],
    ["Run", runId],
  ];
  return [
    ...lines,
    "",
    ...places.flatMap(([label, text]) => (text === undefined ? [] : [label.padEnd(11) + text])),
  ];
}
