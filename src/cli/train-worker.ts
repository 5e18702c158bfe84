// The process in which `sconce train` trains.
import { terminalProgress } from "../base/index.ts";
import { BertTrainerTorch } from "../tasks/index.ts";
import { parseWords } from "./command.ts";
import { writeResult } from "./table.ts";
import { trainFlags } from "./train.ts";
import { joinJobLog, runWorker } from "./worker.ts";

await runWorker(async (words) => {
  const { flags, positionals } = parseWords("train", words, trainFlags);
  const [config, ...overrides] = positionals;
  await joinJobLog(config!);
  const trainer = await BertTrainerTorch.fromFile(config!, { overrides, progress: terminalProgress() });
  const result = await trainer.train({ resume: flags.resume });
  const { evaluation: _, summary, ...shown } = result;
  writeResult(flags.json === true, shown, [summary]);
  return 0;
});
