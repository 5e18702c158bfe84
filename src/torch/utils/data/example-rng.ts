// What an example draws from, in whatever thread it is made. It imports nothing of torch: worker threads load it.
import { Rng } from "../../../base/index.ts";

/** Returns the generator of one example, which follows from seed, row and epoch alone. */
export function exampleRng(seed: number, row: number, epoch: number): Rng {
  return new Rng(seed + 0x9e3779b9 * (row + 1), 2 * epoch + 1);
}
