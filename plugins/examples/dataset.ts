// A data set: points on the arms of a spiral, told apart by the arm that they lie on.
import { BaseDataModule, registerDataset } from "sconce";
import { type Tensor, fromTypedArray, utils } from "sconce/torch";
import * as z from "zod";

const schema = z.strictObject({
  rows: z.int().min(10).default(600),
  arms: z.int().min(2).default(3),
  batchSize: z.int().min(1).default(32),
  seed: z.int().default(42),
});

/** Shapes: a row is a point `[2]` and its arm `[]` (int64). */
export class Spirals extends BaseDataModule<Tensor[], z.output<typeof schema>> {
  static override readonly schema = schema;

  override setup(): void {
    const { rows, arms, seed } = this.config;
    const points = new Float32Array(2 * rows);
    const labels = new BigInt64Array(rows);
    for (let row = 0; row < rows; row++) {
      const arm = row % arms;
      const radius = (row + 1) / rows;
      const angle = 4 * radius + (2 * Math.PI * arm) / arms;
      points.set([radius * Math.cos(angle), radius * Math.sin(angle)], 2 * row);
      labels[row] = BigInt(arm);
    }
    const all = new utils.data.TensorDataset(
      fromTypedArray(points, [rows, 2]),
      fromTypedArray(labels, [rows]),
    );
    const [train, val, test] = utils.data.randomSplit(all, [0.6, 0.2, 0.2], { seed });
    this.parts = { train: train!, val: val!, test: test! };
  }
}

registerDataset("spirals", Spirals);
