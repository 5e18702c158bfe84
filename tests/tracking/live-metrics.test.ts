// A real training, a real `sconce server` and a viewer between whom nothing is told but over HTTP: how soon a point is seen.
import { rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { MLFlowLogger, Trainer } from "../../src/trainer/index.ts";
import { startSconce } from "../cli/run.ts";
import { EventViewer } from "../fixtures/event-viewer.ts";
import { PointsData, PointsModel } from "../fixtures/points.ts";
import { makeTemporaryFolder } from "../fixtures/temporary-folder.ts";

let folder: string;
let server: ReturnType<typeof startSconce>;
let url: string;

beforeAll(async () => {
  folder = makeTemporaryFolder("sconce-live-");
  const store = `sqlite:///${join(folder, "mlflow.db")}`;
  server = startSconce(["server", "--backend-store-uri", store, "--port", "0"], { cwd: folder });
  url = await vi.waitFor(
    () => {
      const found = /^MLFLOW_TRACKING_URI=(\S+)$/m.exec(server.output())?.[1];
      if (found === undefined) throw new Error(server.output());
      return found;
    },
    { timeout: 60_000 },
  );
});
afterAll(async () => {
  server.child.kill("SIGTERM");
  await server.ended;
  rmSync(folder, { recursive: true });
});

test("a viewer sees each point of a training within two seconds of its step, once, though its connection breaks", async () => {
  const viewer = await new EventViewer(url, "kind=run&points=true").connect();
  const steps: number[] = [];
  const slow = {
    name: "slow",
    async onTrainBatchEnd({ state }: { state: { step: number } }) {
      steps.push(state.step);
      await sleep(250);
      if (state.step === 6) viewer.close();
      if (state.step === 8) await viewer.connect();
    },
  };
  const trainer = new Trainer({
    maxEpochs: 4,
    logEveryNSteps: 1,
    enableProgressBar: false,
    enableCheckpointing: false,
    logger: new MLFlowLogger({ trackingUri: url, experimentName: "live" }),
    callbacks: [slow],
    defaultRootDir: folder,
  });
  const started = Date.now();
  await trainer.fit(new PointsModel({ lr: 0.02, hidden: 4 }), new PointsData({ batchSize: 10 }));
  const ended = Date.now();
  const losses = () =>
    viewer.seen.flatMap(({ at, data }) =>
      (data.metrics ?? []).filter(({ key }) => key === "train_loss").map((point) => ({ ...point, at })),
    );
  await vi.waitFor(() => expect(losses().map(({ step }) => step)).toEqual(steps));
  expect(steps.length).toBeGreaterThan(12);
  const connected = losses().filter(({ step }) => step < 4 || step > 10);
  const late = Math.max(...connected.map(({ at, timestamp }) => at - timestamp));
  console.log(`points are seen ${late} ms after their step at the latest`);
  expect(late).toBeLessThan(2000);
  expect(connected.filter(({ at }) => at > started && at < ended).length).toBeGreaterThan(8); // while it trains
  viewer.close();
});
