// The Python that compatibility tests run the real peers in.
import { execFile, execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const finder = fileURLToPath(new URL("../../tools/compat-python.mjs", import.meta.url));

/** Says why compatibility tests are left out, or undefined when they are to run: `SCONCE_COMPAT=1` asks for them. */
export const compatSkipReason: string | undefined =
  process.env["SCONCE_COMPAT"] === "1"
    ? undefined
    : "set SCONCE_COMPAT=1 to test against the Python peers (installs them into .venv/compat)";

const found = new Map<string | undefined, string>();

/**
 * Returns the Python interpreter with the peers of `requirements.txt`, which are installed on first use; or with those of
 * another file beside it, `mlflow-3.7` say.
 */
export function compatPython(name?: string): string {
  const known = found.get(name);
  if (known !== undefined) return known;
  const python = execFileSync(process.execPath, name === undefined ? [finder] : [finder, name], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  }).trim();
  found.set(name, python);
  return python;
}

function environment(): NodeJS.ProcessEnv {
  return {
    ...process.env,
    HF_HUB_OFFLINE: "1",
    MLFLOW_DISABLE_TELEMETRY: "true",
    GIT_PYTHON_REFRESH: "quiet",
  };
}

/** Runs Python source and returns the JSON that it prints on its last line. `args` arrive in `sys.argv`. */
export function runPython(source: string, ...args: string[]): unknown {
  const output = execFileSync(compatPython(), ["-c", source, ...args], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    env: environment(),
    timeout: 100_000,
  });
  return lastLine(output);
}

/** Runs Python source as `runPython` does, while this process goes on: it may be the server that Python talks to. */
export function runPythonBeside(source: string, ...args: string[]): Promise<unknown> {
  return runBeside(compatPython(), source, ...args);
}

/** Runs Python source as `runPythonBeside` does, in the interpreter that is named. */
export async function runBeside(python: string, source: string, ...args: string[]): Promise<unknown> {
  const { stdout } = await promisify(execFile)(python, ["-c", source, ...args], {
    env: environment(),
    timeout: 300_000,
    maxBuffer: 1 << 26,
  });
  return lastLine(stdout);
}

function lastLine(output: string): unknown {
  return JSON.parse(output.trimEnd().split("\n").at(-1) ?? "");
}
