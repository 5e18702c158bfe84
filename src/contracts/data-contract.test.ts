import { describe, expect, test } from "vitest";
import { PointsData, points } from "../../tests/fixtures/points.ts";
import { ones, rand, utils } from "../torch/index.ts";
import type { Tensor } from "../torch/index.ts";
import { DataContract } from "./index.ts";
import type { BatchLoader, DataModule } from "./index.ts";

const { DataLoader, TensorDataset } = utils.data;

function loader(rows: utils.data.Dataset<[Tensor, number]>, options: object = {}): BatchLoader {
  return new DataLoader(rows, { batchSize: 4, ...options });
}

const check = (data: DataModule) => DataContract.check(data);

describe("DataContract", () => {
  test("passes a data module that keeps its rules", async () => {
    await DataContract.validate(new PointsData({ batchSize: 8 }));
  });

  test("tells of a missing loader", async () => {
    expect(await check({})).toMatchInlineSnapshot(`
      [
        "the method trainDataloader is missing, which gives the batches to train on.",
      ]
    `);
    expect(await check({ trainDataloader: () => undefined as never })).toMatchInlineSnapshot(`
      [
        "trainDataloader must give a loader, got nothing.",
      ]
    `);
    expect(await check({ trainDataloader: () => [[1]] as never })).toMatchInlineSnapshot(`
      [
        "the train loader must have length, seek and next, as torch.utils.data.DataLoader; it lacks seek, next.",
      ]
    `);
    await expect(DataContract.validate(null as never)).rejects.toThrow("trainDataloader is missing");
  });

  test("counts the rows that two parts share", async () => {
    const all = new TensorDataset(rand([20, 2]));
    const part = (from: number, to: number): BatchLoader =>
      new DataLoader(
        new utils.data.Subset(
          all,
          Array.from({ length: to - from }, (_, i) => from + i),
        ),
        { batchSize: 3 },
      );
    expect(
      await check({
        trainDataloader: () => part(0, 10),
        valDataloader: () => part(8, 14),
        testDataloader: () => part(13, 20),
      }),
    ).toMatchInlineSnapshot(`
      [
        "train and val share 2 rows; what is judged must not have been trained on.",
        "val and test share 1 row; what is judged must not have been trained on.",
      ]
    `);
  });

  test("tells of batches that do not come again", async () => {
    let calls = 0;
    const drifting = { length: 8, get: (): [Tensor, number] => [ones([2]).mul(++calls), 0] };
    expect(await check({ trainDataloader: () => loader(drifting) })).toMatchInlineSnapshot(`
      [
        "batch 0 of train is another when it is asked for again; a resumed run would train on other data. Draw from the rng that get is given.",
      ]
    `);
  });

  test("tells of a wrong length", async () => {
    const honest = loader(points(12));
    const lying = Object.create(honest, { length: { value: 5 } }) as BatchLoader;
    lying.next = () => honest.next();
    lying.seek = (position) => honest.seek(position);
    expect(await check({ trainDataloader: () => lying })).toMatchInlineSnapshot(`
      [
        "the train loader says it has 5 batches, and gives 3.",
      ]
    `);
  });

  test("tells of batches of another form", async () => {
    const named: BatchLoader = new DataLoader(
      { length: 4, get: (index) => ({ x: ones([3]).mul(index), y: "a" }) },
      { batchSize: 2 },
    );
    expect(await check({ trainDataloader: () => loader(points(8)), valDataloader: () => named }))
      .toMatchInlineSnapshot(`
      [
        "batches of val are { x: float32 of 2 dimensions, y: texts }, those of train are [float32 of 2 dimensions, int64 of 1 dimensions].",
      ]
    `);
  });
});
