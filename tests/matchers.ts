// Adds toBeAllclose to expect; import it in tests that compare tensors.
import { expect } from "vitest";
import { matchers } from "sconce/testing";
import type { Tolerance } from "sconce/testing";
import type { NestedNumbers, Tensor } from "sconce/torch";

expect.extend(matchers);

declare module "vitest" {
  interface Matchers {
    toBeAllclose(expected: Tensor | NestedNumbers, tolerance?: Tolerance): void;
  }
}
