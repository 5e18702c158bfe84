"""Does the work of torch.bench.ts in PyTorch, in the same order, and prints microseconds by case as JSON."""

import json
import os
import time

import torch
from torch import nn
from torch.nn import functional as F

torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
torch.manual_seed(0)
results = {}


def measure(name, count, blocks, run):
    best = float("inf")
    for block in range(blocks + 1):
        start = time.perf_counter()
        for _ in range(count):
            run()
        if block > 0:
            best = min(best, time.perf_counter() - start)
    results[name] = best * 1e6 / count


def trainer(parameters, loss):
    optimizer = torch.optim.AdamW(parameters, lr=1e-3)

    def step():
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()

    return step


def with_precision(bf16, run):
    if not bf16:
        return run()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return run()


def make_gpt():
    layers, heads, width, seq, batch, vocab = 4, 4, 128, 64, 8, 65
    parameters = []

    def weight(*shape):
        parameters.append((torch.randn(shape) * 0.02).requires_grad_())
        return parameters[-1]

    tokens, positions = weight(vocab, width), weight(seq, width)
    blocks = [
        {
            "norm1": (weight(width), weight(width)),
            "qkv": (weight(3 * width, width), weight(3 * width)),
            "out": (weight(width, width), weight(width)),
            "norm2": (weight(width), weight(width)),
            "up": (weight(4 * width, width), weight(4 * width)),
            "down": (weight(width, 4 * width), weight(width)),
        }
        for _ in range(layers)
    ]
    norm = (weight(width), weight(width))
    ids, targets = torch.randint(0, vocab, (batch, seq)), torch.randint(0, vocab, (batch * seq,))

    def loss():
        x = F.embedding(ids, tokens) + positions
        for block in blocks:
            q, k, v = (
                F.linear(F.layer_norm(x, (width,), *block["norm1"]), *block["qkv"])
                .view(batch, seq, 3, heads, width // heads)
                .permute(2, 0, 3, 1, 4)
                .unbind(0)
            )
            attended = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + F.linear(attended.transpose(1, 2).reshape(batch, seq, width), *block["out"])
            x = x + F.linear(F.gelu(F.linear(F.layer_norm(x, (width,), *block["norm2"]), *block["up"])), *block["down"])
        logits = F.linear(F.layer_norm(x, (width,), *norm), tokens)
        return F.cross_entropy(logits.view(batch * seq, vocab), targets)

    return parameters, loss


def make_cnn():
    shapes = [(32, 3, 3, 3), (32,), (64, 32, 3, 3), (64,), (10, 64 * 64), (10,)]
    parameters = [(torch.randn(shape) * 0.05).requires_grad_() for shape in shapes]
    w1, b1, w2, b2, w3, b3 = parameters
    images, labels = torch.randn(32, 3, 32, 32), torch.randint(0, 10, (32,))

    def loss():
        x = F.max_pool2d(F.conv2d(images, w1, b1, padding=1).relu(), 2)
        x = F.max_pool2d(F.conv2d(x, w2, b2, padding=1).relu(), 2)
        return F.cross_entropy(F.linear(x.flatten(1), w3, b3), labels)

    return parameters, loss


a, b = torch.ones(4), torch.ones(4)
leaf = torch.ones(4, requires_grad=True)
measure("add [4]", 5000, 20, lambda: a.add(b))
measure("add [4], with gradient", 5000, 20, lambda: leaf.add(b))
measure("add_ [4]", 5000, 20, lambda: a.add_(b))
measure("view", 5000, 20, lambda: a.view(2, 2))
measure("select", 5000, 20, lambda: a.select(0, 1))
measure("ones [4], made and freed", 5000, 20, lambda: torch.ones(4))
measure("item", 5000, 20, lambda: b.select(0, 1).item())
large, larger = torch.randn(256, 256), torch.randn(256, 256)
measure("matmul [256, 256]", 50, 20, lambda: large.matmul(larger))

x, y = torch.randn(64, 784), torch.randint(0, 10, (64,))
mlp = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))
measure("MLP step, f32", 10, 8, trainer(mlp.parameters(), lambda: F.cross_entropy(mlp(x), y)))

for bf16 in [False, True]:
    precision = "bf16 autocast" if bf16 else "f32"
    for name, make in [("GPT", make_gpt), ("CNN", make_cnn)]:
        parameters, loss = make()
        measure(f"{name} step, {precision}", 2, 5, trainer(parameters, lambda: with_precision(bf16, loss)))
print(json.dumps(results))
