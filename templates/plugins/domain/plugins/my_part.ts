// A domain: pairs of things, and whether the two are alike. A kind of batch, a base for its models, a model, a data set.
import { BaseDataModule, BaseModel, type Metric, registerDomain } from "sconce";
import { type Tensor, nn, tensor, utils } from "sconce/torch";
import * as z from "zod";

/** Shapes: `left`, `right [batch, 2]`, `isAlike [batch]` (0 or 1). */
export interface MyPartBatch {
  left: Tensor;
  right: Tensor;
  isAlike: Tensor;
}

/** Is the base of models whose `forward` takes two things and gives a score, above 0 where they are alike. */
export abstract class BaseMyPartModel<Config extends object> extends BaseModel<Config, MyPartBatch> {
  override inputsOf({ left, right }: MyPartBatch): unknown[] {
    return [left, right];
  }

  override targetsOf({ isAlike }: MyPartBatch): Tensor {
    return isAlike;
  }

  override lossOf(scores: Tensor, isAlike: Tensor): Tensor {
    return nn.functional.binaryCrossEntropyWithLogits(scores, isAlike);
  }

  override setupMetrics(_config: Config): Record<string, Metric> {
    return { f1: new AlikeF1() };
  }
}

/** Computes the F1 score of pairs that are alike. Shapes: both `[batch]`. */
class AlikeF1 implements Metric {
  #hits = 0;
  #found = 0;
  #alike = 0;

  update(scores: Tensor, isAlike: Tensor): void {
    const found = scores.gt(0).to("float32");
    this.#hits += found.mul(isAlike).sum().item();
    this.#found += found.sum().item();
    this.#alike += isAlike.sum().item();
  }

  compute(): number {
    return (2 * this.#hits) / (this.#found + this.#alike);
  }

  reset(): void {
    this.#hits = this.#found = this.#alike = 0;
  }
}

const netSchema = z.strictObject({
  hidden: z.int().min(1).default(32),
  lr: z.number().positive().default(0.01),
});
type NetConfig = z.output<typeof netSchema>;

/** Encodes both things by the same weights and compares what comes of them. */
class MyPartNet extends BaseMyPartModel<NetConfig> {
  static override readonly schema = netSchema;

  override buildModel({ hidden }: NetConfig): nn.Module {
    return new nn.Sequential(new nn.Linear(2, hidden), new nn.Tanh(), new nn.Linear(hidden, hidden));
  }

  override forward(left: Tensor, right: Tensor): Tensor {
    const encoder = this.model as nn.Sequential;
    return encoder.forward(left).mul(encoder.forward(right)).sum([1]);
  }
}

interface Pair {
  left: number[];
  right: number[];
  isAlike: number;
}

const dataSchema = z.strictObject({
  rows: z.int().min(30).default(600),
  batchSize: z.int().min(1).default(32),
  seed: z.int().default(42),
});

/** Pairs points of a circle; those of one half are alike. */
class MyPartData extends BaseDataModule<Pair, z.output<typeof dataSchema>> {
  static override readonly schema = dataSchema;

  override setup(): void {
    const { rows, seed } = this.config;
    const all: utils.data.Dataset<Pair> = {
      length: rows,
      get(row) {
        const [a, b] = [7 * row, 11 * row + 1];
        const [left, right] = [a, b].map((angle) => [Math.cos(angle), Math.sin(angle)]);
        return { left: left!, right: right!, isAlike: Math.cos(a) * Math.cos(b) > 0 ? 1 : 0 };
      },
    };
    const [train, val, test] = utils.data.randomSplit(all, [0.7, 0.15, 0.15], { seed });
    this.parts = { train: train!, val: val!, test: test! };
  }

  override collate(pairs: Pair[]): MyPartBatch {
    return {
      left: tensor(pairs.map(({ left }) => left)),
      right: tensor(pairs.map(({ right }) => right)),
      isAlike: tensor(pairs.map(({ isAlike }) => isAlike)),
    };
  }
}

registerDomain("my_part", {
  description: "tells whether two things are alike",
  models: { my_part_net: MyPartNet },
  datasets: { my_part_data: MyPartData },
});
