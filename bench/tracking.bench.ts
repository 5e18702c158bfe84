// The tracking server beside MLflow's, on copies of one SQLite file, asked by one client program in one run.
//
//   npm run bench -- tracking [--rounds 3] [--runs 10000] [--points 1000000] [--store URI ...]
//
// `--store` names empty stores of other kinds, on which our server is measured once afterwards; the report then goes to
// results/tracking-stores.md.
//
// The servers take turns, round after round; of each the best round counts, since the machine is noisy. Both run with one
// process, as MLflow's SQLite backend wants it, and both write through to the disk.
import { spawn } from "node:child_process";
import { copyFileSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import * as http from "node:http";
import { createServer } from "node:net";
import { loadavg, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { openStore } from "sconce/tracking";
import { describeMachine, findPython, root, saveReport } from "./report.ts";

const { values: flags } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    runs: { type: "string", default: "10000" },
    points: { type: "string", default: "1000000" },
    store: { type: "string", multiple: true, default: [] },
  },
});
const [rounds, runCount, pointCount] = [flags.rounds, flags.runs, flags.points].map(Number) as [
  number,
  number,
  number,
];
const python = findPython();
const folder = mkdtempSync(join(tmpdir(), "sconce-bench-"));
const filled = join(folder, "filled.db");
const seconds = 3; // of each measurement of throughput

type Side = "sconce" | "MLflow";

/** Numbers of one round by what was measured. */
type Numbers = Record<string, number>;

interface Server {
  url: string;
  startSeconds: number;
  pid: number;
  stop(): Promise<void>;
}

const historyRun = await fill(`sqlite:///${filled}`);
const all: Record<Side, Numbers[]> = { sconce: [], MLflow: [] };
for (let round = 1; round <= rounds; round++) {
  for (const side of ["sconce", "MLflow"] as const) {
    const numbers = await measure(side, `sqlite:///${copyOfFilled(side)}`, historyRun);
    all[side].push(numbers);
    for (const [name, value] of Object.entries(numbers))
      console.log(`round ${round}  ${side.padEnd(7)} ${name.padEnd(60)} ${value.toPrecision(4)}`);
  }
}
const others = new Map<string, Numbers>();
for (const uri of flags.store) {
  const numbers = await measure("sconce", uri, await fill(uri));
  others.set(storeKind(uri), numbers);
  console.log(storeKind(uri), numbers);
}
saveReport(others.size === 0 ? "tracking" : "tracking-stores", describe());
rmSync(folder, { recursive: true, force: true });

/** Fills a store with runs of 100 metrics each, and one run with a long history; returns that run's id. */
async function fill(uri: string): Promise<string> {
  const store = await openStore(uri, { artifactRoot: "mlflow-artifacts:/" });
  const experimentId = await store.createExperiment({ name: "filled" });
  const started = performance.now();
  for (let index = 0; index < runCount; index++) {
    const { info } = await store.createRun({ experimentId, runName: `run ${index}` });
    const metrics = Array.from({ length: 100 }, (_, m) => ({
      key: `m${m}`,
      value: (index * 31 + m) % 997,
      timestamp: 1,
      step: 0,
    }));
    await store.logBatch({ runId: info.runId, metrics, params: [{ key: "lr", value: String(index % 10) }] });
    await store.updateRun({ runId: info.runId, status: "FINISHED", endTime: 2 });
  }
  const { info } = await store.createRun({ experimentId: await store.createExperiment({ name: "long" }) });
  for (let step = 0; step < pointCount; step += 1000) {
    const metrics = Array.from({ length: 1000 }, (_, i) => ({
      key: "loss",
      value: Math.sin(step + i),
      timestamp: step + i,
      step: step + i,
    }));
    await store.logBatch({ runId: info.runId, metrics });
  }
  await store.close();
  console.log(
    `filled ${runCount} runs and ${pointCount} points in ${((performance.now() - started) / 1000).toFixed(0)} s`,
  );
  return info.runId;
}

/** Returns the file of a fresh copy of the filled database. */
function copyOfFilled(side: Side): string {
  const database = join(folder, `${side}.db`);
  for (const name of readdirSync(folder).filter((each) => each.startsWith(`${side}.db`)))
    rmSync(join(folder, name));
  copyFileSync(filled, database);
  return database;
}

