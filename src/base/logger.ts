// Log lines for people. Progress bars live in cli/; metrics go to tracking.
import { printableLines } from "./printable.ts";

export type LogLevel = "debug" | "info" | "warn" | "error";

/** Receives each line that is logged: the terminal, a run's log file, a test. */
export type LogSink = (level: LogLevel, message: string) => void;

const rank: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 };

/**
 * Passes lines on to its sinks. The default sink writes to standard error, so that standard output stays data.
 */
export class Logger {
  readonly #sinks = new Set<LogSink>();

  /** Adds a sink; the returned function removes it. */
  addSink(sink: LogSink): () => void {
    this.#sinks.add(sink);
    return () => this.#sinks.delete(sink);
  }

  debug(message: string): void {
    this.#log("debug", message);
  }

  info(message: string): void {
    this.#log("info", message);
  }

  warn(message: string): void {
    this.#log("warn", message);
  }

  error(message: string): void {
    this.#log("error", message);
  }

  #log(level: LogLevel, message: string): void {
    for (const sink of this.#sinks) sink(level, message);
  }
}

/** Writes lines of at least `minimum` (default: `SCONCE_LOG_LEVEL`, else info) to standard error. */
export function stderrSink(minimum: LogLevel = levelFromEnvironment()): LogSink {
  return (level, message) => {
    if (rank[level] < rank[minimum]) return;
    // on a terminal a progress bar may stand in the line; it is drawn again below
    const fresh = process.stderr.isTTY ? "\r\x1b[K" : "";
    const text = printableLines(message).replaceAll("\n", "\n  "); // a line break in it begins no line of the log
    process.stderr.write(`${fresh}${level === "info" ? "" : `${level}: `}${text}\n`);
  };
}

/** The process-wide logger. */
export const logger = new Logger();
logger.addSink(stderrSink());

function levelFromEnvironment(): LogLevel {
  const level = process.env["SCONCE_LOG_LEVEL"]?.toLowerCase();
  return level !== undefined && level in rank ? (level as LogLevel) : "info";
}
