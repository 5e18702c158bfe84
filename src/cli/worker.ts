// The frame of a process that the command line starts to train in. Its other half: ./supervise.ts.
import { logger, memoryLimitBytes } from "../base/index.ts";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { report, watchOutput } from "./report.ts";

/** Is sent to the command when the job has come to its end, well or not: an exit without it is a crash. */
export const doneMessage = "done";

/** Has what this process logs stand also in the log of the composed job whose folder holds `configFile`. */
export async function joinJobLog(configFile: string): Promise<void> {
  const folder = dirname(configFile);
  if (!existsSync(join(folder, ".hydra", "hydra.yaml"))) return; // the config of a use case, not of a composed job
  const { openJobLog, readRunFolder } = await import("../config/index.ts");
  openJobLog(readRunFolder(folder));
}

/** Runs the job of a worker process and sets the exit code that its end means. */
export async function runWorker(job: (words: readonly string[]) => Promise<number>): Promise<void> {
  watchOutput();
  // without the command line that started it nobody would read the result or could stop the run
  const stopWhenAlone = () => process.kill(process.pid, "SIGTERM");
  process.on("disconnect", stopWhenAlone);
  try {
    await limitTensors();
    process.exitCode = await job(process.argv.slice(2));
  } catch (error) {
    process.exitCode = report(error);
  }
  process.off("disconnect", stopWhenAlone);
  if (process.connected) process.send?.(doneMessage, () => process.connected && process.disconnect());
}

/**
 * Leaves tensors the memory that the process does not have yet, but for a share for what else it needs: a training that
 * wants more is told so, and can do with less. The system would kill it without a word.
 */
async function limitTensors(): Promise<void> {
  const { getNumThreads, setMemoryLimit } = await import("../torch/index.ts");
  getNumThreads(); // loads libtorch: where that fails, the job has not begun
  const left = Math.floor(0.95 * (memoryLimitBytes() - process.memoryUsage.rss()));
  try {
    if (left > 0) setMemoryLimit(left);
  } catch (error) {
    logger.debug((error as Error).message); // the memory is another allocator's
  }
}
