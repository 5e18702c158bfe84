// What set-up says: one line per step, a progress bar on a terminal, plain lines elsewhere.
import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** Ends set-up with a message that names the way out; anything else thrown is our own mistake. */
export class SetupFailure extends Error {}

const interactive = process.stderr.isTTY === true && process.env["CI"] === undefined;
const plainIntervalMs = 5_000;
let logFile;

/** Starts the log of a step; everything said from here on goes into it as well. */
export function openLog(path) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, "");
  logFile = path;
}

/** Says a line. */
export function say(line) {
  process.stderr.write(`${line}\n`);
  record(line);
}

/** Writes to the log of the step alone, where the output of the programs that set-up runs goes. */
export function record(text) {
  if (logFile !== undefined) appendFileSync(logFile, text.endsWith("\n") ? text : `${text}\n`);
}

/** Ends the log of a step. */
export function closeLog() {
  logFile = undefined;
}

/** Returns the path of the present log, if there is one. */
export function logPath() {
  return logFile;
}

/**
 * Shows how many bytes of a download or an extraction are done, and the time that it takes.
 * `total` may be unknown (0); where nothing can be counted, `bytes: false` shows the time alone.
 */
export function progress(label, { total = 0, bytes = true } = {}) {
  const start = performance.now();
  let lastShown = interactive ? -Infinity : start;
  let done = 0;
  const text = () => {
    const seconds = (performance.now() - start) / 1000;
    const time = `${seconds.toFixed(0)} s`;
    if (!bytes) return `  ${label}: ${time}`;
    const percent = total > 0 ? `${Math.min(100, Math.floor((100 * done) / total))} %, ` : "";
    const speed = seconds > 0.5 ? `, ${(done / 1e6 / seconds).toFixed(1)} MB/s` : "";
    return `  ${label}: ${percent}${megabytes(done, total)}${speed}, ${time}`;
  };
  const show = () => {
    const now = performance.now();
    if (now - lastShown < (interactive ? 100 : plainIntervalMs)) return;
    lastShown = now;
    process.stderr.write(interactive ? `\r\x1b[K${text()}` : `${text()}\n`);
  };
  // a stalled download still shows that time passes
  const timer = setInterval(show, interactive ? 500 : plainIntervalMs);
  timer.unref();
  return {
    /** Sets how much is done, and the total once it is known. */
    set(value, newTotal = total) {
      done = value;
      total = newTotal;
      show();
    },
    finish() {
      clearInterval(timer);
      process.stderr.write(interactive ? `\r\x1b[K` : "");
      say(text());
    },
    cancel() {
      clearInterval(timer);
      if (interactive) process.stderr.write("\r\x1b[K");
    },
  };
}

function megabytes(done, total) {
  const mb = (bytes) => (bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0);
  return total > 0 ? `${mb(done)} of ${mb(total)} MB` : `${mb(done)} MB`;
}
