// SIGINT and SIGTERM: finish the step, save, exit; a second signal exits at once.
import { logger } from "../base/index.ts";

const exitCodes = { SIGINT: 130, SIGTERM: 143 } as const;

/** A signal that asked the run to end, with the exit code that the process then owes. */
export interface Interrupt {
  signal: keyof typeof exitCodes | undefined;
  exitCode: number | undefined;
  /** Restores the process's own handling. */
  release(): void;
}

/** Calls `onSignal` at the first signal. Handlers run between steps, as the engine holds the thread. */
export function catchSignals(onSignal: () => void): Interrupt {
  const interrupt: Interrupt = {
    signal: undefined,
    exitCode: undefined,
    release() {
      for (const name of Object.keys(exitCodes)) process.off(name, handle);
    },
  };
  function handle(signal: NodeJS.Signals): void {
    const exitCode = exitCodes[signal as keyof typeof exitCodes];
    if (interrupt.signal !== undefined) process.exit(exitCode);
    interrupt.signal = signal as keyof typeof exitCodes;
    interrupt.exitCode = exitCode;
    logger.warn(`${signal}: finishing the step and saving; send it again to exit at once`);
    onSignal();
  }
  for (const name of Object.keys(exitCodes)) process.on(name, handle);
  return interrupt;
}
