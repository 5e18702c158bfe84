"""Writes tests/goldens/nn/parametrizations.safetensors: weights computed from others, against PyTorch.

Run: python tools/golden/nn_parametrizations.py   (torch 2.13.0)

Each case holds the state dict after torch.manual_seed(7), an input, the output in training, the gradients of
sum(cos(0, 1, 2, ...) * output), the state dict afterwards, and the weight once the parametrization is removed:

NAME.init.KEY  NAME.in0  NAME.out0  NAME.grad.KEY  NAME.after.KEY  NAME.weight
"""

import pathlib

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn.utils import parametrizations, parametrize

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens" / "nn"
torch.set_num_threads(1)
tensors = {}


def case(name, make, x):
    torch.manual_seed(7)
    layer = make()
    tensors.update({f"{name}.init.{k}": v.clone() for k, v in layer.state_dict().items()})
    y = layer(x)
    (y * torch.arange(y.numel()).reshape(y.shape).cos()).sum().backward()
    tensors.update({f"{name}.in0": x, f"{name}.out0": y})
    tensors.update({f"{name}.grad.{k}": p.grad for k, p in layer.named_parameters()})
    tensors.update({f"{name}.after.{k}": v.clone() for k, v in layer.state_dict().items()})
    parametrize.remove_parametrizations(layer.eval(), "weight")
    tensors[f"{name}.weight"] = layer.weight.clone()


draws = torch.Generator().manual_seed(3)
rows, image = torch.randn(2, 4, generator=draws), torch.randn(1, 2, 3, 3, generator=draws)
weight_norm, spectral_norm, orthogonal = parametrizations.weight_norm, parametrizations.spectral_norm, parametrizations.orthogonal
case("weight_norm", lambda: weight_norm(nn.Linear(4, 3)), rows)
case("weight_norm_dim", lambda: weight_norm(nn.Conv2d(2, 3, 2), dim=1), image)
case("weight_norm_whole", lambda: weight_norm(nn.Linear(4, 3), dim=None), rows)
case("spectral_norm", lambda: spectral_norm(nn.Linear(4, 3)), rows)
case("spectral_norm_conv", lambda: spectral_norm(nn.ConvTranspose2d(2, 3, 2), n_power_iterations=2), image)
case("orthogonal", lambda: orthogonal(nn.Linear(4, 4)), rows)
case("orthogonal_tall", lambda: orthogonal(nn.Linear(4, 6)), rows)
case("orthogonal_wide", lambda: orthogonal(nn.Linear(4, 3)), rows)
case("orthogonal_cayley", lambda: orthogonal(nn.Linear(4, 6), orthogonal_map="cayley"), rows)
case("orthogonal_exp", lambda: orthogonal(nn.Linear(4, 3), orthogonal_map="matrix_exp", use_trivialization=False), rows)
case("orthogonal_plain", lambda: orthogonal(nn.Linear(4, 3), use_trivialization=False), rows)
save_file({k: v.detach().contiguous().clone() for k, v in tensors.items()}, OUT / "parametrizations.safetensors")
print("parametrizations.safetensors", (OUT / "parametrizations.safetensors").stat().st_size, "bytes")
