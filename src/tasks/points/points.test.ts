import { expect, test } from "vitest";
import { DataContract, ModelContract, registry } from "../../contracts/index.ts";
import type { Tensor } from "../../torch/index.ts";
import { BlobsDataModule } from "./domain.ts";

test("the points are those of their seed, as many of each class, around centres that are apart", async () => {
  const make = (seed: number) =>
    new BlobsDataModule({ rows: 90, features: 4, spread: 0.1, seed, batchSize: 90 });
  const [one, same, other] = [make(1), make(1), make(2)];
  expect(await DataContract.check(one)).toEqual([]);
  const batchOf = async (data: BlobsDataModule) => {
    await data.setup();
    return (await data.trainDataloader().next()) as [Tensor, Tensor];
  };
  const [points, labels] = await batchOf(one);
  expect([points.shape, labels.shape]).toEqual([[63, 4], [63]]);
  expect((await batchOf(same))[0].tolist()).toEqual(points.tolist());
  expect((await batchOf(other))[0].tolist()).not.toEqual(points.tolist());
  const rows = points.tolist() as number[][];
  const classes = (labels.tolist() as (number | bigint)[]).map(Number);
  for (const [row, [x, y]] of rows.entries()) {
    const angle = (2 * Math.PI * classes[row]!) / 3;
    expect(Math.hypot(x! - 3 * Math.cos(angle), y! - 3 * Math.sin(angle))).toBeLessThan(0.6);
  }
});

test("one number a point is enough", async () => {
  const data = registry.createDataset("blobs", { rows: 30, features: 1, classes: 2 });
  expect(await DataContract.check(data)).toEqual([]);
});

test("the perceptron meets the contract, with any hidden layers", async () => {
  const data = registry.createDataset("blobs", { rows: 60, features: 5, classes: 4 });
  await data.setup?.("fit");
  const batch = await data.trainDataloader!().next();
  for (const hidden of [[], [8], [8, 6]])
    ModelContract.validate(registry.createModel("mlp", { inputs: 5, classes: 4, hidden }), batch);
  expect(() => registry.createModel("mlp", { hidden: [0] })).toThrow(/mlp.*hidden/);
});
