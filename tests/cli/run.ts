// Runs the command line as a user does: bin/sconce with what is built in dist/.
import { execFileSync, spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, lstatSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The program. */
export const sconceBin = fileURLToPath(new URL("../../bin/sconce", import.meta.url));

/** How a command ended, and what it wrote. */
export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
  milliseconds: number;
}

/** Says where and with what a command runs. */
export interface RunOptions {
  /** @default the current folder */
  cwd?: string;
  /** Variables beside those of this process; undefined takes one away. */
  env?: Readonly<Record<string, string | undefined>>;
  /** What standard input holds. @default nothing */
  input?: string;
}

/** Runs `sconce` until its end. */
export function sconce(words: readonly string[], options: RunOptions = {}): Promise<Ended> {
  return startSconce(words, options).ended;
}

/** Starts `sconce`; `child` takes signals. */
export function startSconce(
  words: readonly string[],
  { cwd, env = {}, input = "" }: RunOptions = {},
): { child: ChildProcess; ended: Promise<Ended>; output: () => string } {
  const startedAt = performance.now();
  const child = spawn(process.execPath, [sconceBin, ...words], {
    ...(cwd !== undefined && { cwd }),
    env: { ...process.env, ...env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  child.stdin.end(input);
  const ended = new Promise<Ended>((resolve) =>
    child.on("close", (code, signal) =>
      resolve({ code, signal, stdout, stderr, milliseconds: performance.now() - startedAt }),
    ),
  );
  return { child, ended, output: () => stdout + stderr };
}

const entry = new URL("../../dist/src/cli/main.js", import.meta.url).href;

/** Runs a command in a plain process and returns the native libraries that it has loaded at the end. */
export function librariesAfter(words: readonly string[], cwd?: string): string[] {
  return endOf(words, cwd).libraries;
}

/** Runs a command in a plain process; returns what it has loaded at the end, and the processors' time that it took. */
export function endOf(words: readonly string[], cwd?: string): { libraries: string[]; cpuMs: number } {
  const script = `
    import { main } from ${JSON.stringify(entry)};
    const write = process.stdout.write;
    process.stdout.write = () => true;
    await main(${JSON.stringify(words)});
    process.stdout.write = write;
    const { user, system } = process.cpuUsage();
    const libraries = process.report.getReport().sharedObjects;
    console.log(JSON.stringify({ libraries, cpuMs: (user + system) / 1000 }));
  `;
  const output = execFileSync(process.execPath, ["--input-type=module", "-e", script], {
    ...(cwd !== undefined && { cwd }),
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  return JSON.parse(output.trim().split("\n").at(-1)!) as { libraries: string[]; cpuMs: number };
}

/** Returns the SHA-256 of every file below a folder by path, links as where they lead to. */
export function hashTree(folder: string): Record<string, string> {
  if (!existsSync(folder)) return {};
  const paths = readdirSync(folder, { recursive: true, encoding: "utf8" }).sort();
  return Object.fromEntries(
    paths
      .filter((path) => !lstatSync(join(folder, path)).isDirectory())
      .map((path) => [
        path,
        createHash("sha256")
          .update(readFileSync(join(folder, path)))
          .digest("hex"),
      ]),
  );
}
