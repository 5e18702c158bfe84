"""Writes tests/goldens/torch/{flops,dropout-loop}.json.

Run: python tools/golden/runtime.py   (torch 2.13.0)

flops.json         floating-point operations that FlopCounterMode counts, forward and backward
dropout-loop.json  losses of a seeded loop with dropout; the masks are drawn from probabilities in a tensor of doubles,
                   which gives nn.Dropout's masks but where PyTorch draws those with MKL (on CPUs of Intel)
"""

import json
import pathlib

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens" / "torch"
torch.set_num_threads(1)


def write(name, value):
    (OUT / name).write_text(json.dumps(value, separators=(",", ":")) + "\n")


# ---- floating-point operations
def grad(*shape):
    return torch.ones(shape, requires_grad=True)


cases = {
    "mm": lambda: grad(3, 4).mm(grad(4, 5)),
    "linear": lambda: F.linear(grad(2, 3, 4), grad(5, 4), grad(5)),
    "bmm": lambda: grad(2, 3, 4).bmm(grad(2, 4, 5)),
    "baddbmm": lambda: torch.baddbmm(grad(2, 3, 5), grad(2, 3, 4), grad(2, 4, 5)),
    "conv1d": lambda: F.conv1d(grad(2, 3, 9), grad(4, 3, 3), grad(4), stride=2, padding=1),
    "conv2d": lambda: F.conv2d(grad(2, 4, 8, 7), grad(6, 2, 3, 2), padding=1, dilation=2, groups=2),
    "conv3d": lambda: F.conv3d(grad(1, 2, 4, 4, 4), grad(3, 2, 2, 2, 2)),
    "conv_transpose2d": lambda: F.conv_transpose2d(grad(2, 3, 5, 5), grad(3, 4, 3, 3), stride=2, output_padding=1),
    "conv2d_frozen": lambda: F.conv2d(torch.ones(2, 4, 8, 8), grad(6, 4, 3, 3)),
    "attention_math": lambda: F.scaled_dot_product_attention(grad(2, 3, 5, 8), grad(2, 3, 6, 8), grad(2, 3, 6, 8), dropout_p=0.5),
}
flops = {}
for name, run in cases.items():
    with FlopCounterMode(display=False) as forward:
        y = run()
    with FlopCounterMode(display=False) as backward:
        y.sum().backward()
    flops[name] = {"forward": forward.get_total_flops(), "backward": backward.get_total_flops()}
write("flops.json", flops)


# ---- a loop with dropout
class Dropout(nn.Module):
    """nn.Dropout(0.3)."""

    def forward(self, x):
        mask = torch.bernoulli(torch.full(x.shape, 0.7, dtype=torch.float64)).to(x.dtype)
        return x * mask.div_(0.7)


torch.manual_seed(20)
model = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), Dropout(), nn.Linear(32, 4))
x, y = torch.randn(64, 16), torch.randint(0, 4, (64,))
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.1)
losses = []
for _ in range(100):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
write("dropout-loop.json", losses)
