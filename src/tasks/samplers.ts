// The samplers that come along, by the names that configs call them.
import { z } from "zod";
import { registerBuiltIn, registerSampler } from "../contracts/index.ts";
import type { ComponentClass, ConfigSchema } from "../contracts/index.ts";
import { utils } from "../torch/index.ts";

const { RandomSampler, SequentialSampler, WeightedRandomSampler } = utils.data;
const numSamples = z.int().min(1).exactOptional();

registerBuiltIn(() => {
  registerSampler("sequential", withSchema(SequentialSampler, z.strictObject({})));
  registerSampler(
    "random",
    withSchema(RandomSampler, z.strictObject({ replacement: z.boolean().exactOptional(), numSamples })),
  );
  registerSampler(
    "weighted_random",
    withSchema(
      WeightedRandomSampler,
      z.strictObject({ weights: z.array(z.number().min(0)).min(1), numSamples }),
    ),
  );
});

/** Gives a class of torch's the schema by which configs of it are checked; the class itself stays as it is. */
function withSchema<T extends object>(
  Sampler: new (options: any) => T,
  schema: ConfigSchema<unknown>,
): ComponentClass<T> {
  return Object.assign(
    function (options: unknown) {
      return new Sampler(options);
    } as unknown as new (options: any) => T,
    { prototype: Sampler.prototype, schema },
  );
}