/** Returns the kind of store that a URI names, a folder as `files`. */
function storeKind(uri: string): string {
  return /^(\w+):\/\//.exec(uri)?.[1] ?? "files";
}

async function measure(side: Side, uri: string, historyRun: string): Promise<Numbers> {
  const server = await start(side, uri);
  const agent = new http.Agent({ keepAlive: true });
  const call = (method: string, path: string, body?: object) => send(agent, server.url, method, path, body);
  try {
    await sleep(1000);
    const idleMegabytes = residentMegabytes(server.pid);
    const { experiment_id } = (await call("POST", "experiments/create", { name: "bench" })) as {
      experiment_id: string;
    };
    const createRun = async () => {
      const answer = (await call("POST", "runs/create", { experiment_id, start_time: Date.now() })) as {
        run: { info: { run_id: string } };
      };
      return answer.run.info.run_id;
    };
    const runs = await Promise.all(Array.from({ length: 16 }, createRun));
    let step = 0;
    const logBatch = async (client: number) => {
      step++;
      const metrics = Array.from({ length: 100 }, (_, m) => ({
        key: `m${m}`,
        value: step,
        timestamp: step,
        step,
      }));
      await call("POST", "runs/log-batch", { run_id: runs[client], metrics });
    };
    const logMetric = async () => {
      step++;
      await call("POST", "runs/log-metric", {
        run_id: runs[0],
        key: "single",
        value: 1,
        timestamp: step,
        step,
      });
    };
    const search = async () => {
      const { experiment } = (await call("GET", "experiments/get-by-name?experiment_name=filled")) as {
        experiment: { experiment_id: string };
      };
      const body = {
        experiment_ids: [experiment.experiment_id],
        filter: "metrics.m1 > 500 and params.lr = '3'",
        order_by: ["metrics.m2 DESC"],
        max_results: 100,
      };
      const started = performance.now();
      const { runs: found } = (await call("POST", "runs/search", body)) as { runs: unknown[] };
      if (found.length !== Math.min(100, found.length) || found.length === 0)
        throw new Error("bench: the search found nothing");
      return performance.now() - started;
    };
    const history = async () => {
      const started = performance.now();
      let points = 0;
      let token: string | undefined = "";
      while (token !== undefined) {
        const page: string = token === "" ? "" : `&page_token=${encodeURIComponent(token)}`;
        const path = `metrics/get-history?run_id=${historyRun}&metric_key=loss&max_results=25000${page}`;
        const answer = (await call("GET", path)) as { metrics: unknown[]; next_page_token?: string };
        points += answer.metrics.length;
        token = answer.next_page_token || undefined;
      }
      if (points !== pointCount) throw new Error(`bench: ${points} points came of ${pointCount}`);
      return (performance.now() - started) / 1000;
    };
    const bulk = async () => {
      const started = performance.now();
      await call(
        "GET",
        `metrics/get-history-bulk-interval?run_ids=${historyRun}&metric_key=loss&max_results=2500`,
      );
      return performance.now() - started;
    };
    const numbers: Numbers = {
      "start to first answer, s": server.startSeconds,
      "idle memory, MB": idleMegabytes,
      "runs created per s, 1 client": await perSecond(1, createRun),
      "log-batch of 100 metrics per s, 1 client": await perSecond(1, () => logBatch(0)),
      "log-batch of 100 metrics per s, 16 clients": await perSecond(16, logBatch),
      "log-metric per s, 1 client": await perSecond(1, logMetric),
      "log-batch latency, median ms, 1 client": await medianMs(() => logBatch(0)),
    };
    numbers[`search of 100 among ${runCount} runs of 100 metrics, ms`] = Math.min(
      await search(),
      await search(),
      await search(),
    );
    numbers[`history of ${pointCount} points in pages, s`] = await history();
    numbers[`curve of ${pointCount} points thinned to 2500, ms`] = Math.min(await bulk(), await bulk());
    return numbers;
  } finally {
    agent.destroy();
    await server.stop();
  }
}

