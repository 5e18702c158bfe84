// The options that data modules of images share, as their schemas check them.
import { z } from "zod";
import { dataModuleOptions } from "../data-options.ts";

const perChannel = z.array(z.number()).min(1).exactOptional();

/** How the schemas of such modules check their options. */
export const imageDataOptions = {
  ...dataModuleOptions,
  root: z.string().min(1),
  prefetchFactor: z.int().min(0).exactOptional(),
  mean: perChannel,
  std: perChannel,
  augment: z.boolean().exactOptional(),
};
