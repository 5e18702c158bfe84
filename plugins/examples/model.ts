// A model: a residual network for points, with its loss, a metric and its optimizer taken by name.
import { BaseModel, type Metric, registerModel, registry } from "sconce";
import { Accuracy } from "sconce/contracts";
import { type Tensor, nn, optim } from "sconce/torch";
import * as z from "zod";

const schema = z.strictObject({
  inputs: z.int().min(1).default(2),
  classes: z.int().min(2).default(3),
  hidden: z.int().min(1).default(32),
  blocks: z.int().min(0).default(2),
  lr: z.number().positive().default(3e-3),
  optimizer: z.string().default("sign_sgd"),
  loss: z.looseObject({ name: z.string() }).default({ name: "focal" }),
});
type Config = z.output<typeof schema>;

/** What the model asks of a loss. */
interface Loss {
  forward(scores: Tensor, classes: Tensor): Tensor;
}

/** Shapes: `[batch, width]` -> `[batch, width]`. */
class Residual extends nn.Module {
  readonly layer: nn.Linear;

  constructor(width: number) {
    super();
    this.layer = new nn.Linear(width, width);
  }

  override forward(x: Tensor): Tensor {
    return x.add(this.layer.forward(x).relu());
  }
}

/** Shapes: `[batch, inputs]` -> scores `[batch, classes]`. */
export class ResidualMLP extends BaseModel<Config, [Tensor, Tensor]> {
  static override readonly schema = schema;
  readonly #loss: Loss;

  constructor(config: Config) {
    super(config);
    const { name, ...options } = config.loss;
    this.#loss = registry.createLoss(name, options) as Loss;
  }

  override buildModel({ inputs, hidden, blocks, classes }: Config): nn.Module {
    return new nn.Sequential(
      new nn.Linear(inputs, hidden),
      ...Array.from({ length: blocks }, () => new Residual(hidden)),
      new nn.Linear(hidden, classes),
    );
  }

  override setupMetrics(): Record<string, Metric> {
    return { accuracy: new Accuracy(), top2: registry.createMetric("top_k_accuracy", { k: 2 }) };
  }

  override lossOf(scores: Tensor, classes: Tensor): Tensor {
    return this.#loss.forward(scores, classes);
  }

  override configureOptimizers(): optim.Optimizer {
    const { optimizer, lr } = this.config;
    return optim.createOptimizer(optimizer, this.parameters(), { lr });
  }
}

registerModel("residual_mlp", ResidualMLP);
