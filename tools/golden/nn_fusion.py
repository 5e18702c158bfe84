"""Writes tests/goldens/nn/fusion.safetensors: batch norms folded into layers by torch.nn.utils.fusion.

Run: python tools/golden/nn_fusion.py      (torch 2.13.0)
"""

import pathlib

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens" / "nn"
torch.manual_seed(0)

CASES = {
    "conv2d": (nn.Conv2d(4, 6, 3, groups=2, bias=False), nn.BatchNorm2d(6), torch.randn(2, 4, 5, 5)),
    "conv1d_plain": (nn.Conv1d(2, 3, 2), nn.BatchNorm1d(3, affine=False, eps=0.1), torch.randn(2, 2, 5)),
    "transposed": (nn.ConvTranspose2d(3, 4, 2, stride=2), nn.BatchNorm2d(4), torch.randn(2, 3, 3, 3)),
    "linear": (nn.Linear(4, 5), nn.BatchNorm1d(5), torch.randn(3, 4)),
    "linear_one": (nn.Linear(4, 5, bias=False), nn.BatchNorm1d(1), torch.randn(3, 4)),
}

tensors = {}
for name, (layer, norm, x) in CASES.items():
    with torch.no_grad():
        for tensor in [*norm.parameters(), norm.running_mean]:
            tensor.normal_()
        norm.running_var.uniform_(0.5, 2)
    layer.eval(), norm.eval()
    if isinstance(layer, nn.Linear):
        fused = fuse_linear_bn_eval(layer, norm)
    else:
        fused = fuse_conv_bn_eval(layer, norm, transpose=isinstance(layer, nn.ConvTranspose2d))
    for part, module in (("layer", layer), ("norm", norm), ("fused", fused)):
        tensors |= {f"{name}.{part}.{key}": value.clone() for key, value in module.state_dict().items()}
    tensors[f"{name}.x"] = x
    tensors[f"{name}.y"] = fused(x).detach()
save_file(tensors, OUT / "fusion.safetensors")
