// What a run's tags say of its end, and how much of an error they may hold.
import { logger } from "../../base/index.ts";
import type { LogLevel } from "../../base/index.ts";
import type { ActiveRun } from "./run.ts";

/** Names the tags that say how a run ended. */
export const endTags = {
  /** Why, in a sentence. */
  reason: "sconce.end_reason",
  /** The error with its stack. */
  lastError: "sconce.last_error",
  /** The last warning or error that its process logged. */
  lastLog: "sconce.last_log",
  signal: "sconce.signal",
  exitCode: "sconce.exit_code",
  lastStep: "sconce.last_step",
  /** `true` where the system ended the process because memory ran out. */
  outOfMemory: "sconce.out_of_memory",
} as const;

const longestLine = 1000;
const longestError = 4000; // MLflow before 3.0 takes tags of 5000 characters

/** Writes an error with its stack and causes, without what the environment keeps secret. */
export function describeError(error: unknown): string {
  const parts: string[] = [];
  for (let cause = error; cause !== undefined && parts.length < 5;) {
    const text = cause instanceof Error ? (cause.stack ?? `${cause.name}: ${cause.message}`) : String(cause);
    parts.push(parts.length === 0 ? text : `caused by: ${text}`);
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  const text = withoutSecrets(parts.join("\n"));
  return text.length <= longestError ? text : `${text.slice(0, longestError - 2)} …`;
}

const secretName = /TOKEN|PASSWORD|PASSWD|SECRET|CREDENTIAL|API_?KEY|ACCESS_KEY/i;

/** Replaces the values of variables that look secret, and passwords in URIs, by `***`. */
export function withoutSecrets(text: string): string {
  let clean = text.replace(/(\b[a-z][a-z0-9+.-]*:\/\/[^\s:/@]*:)[^\s/]*@/gi, "$1***@");
  for (const [name, value] of Object.entries(process.env)) {
    if (value !== undefined && value.length >= 6 && secretName.test(name))
      clean = clean.replaceAll(value, "***");
  }
  return clean;
}

/** The runs that are open, with the line of the log that each heard last. */
const open = new Map<ActiveRun, string>();
let isWatching = false;

/** Notes in every run that is open when this process ends by an error, or without ending its runs, what happened. */
export function watchEnd(run: ActiveRun): void {
  open.set(run, "");
  if (isWatching) return;
  isWatching = true;
  logger.addSink(noteLine);
  process.on("uncaughtExceptionMonitor", (error) => {
    for (const each of open.keys()) each.noteTags({ [endTags.lastError]: describeError(error) });
  });
  process.on("exit", (code) => {
    for (const each of open.keys()) each.noteTags({ [endTags.exitCode]: String(code) });
  });
}

function noteLine(level: LogLevel, message: string): void {
  if (level !== "warn" && level !== "error") return;
  if (message.startsWith("tracking: ")) return; // about the recording, not the run
  const line = withoutSecrets(`${level}: ${message}`).slice(0, longestLine);
  for (const [run, last] of open) {
    if (line === last) continue;
    open.set(run, line);
    run.noteTags({ [endTags.lastLog]: line });
  }
}

/** Ends the watch over a run that has ended as it should. */
export function unwatchEnd(run: ActiveRun): void {
  open.delete(run);
}
