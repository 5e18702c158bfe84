// A data set: points on rings around one another, told apart by the ring. Its options stand in conf/dataset/my_part.yaml.
import { BaseDataModule, registerDataset } from "sconce";
import { type Tensor, tensor, utils } from "sconce/torch";
import * as z from "zod";

const schema = z.strictObject({
  rows: z.int().min(30).default(600),
  classes: z.int().min(2).default(3),
  batchSize: z.int().min(1).default(32),
  seed: z.int().default(42),
});

/** Shapes: a row is a point `[2]` and its class `[]` (int64). */
export class MyPart extends BaseDataModule<Tensor[], z.output<typeof schema>> {
  static override readonly schema = schema;

  /** Says what the parts are; the loaders, which shuffle and batch, follow. */
  override setup(): void {
    const { rows, classes, seed } = this.config;
    const labels = Array.from({ length: rows }, (_, row) => row % classes);
    const points = labels.map((ring, row) => [(1 + ring) * Math.cos(row), (1 + ring) * Math.sin(row)]);
    const all = new utils.data.TensorDataset(tensor(points), tensor(labels, { dtype: "int64" }));
    const [train, val, test] = utils.data.randomSplit(all, [0.7, 0.15, 0.15], { seed });
    this.parts = { train: train!, val: val!, test: test! };
  }
}

registerDataset("my_part", MyPart);
