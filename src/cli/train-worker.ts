// The process in which a run trains. A crash here takes down this run alone.
import { BertTrainerTorch } from "../tasks/index.ts";
import { parseWords } from "./command.ts";
import { report } from "./main.ts";
import { terminalProgress } from "./progress.ts";
import { trainFlags } from "./train.ts";

// without the command line that started it nobody would read the result or could stop the run
const stopWhenAlone = () => process.kill(process.pid, "SIGTERM");
process.on("disconnect", stopWhenAlone);

try {
  const { flags, positionals } = parseWords("train", process.argv.slice(2), trainFlags);
  const [config, ...overrides] = positionals;
  const trainer = await BertTrainerTorch.fromFile(config!, { overrides, progress: terminalProgress() });
  const result = await trainer.train({ resume: flags.resume });
  if (flags.json === true) {
    const { evaluation: _, summary: __, ...shown } = result;
    process.stdout.write(`${JSON.stringify(shown, null, 2)}\n`);
  } else process.stdout.write(`${result.summary}\n`);
  process.exitCode = 0;
} catch (error) {
  process.exitCode = report(error);
}
process.off("disconnect", stopWhenAlone);
if (process.connected) process.disconnect();
