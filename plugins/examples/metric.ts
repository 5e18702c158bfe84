// A metric: how often the right class is among the k that score highest.
import { type Metric, registerMetric } from "sconce";
import type { Tensor } from "sconce/torch";
import * as z from "zod";

const schema = z.strictObject({ k: z.int().min(1).default(5) });

/** Shapes: scores `[batch, classes]`, classes `[batch]`. */
export class TopKAccuracy implements Metric {
  static readonly schema = schema;
  readonly #k: number;
  #right = 0;
  #all = 0;

  constructor({ k }: z.output<typeof schema>) {
    this.#k = k;
  }

  update(scores: Tensor, classes: Tensor): void {
    const [, best] = scores.topk(this.#k, 1); // [batch, k]
    this.#right += best.eq(classes.unsqueeze(1)).sum().item();
    this.#all += classes.numel;
  }

  compute(): number {
    return this.#right / this.#all;
  }

  reset(): void {
    this.#right = this.#all = 0;
  }
}

registerMetric("top_k_accuracy", TopKAccuracy);
