// torch.autograd's checks of gradients, for tests that import sconce/testing alone.
import { autograd } from "../torch/index.ts";

export const { gradcheck, gradgradcheck } = autograd;
export type GradcheckOptions = autograd.GradcheckOptions;