async function perSecond(clients: number, work: (client: number) => Promise<unknown>): Promise<number> {
  const started = performance.now();
  let count = 0;
  const client = async (_: unknown, index: number) => {
    while (performance.now() - started < seconds * 1000) {
      await work(index);
      count++;
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  return count / ((performance.now() - started) / 1000);
}

async function medianMs(work: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let index = 0; index < 50; index++) {
    const started = performance.now();
    await work();
    times.push(performance.now() - started);
  }
  return times.sort((a, b) => a - b)[25] as number;
}

async function start(side: Side, uri: string): Promise<Server> {
  const port = await freePort();
  const artifacts = join(folder, "artifacts");
  const words = [
    "server",
    "--port",
    String(port),
    "--backend-store-uri",
    uri,
    "--artifacts-destination",
    artifacts,
  ];
  const mlflow = join(dirname(python), "mlflow");
  const [command, args] =
    side === "sconce"
      ? [process.execPath, [join(root, "bin", "sconce"), ...words]]
      : [mlflow, [...words, "--workers", "1"]];
  const started = performance.now();
  const child = spawn(command as string, args as string[], {
    stdio: "ignore",
    detached: true,
    env: { ...process.env, MLFLOW_DISABLE_TELEMETRY: "true" },
  });
  const url = `http://127.0.0.1:${port}`;
  while (!(await answers(url))) await sleep(10);
  const startSeconds = (performance.now() - started) / 1000;
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const stop = async () => {
    process.kill(-child.pid!, "SIGTERM");
    await exited;
  };
  return { url, startSeconds, pid: child.pid!, stop };
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/health`)).ok;
  } catch {
    return false;
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => resolve(port));
    });
  });
}

/** Returns the proportional memory of a process and all that it started. */
function residentMegabytes(pid: number): number {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, "utf8").trim().split(" ").filter(Boolean).map(Number),
  );
  const file = `/proc/${pid}/smaps_rollup`;
  const own = existsSync(file)
    ? Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(file, "utf8"))?.[1] ?? 0) / 1024
    : 0;
  return own + children.reduce((sum, child) => sum + residentMegabytes(child), 0);
}

function send(agent: http.Agent, url: string, method: string, path: string, body?: object): Promise<unknown> {
  const text = body === undefined ? undefined : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const request = http.request(
      `${url}/api/2.0/mlflow/${path}`,
      {
        agent,
        method,
        headers:
          text === undefined
            ? {}
            : { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(text) },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () => {
          const content = Buffer.concat(chunks).toString();
          if (response.statusCode === 200) resolve(JSON.parse(content));
          else reject(new Error(`bench: ${method} ${path}: ${response.statusCode} ${content.slice(0, 300)}`));
        });
      },
    );
    request.on("error", (error: NodeJS.ErrnoException) => {
      // the server closed a kept connection at the moment at which it was used again
      if (request.reusedSocket && error.code === "ECONNRESET") resolve(send(agent, url, method, path, body));
      else reject(error);
    });
    request.end(text);
  });
}

function describe(): string {
  const names = Object.keys(all.sconce[0]!);
  const rows = names.map((name) => {
    const isRate = name.includes("per s");
    const best = (side: Side) => {
      const values = all[side].map((numbers) => numbers[name]!);
      return isRate ? Math.max(...values) : Math.min(...values);
    };
    const [ours, theirs] = [best("sconce"), best("MLflow")];
    const factor = isRate ? ours / theirs : theirs / ours;
    const elsewhere = [...others.values()].map((numbers) => ` ${numbers[name]!.toPrecision(3)} |`);
    return `| ${name} | ${ours.toPrecision(3)} | ${theirs.toPrecision(3)} | ${factor.toPrecision(2)}x |${elsewhere.join("")}`;
  });
  const note =
    others.size === 0
      ? ""
      : " The other stores are measured once; without a `mongod`, MongoDB is a small server in Java that stands for none in speed.";
  const heads = [...others.keys()].map((kind) => ` ours on ${kind} |`);
  return `# The tracking server beside MLflow's

${describeMachine()}, MLflow 3.17.2. The best of ${rounds} rounds in turn, on copies of one SQLite file; the last column says
how many times better ours is. The load of the machine over 15 minutes was ${loadavg()[2]!.toFixed(1)}.

    npm run bench -- tracking --rounds ${rounds} --runs ${runCount} --points ${pointCount}${" --store URI".repeat(others.size)}

| | ours | MLflow | |${heads.join("")}
|---|--:|--:|--:|${"--:|".repeat(heads.length)}
${rows.join("\n")}

Memory is the proportional set size of the server and all its processes. One client is one connection that waits for each
answer; both servers write each request through to the disk before they answer.${note}
`;
}
