// torch.utils.data: data sets and their batches.
export { defaultCollate } from "./collate.ts";
export type { Collated } from "./collate.ts";
export { DataLoader } from "./data-loader.ts";
export type { DataLoaderOptions, LoaderPosition } from "./data-loader.ts";
export { ConcatDataset, Subset, TensorDataset, randomSplit } from "./dataset.ts";
export type { Dataset, ExampleContext, WorkerCopy, WorkerExample } from "./dataset.ts";
export { RandomSampler, SequentialSampler, WeightedRandomSampler } from "./sampler.ts";
export type {
  RandomSamplerOptions,
  SampleOrder,
  Sampler,
  SamplerContext,
  WeightedRandomSamplerOptions,
} from "./sampler.ts";
