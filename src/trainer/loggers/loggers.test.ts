import { readFileSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { PointsData, PointsModel } from "../../../tests/fixtures/points.ts";
import { makeTemporaryFolder } from "../../../tests/fixtures/temporary-folder.ts";
import { openStore } from "../../tracking/index.ts";
import { CSVLogger, JSONLLogger, MLFlowLogger, TensorBoardLogger, Trainer } from "../index.ts";
import { maskedCrc32c } from "./tensorboard/crc32c.ts";

let root: string;
beforeEach(() => (root = makeTemporaryFolder("sconce-loggers-")));
afterEach(() => rmSync(root, { recursive: true, force: true }));

test("several loggers receive the same run side by side", async () => {
  const mlflow = new MLFlowLogger({
    experimentName: "points",
    runName: "first",
    trackingUri: `sqlite:///${root}/mlflow.db`,
  });
  const csv = new CSVLogger({ saveDir: root, name: "csv" });
  const jsonl = new JSONLLogger({ path: join(root, "logs", "run.jsonl") });
  const tensorboard = new TensorBoardLogger({ saveDir: root, name: "tb" });
  const trainer = new Trainer({
    maxEpochs: 2,
    logEveryNSteps: 2,
    enableProgressBar: false,
    logger: [mlflow, csv, jsonl, tensorboard],
    defaultRootDir: root,
  });
  const model = new PointsModel({ lr: 0.02, hidden: 4 });
  const data = new PointsData({ batchSize: 10 });
  await trainer.fit(model, data);
  await trainer.test(model, data);

  const store = await openStore(`sqlite:///${root}/mlflow.db`);
  const run = await store.getRun(mlflow.runId!);
  expect(run.info).toMatchObject({ runName: "first", status: "FINISHED" });
  expect(run.data.params).toEqual({ lr: "0.02", hidden: "4" });
  const losses = [...(await store.metricHistory(mlflow.runId!, "train_loss"))];
  expect(losses.map(({ step }) => step)).toEqual([2, 4, 6, 8]);
  const [accuracy] = await store.metricHistory(mlflow.runId!, "test_accuracy");
  expect(accuracy).toMatchObject({ step: 8, value: trainer.callbackMetrics["test_accuracy"] });
  await store.close();

  const lines = readFileSync(join(root, "logs", "run.jsonl"), "utf8")
    .trimEnd()
    .split("\n");
  const entries = lines.map((line) => JSON.parse(line) as Record<string, any>);
  expect(entries[0]!["hyperparams"]).toEqual({ lr: 0.02, hidden: 4 });
  expect(entries.flatMap(({ metrics }) => metrics?.train_loss ?? [])).toEqual(
    losses.map(({ value }) => value),
  );
  expect(entries.flatMap(({ status }) => status ?? [])).toEqual(["success", "success"]);
  expect(readdirSync(join(root, "csv", "version_0")).sort()).toEqual(["hparams.yaml", "metrics.csv"]);
  expect(readdirSync(join(root, "tb", "version_0"))[0]).toMatch(/^events\.out\.tfevents\.\d+\..+\.\d+\.0$/);
});

test("a run that fails is recorded as failed", async () => {
  const trackingUri = `sqlite:///${root}/mlflow.db`;
  const mlflow = new MLFlowLogger({ trackingUri });
  const model = new PointsModel({});
  model.trainingStep = () => {
    throw new Error("out of sorts");
  };
  const trainer = new Trainer({ logger: mlflow, defaultRootDir: root });
  await expect(trainer.fit(model, new PointsData())).rejects.toThrow("out of sorts");
  const store = await openStore(trackingUri);
  expect((await store.getRun(mlflow.runId!)).info.status).toBe("FAILED");
  await store.close();
});

test("versions are counted on, and NaN is data", async () => {
  for (let n = 0; n < 2; n++) {
    const csv = new CSVLogger({ saveDir: root, name: "runs" });
    csv.logMetrics({ "loss, of all": NaN, b: Infinity }, n);
    csv.logMetrics({ a: -Infinity }, n + 1);
  }
  expect(readdirSync(join(root, "runs")).sort()).toEqual(["version_0", "version_1"]);
  expect(readFileSync(join(root, "runs", "version_1", "metrics.csv"), "utf8")).toBe(
    'a,b,"loss, of all",step\n,inf,nan,1\n-inf,,,2\n',
  );
  const jsonl = new JSONLLogger({ path: join(root, "x.jsonl") });
  jsonl.logMetrics({ a: NaN, b: -Infinity }, 1);
  expect(JSON.parse(readFileSync(join(root, "x.jsonl"), "utf8"))).toMatchObject({
    metrics: { a: "NaN", b: "-Infinity" },
  });
});

test("the checksum is that of the published vectors", () => {
  // RFC 3720, B.4: 32 bytes of zeros, and of ones; unmasked 0x8a9136aa and 0x62a8ab43
  const unmask = (masked: number): number => {
    const rotated = (masked - 0xa282ead8) >>> 0;
    return ((rotated >>> 17) | (rotated << 15)) >>> 0;
  };
  expect(unmask(maskedCrc32c(new Uint8Array(32)))).toBe(0x8a9136aa);
  expect(unmask(maskedCrc32c(new Uint8Array(32).fill(255)))).toBe(0x62a8ab43);
});
