// A sampler: easy examples first, then more and more of the hard ones (curriculum learning, Bengio et al. 2009).
import { registerSampler } from "sconce";
import { type utils } from "sconce/torch";
import * as z from "zod";

const schema = z.strictObject({
  start: z.number().positive().max(1).default(0.2),
  epochs: z.int().min(1).default(10),
});

/**
 * Draws from the first examples of a data set that lists them from easy to hard: from the share `start` of them in the
 * first epoch, from all of them after `epochs`. Every epoch has as many examples as the data set.
 */
export class Curriculum implements utils.data.Sampler {
  static readonly schema = schema;
  readonly config: z.output<typeof schema>;

  constructor(config: z.output<typeof schema>) {
    this.config = config;
  }

  /** What is drawn from `rng` is the same for the same seed and epoch, so that a run can be taken up anywhere. */
  order({ length }: { length: number }, { rng, epoch }: utils.data.SamplerContext): number[] {
    const { start, epochs } = this.config;
    const share = Math.min(1, start + ((1 - start) * epoch) / epochs);
    const known = Math.max(1, Math.round(share * length));
    return Array.from({ length }, () => rng.below(known));
  }
}

registerSampler("curriculum", Curriculum);
