// What to do with each trace: a file of its own in a folder.
import { mkdirSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import type { Profile } from "./profile.ts";

/** Options of `tensorboardTraceHandler`. */
export interface TraceHandlerOptions {
  /** Tells processes apart that write into one folder. @default "<host>_<process id>" */
  workerName?: string;
  /** Compresses the files. @default false */
  useGzip?: boolean;
}

let last = 0n;

/**
 * Returns an `onTraceReady` that writes `<workerName>.<nanoseconds>.pt.trace.json` into a folder, as PyTorch's does for
 * TensorBoard's profiler plugin.
 *
 * @example
 * const options = { onTraceReady: torch.profiler.tensorboardTraceHandler("traces") };
 */
export function tensorboardTraceHandler(
  folder: string,
  { workerName = `${hostname()}_${process.pid}`, useGzip = false }: TraceHandlerOptions = {},
): (profile: Profile) => void {
  return (profile) => {
    mkdirSync(folder, { recursive: true });
    const now = BigInt(Date.now()) * 1_000_000n;
    last = now > last ? now : last + 1n; // the clock may stand still between two traces
    profile.exportChromeTrace(join(folder, `${workerName}.${last}.pt.trace.json${useGzip ? ".gz" : ""}`));
  };
}
