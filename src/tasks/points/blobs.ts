// Points around centres, told apart by the centre: data that any machine has, to try a model or a config on.
import { z } from "zod";
import { Rng } from "../../base/index.ts";
import { BaseDataModule } from "../../contracts/index.ts";
import type { ConfigSchema, DataModuleConfig } from "../../contracts/index.ts";
import { fromTypedArray, utils } from "../../torch/index.ts";
import type { Tensor } from "../../torch/index.ts";
import { dataModuleOptions } from "../data-options.ts";

/** Options of `BlobsDataModule`. */
export interface BlobsConfig extends DataModuleConfig {
  /** @default 600 */
  rows?: number;
  /** Numbers of a point. @default 2 */
  features?: number;
  /** @default 3 */
  classes?: number;
  /** Standard deviation around a centre; centres lie within 3 of the origin. @default 0.5 */
  spread?: number;
}

/**
 * Makes points around a centre for each class, in equal number; the same seed makes the same points.
 *
 * Shapes: a row is a point `[features]` and its class `[]` (int64).
 */
export class BlobsDataModule extends BaseDataModule<Tensor[], BlobsConfig> {
  static override readonly schema: ConfigSchema<any> = z.strictObject({
    ...dataModuleOptions,
    rows: z.int().min(30).exactOptional(),
    features: z.int().min(1).exactOptional(),
    classes: z.int().min(2).exactOptional(),
    spread: z.number().positive().exactOptional(),
  });

  override setup(): void {
    const { rows = 600, features = 2, classes = 3, spread = 0.5, seed = 42 } = this.config;
    const rng = new Rng(seed);
    const centres = Array.from({ length: classes }, (_, index) =>
      centreOf(index, { classes, features, rng }),
    );
    const points = new Float32Array(rows * features);
    const labels = new BigInt64Array(rows);
    for (let row = 0; row < rows; row++) {
      const label = row % classes;
      labels[row] = BigInt(label);
      for (let feature = 0; feature < features; feature++)
        points[row * features + feature] = centres[label]![feature]! + spread * normal(rng);
    }
    const all = new utils.data.TensorDataset(
      fromTypedArray(points, [rows, features]),
      fromTypedArray(labels, [rows]),
    );
    const [train, val, test] = utils.data.randomSplit(all, [0.7, 0.15, 0.15], { seed });
    this.parts = { train: train!, val: val!, test: test! };
  }
}

/** Spaces the centres out on a circle in the first two numbers; the others are drawn. */
function centreOf(
  index: number,
  { classes, features, rng }: { classes: number; features: number; rng: Rng },
): number[] {
  if (features === 1) return [(6 * index) / (classes - 1) - 3];
  const angle = (2 * Math.PI * index) / classes;
  const rest = Array.from({ length: features - 2 }, () => 2 * rng.random() - 1);
  return [3 * Math.cos(angle), 3 * Math.sin(angle), ...rest];
}

/** Draws from the standard normal distribution (Box and Muller 1958). */
function normal(rng: Rng): number {
  return Math.sqrt(-2 * Math.log(1 - rng.random())) * Math.cos(2 * Math.PI * rng.random());
}
