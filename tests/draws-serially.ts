// Whether this machine draws dropout as the one that wrote the goldens did.
import { empty, manualSeed, rand } from "sconce/torch";

/** Tells whether dropout is drawn as in the goldens; on Intel CPUs libtorch may draw with MKL, from another stream. */
export function drawsSerially(): boolean {
  manualSeed(0);
  const drawn = empty([64]).bernoulli_(0.5);
  manualSeed(0);
  return rand([64], { dtype: "float64" }).lt(0.5).equal(drawn.bool());
}
