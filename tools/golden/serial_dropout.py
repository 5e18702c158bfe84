"""Makes torch draw dropout masks one element after the other, so that golden files are the same on every CPU.

On Intel CPUs bernoulli_ may draw with MKL, from another stream; this is what it does elsewhere.
"""

import torch

library = torch.library.Library("aten", "IMPL")


def bernoulli_(tensor, p=0.5, *, generator=None):
    return tensor.copy_(torch.rand(tensor.shape, dtype=torch.float64, generator=generator) < p)


library.impl("bernoulli_.float", bernoulli_, "CPU")
