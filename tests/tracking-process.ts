// Processes of their own that use the tracking layer, for tests of what several do at once, and of what a killed one leaves.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";

/** Starts a process that has `tracking` (the layer), `server` (to close at its end) and `path` in scope. */
export function startTrackingProcess(
  path: string,
  body: string,
  { stderr = "inherit" }: { stderr?: "inherit" | "ignore" } = {},
): ChildProcess {
  const entry = fileURLToPath(new URL("../src/tracking/index.ts", import.meta.url));
  const source = `
    import { createServer } from "vite";
    const server = await createServer({
      configFile: false,
      logLevel: "error",
      optimizeDeps: { noDiscovery: true },
      server: { middlewareMode: true, watch: null, ws: false },
    });
    const tracking = await server.ssrLoadModule(${JSON.stringify(entry)});
    const path = ${JSON.stringify(path)};
    ${body}
  `;
  return spawn(process.execPath, ["--input-type=module", "-e", source], {
    cwd: fileURLToPath(new URL("../", import.meta.url)),
    stdio: ["pipe", "pipe", stderr],
  });
}

/** Waits for a process to end well, and returns the JSON that it printed. */
export async function outputOf(child: ChildProcess): Promise<unknown> {
  let text = "";
  child.stdout?.on("data", (chunk: Buffer) => (text += chunk.toString()));
  const [code] = (await once(child, "close")) as [number | null];
  expect(code).toBe(0);
  return JSON.parse(text);
}
