// The process in which `sconce train` trains.
import { terminalProgress } from "../base/index.ts";
import { BertTrainerTorch } from "../tasks/index.ts";
import { parseWords } from "./command.ts";
import { trainFlags } from "./train.ts";
import { joinJobLog, runWorker } from "./worker.ts";

await runWorker(async (words) => {
  const { flags, positionals } = parseWords("train", words, trainFlags);
  const [config, ...overrides] = positionals;
  await joinJobLog(config!);
  const trainer = await BertTrainerTorch.fromFile(config!, { overrides, progress: terminalProgress() });
  const result = await trainer.train({ resume: flags.resume });
  if (flags.json === true) {
    const { evaluation: _, summary: __, ...shown } = result;
    process.stdout.write(`${JSON.stringify(shown, null, 2)}\n`);
  } else process.stdout.write(`${result.summary}\n`);
  return 0;
});
