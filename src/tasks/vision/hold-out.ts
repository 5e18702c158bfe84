// Examples that are kept from training to judge it by.
import { utils } from "../../torch/index.ts";

/** Deals out `count` examples at random: those are given as `judged` has them, the others as `trained` has them. */
export function holdOut<T>(
  { trained, judged }: { trained: utils.data.Dataset<T>; judged: utils.data.Dataset<T> },
  count: number,
  seed: number,
): { train: utils.data.Dataset<T>; val?: utils.data.Dataset<T> } {
  if (count === 0) return { train: trained };
  const [train, val] = utils.data.randomSplit(trained, [trained.length - count, count], { seed });
  return { train: train!, val: new utils.data.Subset(judged, val!.indices) };
}
