// The addon in several threads and processes at once, and its end at any moment: exit code right, no crash.
import { fork, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { afterAll, describe, expect, test } from "vitest";
import { fromShared, getNumThreads, nn, ones, shareMemory, tensor } from "sconce/torch";
import type { SharedTensor } from "sconce/torch";

const dist = new URL("../../dist/src/torch/index.js", import.meta.url).href;
const folder = mkdtempSync(join(tmpdir(), "sconce-threads-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Writes a module that has the whole of `torch`. */
function script(name: string, source: string): string {
  const path = join(folder, `${name}.mjs`);
  writeFileSync(path, `import * as torch from ${JSON.stringify(dist)};\n${source}`);
  return path;
}

/** Runs a module in a process of its own. */
function run(name: string, source: string) {
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [script(name, source)], {
    encoding: "utf8",
    timeout: 50_000,
  });
  return { status, signal, stdout, stderr };
}

function startWorker(name: string, source: string, workerData?: unknown) {
  const file = script(name, `import { parentPort, workerData } from "node:worker_threads";\n${source}`);
  const worker = new Worker(pathToFileURL(file), { workerData });
  const message = new Promise<any>((resolve, reject) =>
    worker.once("message", resolve).once("error", reject),
  );
  const exit = new Promise<number>((resolve) => worker.once("exit", resolve));
  return { worker, message, exit };
}

describe("workers", () => {
  test("compute several at once, each with its own tensors, seed and threads", async () => {
    const before = getNumThreads();
    const source = `
      torch.setNumThreads(workerData.threads);
      torch.manualSeed(3);
      const layer = new torch.nn.Linear(8, 8);
      for (let i = 0; i < 50; i++)
        torch.scope(() => layer.forward(torch.ones([4, 8]).mul(workerData.value)).sum().backward());
      parentPort.postMessage({
        gradient: layer.weight.grad.sum().item(),
        live: torch.memoryStats().openScopes,
        threads: torch.getNumThreads(),
      });`;
    const workers = [1, 2, 3].map((value) => startWorker("several", source, { value, threads: value }));
    const results = await Promise.all(workers.map(({ message }) => message));
    expect(results).toEqual(
      [1, 2, 3].map((value) => ({ gradient: 50 * 4 * 64 * value, live: 0, threads: value })),
    );
    expect(await Promise.all(workers.map(({ exit }) => exit))).toEqual([0, 0, 0]);
    expect(getNumThreads()).toBe(before);
  });

  test("are refused a tensor, which belongs to its thread", () => {
    const { port1 } = new MessageChannel();
    const refusal = `Symbol(a tensor belongs to its thread: post torch.shareMemory(x) instead) could not be cloned.`;
    expect(() => port1.postMessage({ batch: [ones([2])] })).toThrow(refusal);
    expect(() => structuredClone(new nn.Linear(2, 2).weight)).toThrow(refusal);
    port1.close();
  });

  test("see what shared memory holds, and write to it", async () => {
    const shared = shareMemory(tensor([[1, 2], [3, 4]])); // prettier-ignore
    const here = fromShared(shared);
    const { message, exit } = startWorker(
      "shared",
      `const x = torch.fromShared(workerData);
       const sum = x.sum().item();
       x.mul_(10);
       parentPort.postMessage({ sum, own: torch.shareMemory(torch.tensor([1.5, 2.5], { dtype: "bfloat16" })) });`,
      shared,
    );
    const { sum, own } = (await message) as { sum: number; own: SharedTensor };
    await exit;
    expect([sum, here.tolist()]).toEqual([10, [[10, 20], [30, 40]]]); // prettier-ignore
    const theirs = fromShared(own); // outlives the worker that made it
    expect([theirs.dtype, theirs.tolist()]).toEqual(["bfloat16", [1.5, 2.5]]);
    expect(() => fromShared({ ...own, shape: [3] })).toThrowErrorMatchingInlineSnapshot(
      `[TorchError: fromShared: argument has 4 bytes, but shape and dtype need 6.]`,
    );
  });

  test("end by process.exit, in a hook of backward too, and by terminate", async () => {
    const computing = `for (;;) torch.scope(() => torch.ones([200, 200]).matmul(torch.ones([200, 200])));`;
    const inLoop = startWorker(
      "exit-worker",
      `torch.ones([300, 300]).matmul(torch.ones([300, 300])); process.exit(5);`,
    );
    const inHook = startWorker(
      "exit-hook-worker",
      `const x = torch.ones([3], { requiresGrad: true });
       x.registerHook(() => process.exit(6));
       torch.scope(() => x.mul(2).sum().backward());`,
    );
    const endless = startWorker("endless", `parentPort.postMessage("computing"); ${computing}`);
    await endless.message;
    const terminated = await endless.worker.terminate();
    expect([await inLoop.exit, await inHook.exit, terminated]).toEqual([5, 6, 1]);
    expect(ones([2]).add(1).tolist()).toEqual([2, 2]);
  });
});

test("a forked process and its parent both compute", async () => {
  const child = fork(
    script(
      "forked",
      `process.on("message", (rows) => {
         const product = torch.tensor(rows).matmul(torch.ones([2, 2])).tolist();
         process.send(product, () => process.disconnect());
       });`,
    ),
  );
  const code = new Promise((resolve) => child.once("exit", resolve));
  // a child that cannot load the addon never answers
  const answer = Promise.race([
    new Promise((resolve) => child.once("message", resolve)),
    code.then((status) => `no answer, exit code ${String(status)}`),
  ]);
  child.send(
    tensor([[1, 2]])
      .mul(2)
      .tolist(),
  );
  expect([await answer, await code]).toEqual([[[6, 6]], 0]); // prettier-ignore
});

describe("a process", () => {
  const quiet = { signal: null, stdout: "", stderr: "" };

  test("exits with its code in the middle of a scope, with tensors and a graph alive", () => {
    const source = `
      const layer = new torch.nn.Linear(50, 50);
      torch.scope(() => {
        const loss = layer.forward(torch.ones([10, 50])).sum();
        loss.backward();
        process.exit(4);
      });`;
    expect(run("exit", source)).toEqual({ status: 4, ...quiet });
  });

  test("exits with its code in a hook of backward", () => {
    const source = `
      const x = torch.ones([3], { requiresGrad: true });
      x.registerHook(() => process.exit(7));
      torch.scope(() => x.mul(2).sum().backward());`;
    expect(run("exit-hook", source)).toEqual({ status: 7, ...quiet });
  });

  test("exits with its code while workers compute", () => {
    const source = `
      import { Worker, isMainThread, parentPort } from "node:worker_threads";
      if (isMainThread) {
        const workers = [1, 2].map(() => new Worker(new URL(import.meta.url)));
        await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once("message", resolve))));
        torch.ones([100, 100]).matmul(torch.ones([100, 100]));
        process.exit(8);
      }
      parentPort.postMessage("computing");
      for (;;) torch.scope(() => torch.ones([200, 200]).matmul(torch.ones([200, 200])));`;
    expect(run("exit-workers", source)).toEqual({ status: 8, ...quiet });
  });

  test("fails with the error that is thrown", () => {
    const { status, stderr } = run("fails", `torch.ones([2]).add(torch.ones([3]));`);
    expect(status).toBe(1);
    expect(stderr).toContain("TorchError: aten::add.Tensor: The size of tensor a (2) must match");
  });

  test.each(["SIGINT", "SIGTERM"] as const)(
    "hears %s when its loop lets the event loop turn",
    async (name) => {
      const file = script(
        `signal-${name}`,
        `let signal;
       process.on("${name}", () => (signal = "${name}"));
       console.log("ready");
       let steps = 0;
       while (signal === undefined) {
         torch.scope(() => torch.ones([100, 100]).matmul(torch.ones([100, 100])));
         steps++;
         await new Promise(setImmediate); // without it the handler waits for the end of the loop
       }
       console.log(signal, steps > 0);
       process.exit(0);`,
      );
      const child = spawn(process.execPath, [file], { stdio: ["ignore", "pipe", "inherit"] });
      let output = "";
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        if (output === "") child.kill(name);
        output += text;
      });
      const code = await new Promise((resolve) => child.once("close", resolve));
      expect([code, output]).toEqual([0, `ready\n${name} true\n`]);
    },
  );
});
