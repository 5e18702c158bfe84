"""Writes tests/goldens/autograd/graph.json: hooks on several gradients, edges and changed saved tensors.

Run: python tools/golden/autograd_graph.py   (torch 2.13.0)
"""

import json
import pathlib

import torch
from torch.autograd import graph

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens" / "autograd"
torch.set_num_threads(1)


def leaf(*values):
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


def hooks_on_all():
    """What the hook sees in three passes: from one output, by one input, from both outputs."""
    a, b = leaf(1, 2), leaf(3, 4)
    c, d = a * b, a + b
    seen = []
    graph.register_multi_grad_hook((a, b, c, d), lambda all: seen.append([g if g is None else g.tolist() for g in all]))
    c.sum().backward(retain_graph=True)
    c.sum().backward(inputs=(a,), retain_graph=True)
    (c.sum() + d.sum()).backward()
    return seen


def hooks_on_any():
    a, b = leaf(1, 2), leaf(3, 4)
    c = a * b
    seen = []
    graph.register_multi_grad_hook((a, b, c), lambda first: seen.append(first.tolist()), mode="any")
    c.sum().backward(retain_graph=True)
    (c * 5).sum().backward()
    return seen


def edges():
    x = leaf(1, 2)
    y = x * 3
    edge = graph.get_gradient_edge(y)
    z = y.pow(2).sum()
    by_edge = torch.autograd.grad(z, [edge, x], retain_graph=True)
    from_edge = torch.autograd.grad(edge, x, grad_outputs=torch.tensor([5.0, 7.0], dtype=torch.float64), retain_graph=True)
    z.backward(inputs=[graph.get_gradient_edge(x)])
    return [*(g.tolist() for g in (*by_edge, *from_edge, x.grad)), edge.node.name(), edge.output_nr]


def changed_in_place():
    with graph.allow_mutation_on_saved_tensors():
        x = leaf(1, 2, 3)
        y = x.clone()
        z = y.pow(2).sum() + y[1:].exp().sum()
        y.sin_()
        u = (y * y).sum()
        y.mul_(2)
        w = y.sum()
        (z + u + w).backward()
        return x.grad.tolist()


golden = {
    "all": hooks_on_all(),
    "any": hooks_on_any(),
    "edges": edges(),
    "changed": changed_in_place(),
}
(OUT / "graph.json").write_text(json.dumps(golden, indent=1) + "\n")
