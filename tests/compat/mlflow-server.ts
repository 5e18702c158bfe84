// A real `mlflow server` for tests, on SQLite in a folder of its own.
import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { compatPython } from "./python.ts";

/** Is a server that runs until `stop` is called. */
export interface MlflowServer {
  url: string;
  stop(): Promise<void>;
}

/** Starts MLflow's server, with more words and variables where there are any, and waits until it answers. */
export async function startMlflowServer(
  folder: string,
  { words = [], env = {} }: { words?: readonly string[]; env?: Record<string, string> } = {},
): Promise<MlflowServer> {
  const port = await freePort();
  const child = spawn(
    join(dirname(compatPython()), "mlflow"),
    `server --host 127.0.0.1 --port ${port} --workers 1`
      .split(" ")
      .concat("--backend-store-uri", `sqlite:///${join(folder, "mlflow.db")}`)
      .concat("--artifacts-destination", join(folder, "artifacts"))
      .concat(words),
    {
      cwd: folder,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, MLFLOW_DISABLE_TELEMETRY: "true", GIT_PYTHON_REFRESH: "quiet", ...env },
      detached: true, // it starts processes of its own, which are stopped with it
    },
  );
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += String(chunk)));
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const url = `http://127.0.0.1:${port}`;
  const deadline = Date.now() + 120_000;
  while (!(await answers(url))) {
    if (child.exitCode !== null || Date.now() > deadline)
      throw new Error(`mlflow server does not start:\n${output}`);
    await sleep(100);
  }
  return {
    url,
    stop: async () => {
      process.kill(-child.pid!, "SIGTERM");
      await exited;
    },
  };
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/health`)).ok;
  } catch {
    return false;
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => resolve(port));
    });
  });
}
