// The options that all data modules of the package share, as their schemas check them.
import { z } from "zod";
import "./samplers.ts"; // which the option names

export const dataModuleOptions = {
  batchSize: z.int().min(1).exactOptional(),
  evalBatchSize: z.int().min(1).exactOptional(),
  seed: z.int().exactOptional(),
  dropLast: z.boolean().exactOptional(),
  /** The name of a registered sampler, or a mapping with it and the sampler's options. */
  sampler: z.union([z.string().min(1), z.looseObject({ name: z.string().min(1) })]).exactOptional(),
};
