// The Python that compatibility tests run the real peers in.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));
const requirements = fileURLToPath(new URL("./requirements.txt", import.meta.url));

/** Says why compatibility tests are left out, or undefined when they are to run: `SCONCE_COMPAT=1` asks for them. */
export const compatSkipReason: string | undefined =
  process.env["SCONCE_COMPAT"] === "1"
    ? undefined
    : "set SCONCE_COMPAT=1 to test against the Python peers (installs them into .venv/compat)";

/**
 * Returns the Python interpreter with the peers of `requirements.txt`: `SCONCE_COMPAT_PYTHON`, else a virtual
 * environment in `.venv/compat`, which is made on first use and again when the requirements change.
 */
export function compatPython(): string {
  const named = process.env["SCONCE_COMPAT_PYTHON"];
  if (named !== undefined && named !== "") return named;
  const folder = join(root, ".venv", "compat");
  const python = join(folder, "bin", "python");
  const stamp = join(folder, "requirements.sha256");
  const wanted = createHash("sha256").update(readFileSync(requirements)).digest("hex");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return python;
  rmSync(folder, { recursive: true, force: true });
  execFileSync("python3", ["-m", "venv", folder], { stdio: "inherit" });
  execFileSync(python, ["-m", "pip", "install", "--quiet", "--requirement", requirements], {
    stdio: "inherit",
  });
  writeFileSync(stamp, wanted);
  return python;
}

/** Runs Python source and returns the JSON that it prints on its last line. `args` arrive in `sys.argv`. */
export function runPython(source: string, ...args: string[]): unknown {
  const output = execFileSync(compatPython(), ["-c", source, ...args], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...process.env,
      HF_HUB_OFFLINE: "1",
      MLFLOW_DISABLE_TELEMETRY: "true",
      GIT_PYTHON_REFRESH: "quiet",
    },
    timeout: 100_000,
  });
  return JSON.parse(output.trimEnd().split("\n").at(-1) ?? "");
}
