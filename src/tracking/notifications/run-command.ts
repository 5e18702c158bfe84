// Tells an event to a command: JSON on its standard input, and its main facts in the environment. No shell.
import { spawn } from "node:child_process";
import { withoutSecrets } from "../client/end-tags.ts";
import type { Delivery } from "./event.ts";

const maxOutputBytes = 8192;
const longestReport = 500;

/** Runs the command to its end; throws where it cannot be started, fails or takes too long. */
export function runCommand(
  command: readonly string[],
  delivery: Delivery,
  { timeoutMs, stop }: { timeoutMs: number; stop: AbortSignal },
): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command[0]!, command.slice(1), {
      stdio: ["pipe", "pipe", "pipe"],
      env: { ...process.env, ...environmentOf(delivery) },
      detached: true, // a group of its own, so that what it starts is ended with it
    });
    let output = "";
    const take = (chunk: Buffer) => (output += chunk.toString().slice(0, maxOutputBytes - output.length));
    child.stdout.on("data", take);
    child.stderr.on("data", take);
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      endGroup(child.pid);
    }, timeoutMs);
    const end = () => endGroup(child.pid);
    stop.addEventListener("abort", end, { once: true });
    child.once("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.once("exit", (code, signal) => {
      clearTimeout(timer);
      stop.removeEventListener("abort", end);
      child.stdout.destroy();
      child.stderr.destroy();
      if (code === 0) return resolve();
      const how = isLate
        ? `took longer than ${timeoutMs / 1000} s`
        : `ended with ${signal ?? `exit code ${code}`}`;
      const said = withoutSecrets(output.trim()).slice(0, longestReport);
      reject(new Error(said === "" ? how : `${how}: ${said}`));
    });
    child.stdin.on("error", () => {}); // it need not read
    child.stdin.end(delivery.body);
  });
}

function endGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, "SIGKILL");
  } catch {
    // nothing is left of it
  }
}

function environmentOf({ id, event: { entity, action, data } }: Delivery): Record<string, string> {
  const facts = {
    SCONCE_EVENT: `${entity}.${action}`,
    SCONCE_DELIVERY_ID: id,
    SCONCE_RUN_ID: data["run_id"],
    SCONCE_RUN_NAME: data["run_name"],
    SCONCE_RUN_STATUS: data["status"],
    SCONCE_MODEL_NAME: data["name"],
    SCONCE_MODEL_VERSION: data["version"],
  };
  return Object.fromEntries(
    Object.entries(facts).filter((fact): fact is [string, string] => typeof fact[1] === "string"),
  );
}
