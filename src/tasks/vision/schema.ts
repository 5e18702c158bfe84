// The options that data modules of images share, as their schemas check them.
import { z } from "zod";

const perChannel = z.array(z.number()).min(1).exactOptional();

export const imageDataOptions = {
  root: z.string().min(1),
  batchSize: z.int().min(1).exactOptional(),
  evalBatchSize: z.int().min(1).exactOptional(),
  seed: z.int().exactOptional(),
  dropLast: z.boolean().exactOptional(),
  prefetchFactor: z.int().min(0).exactOptional(),
  mean: perChannel,
  std: perChannel,
  augment: z.boolean().exactOptional(),
};
