// The log of a job as `hydra.job_logging` describes it: the file that its root logger writes to, and `hydra.verbose`.
import { appendFileSync, mkdirSync } from "node:fs";
import { dirname, resolve as resolvePath } from "node:path";
import { type LogLevel, logger, own, stderrSink } from "../../base/index.ts";
import { type MapNode, valueOf } from "../node.ts";
import { select } from "../omega/resolve.ts";
import { type ConfigMap, isConfigMap } from "../value.ts";
import { strftime } from "./strftime.ts";

const levels: readonly LogLevel[] = ["debug", "info", "warn", "error"];
const levelNames: Record<LogLevel, string> = {
  debug: "DEBUG",
  info: "INFO",
  warn: "WARNING",
  error: "ERROR",
};

/** Opens the log of a job for what the common logger gets; the returned function closes it. */
export function openJobLog(config: MapNode): () => void {
  const logging = plain(config, "hydra.job_logging");
  const isVerbose = isLoud(plain(config, "hydra.verbose"));
  const name = String(plain(config, "hydra.job.name"));
  const closers = fileHandlers(logging).map(({ filename, format, minimum }) => {
    const least = isVerbose ? 0 : minimum;
    const file = resolvePath(filename);
    mkdirSync(dirname(file), { recursive: true });
    appendFileSync(file, ""); // the file is there from the start, as in Hydra
    return logger.addSink((level, message) => {
      if (levels.indexOf(level) < least) return;
      appendFileSync(file, `${formatLine(format, level, message, name)}\n`);
    });
  });
  if (isVerbose) {
    const print = stderrSink("debug");
    closers.push(logger.addSink((level, message) => level === "debug" && print(level, message)));
  }
  return () => {
    for (const close of closers) close();
  };
}

interface FileHandler {
  filename: string;
  format: string;
  /** Index of the lowest level that is written. */
  minimum: number;
}

function fileHandlers(logging: unknown): FileHandler[] {
  const root = part(logging, "root");
  const names = root["handlers"];
  if (!Array.isArray(names)) return [];
  return names.flatMap((name) => {
    const handler = part(part(logging, "handlers"), String(name));
    if (handler["class"] !== "logging.FileHandler" || typeof handler["filename"] !== "string") return [];
    const formatter = part(part(logging, "formatters"), String(handler["formatter"]));
    const format = typeof formatter["format"] === "string" ? formatter["format"] : "%(message)s";
    return [
      {
        filename: handler["filename"],
        format,
        minimum: Math.max(rank(root["level"]), rank(handler["level"])),
      },
    ];
  });
}

function rank(level: unknown): number {
  const known = Object.values(levelNames).indexOf(String(level).toUpperCase());
  return known === -1 ? 0 : known;
}

function formatLine(format: string, level: LogLevel, message: string, name: string): string {
  const moment = new Date();
  const milliseconds = String(moment.getMilliseconds()).padStart(3, "0");
  const values: Readonly<Record<string, string>> = {
    asctime: `${strftime("%Y-%m-%d %H:%M:%S", moment)},${milliseconds}`,
    name,
    levelname: levelNames[level],
    message,
    process: String(process.pid),
  };
  return format.replaceAll(/%\((\w+)\)[-\d]*[sd]/gu, (found, key: string) => own(values, key) ?? found);
}

/** `hydra.verbose` is true, or names loggers: all lines go through one logger here. */
function isLoud(verbose: unknown): boolean {
  return verbose === true || typeof verbose === "string" || (Array.isArray(verbose) && verbose.length > 0);
}

function part(value: unknown, key: string): ConfigMap {
  const found = isConfigMap(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  return isConfigMap(found) ? found : {};
}

function plain(config: MapNode, key: string): unknown {
  const node = select(config, key);
  return node && valueOf(node);
}
