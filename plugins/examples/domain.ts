// A domain: recommendation, with its kind of batch, a base for its models, a model, a data set and a metric.
import { BaseDataModule, BaseModel, type Metric, registerDomain } from "sconce";
import { MeanSquaredError } from "sconce/contracts";
import { type Tensor, nn, tensor, utils } from "sconce/torch";
import * as z from "zod";

/** Shapes: `user`, `item [batch]` (int64), `rating [batch]`. */
export interface RatingBatch {
  user: Tensor;
  item: Tensor;
  rating: Tensor;
}

/** Foretells ratings: mean squared error, and `rmse`. `forward` takes users and items. */
export abstract class BaseRecommender<Config extends object> extends BaseModel<Config, RatingBatch> {
  override setupMetrics(_config: Config): Record<string, Metric> {
    return { rmse: new RootMeanSquaredError() };
  }

  override inputsOf({ user, item }: RatingBatch): unknown[] {
    return [user, item];
  }

  override targetsOf({ rating }: RatingBatch): Tensor {
    return rating;
  }

  override lossOf(foretold: Tensor, ratings: Tensor): Tensor {
    return nn.functional.mseLoss(foretold, ratings);
  }
}

/** Shapes: both alike. */
export class RootMeanSquaredError extends MeanSquaredError {
  override compute(): number {
    return Math.sqrt(super.compute());
  }
}

const modelSchema = z.strictObject({
  users: z.int().min(1).default(30),
  items: z.int().min(1).default(20),
  factors: z.int().min(1).default(4),
  lr: z.number().positive().default(0.03),
});

class Factors extends nn.Module {
  readonly user: nn.Embedding;
  readonly item: nn.Embedding;

  constructor({ users, items, factors }: z.output<typeof modelSchema>) {
    super();
    this.user = new nn.Embedding(users, factors);
    this.item = new nn.Embedding(items, factors);
  }

  override forward(user: Tensor, item: Tensor): Tensor {
    return this.user.forward(user).mul(this.item.forward(item)).sum([1]);
  }
}

/** Takes a rating for the product of what a user likes and what an item has (Koren et al. 2009). */
export class MatrixFactorization extends BaseRecommender<z.output<typeof modelSchema>> {
  static override readonly schema = modelSchema;

  override buildModel(config: z.output<typeof modelSchema>): nn.Module {
    return new Factors(config);
  }
}

const dataSchema = z.strictObject({
  users: z.int().min(1).default(30),
  items: z.int().min(1).default(20),
  batchSize: z.int().min(1).default(32),
  seed: z.int().default(42),
});

interface Rating {
  user: number;
  item: number;
  rating: number;
}

/** Holds what every user would say of every item: some like what others do not. */
export class Ratings extends BaseDataModule<Rating, z.output<typeof dataSchema>> {
  static override readonly schema = dataSchema;

  override setup(): void {
    const { users, items, seed } = this.config;
    const all: utils.data.Dataset<Rating> = {
      length: users * items,
      get(index) {
        const [user, item] = [Math.floor(index / items), index % items];
        return { user, item, rating: Math.cos(user) * Math.cos(item) + Math.sin(2 * user) * Math.sin(item) };
      },
    };
    const [train, val, test] = utils.data.randomSplit(all, [0.7, 0.15, 0.15], { seed });
    this.parts = { train: train!, val: val!, test: test! };
  }

  override collate(rows: Rating[]): RatingBatch {
    const ids = (values: number[]) => tensor(values, { dtype: "int64" });
    return {
      user: ids(rows.map(({ user }) => user)),
      item: ids(rows.map(({ item }) => item)),
      rating: tensor(rows.map(({ rating }) => rating)),
    };
  }
}

registerDomain("recommendation", {
  description: "foretells what a user says of an item",
  models: { matrix_factorization: MatrixFactorization },
  datasets: { ratings: Ratings },
  metrics: { rmse: RootMeanSquaredError },
});
