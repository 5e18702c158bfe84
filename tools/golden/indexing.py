"""Writes tests/goldens/torch/indexing.json: random index expressions with what PyTorch takes, writes or refuses.

Run: python tools/golden/indexing.py   (torch 2.13.0)

The indexed tensor is torch.arange(n).reshape(shape). A place of an index is a number, null, "...", true, false,
{"slice": [start, stop, step]}, {"list": nested} or {"tensor": nested, "dtype": name}. A case has `result` (values in
row-major order and shape), or `error`: true. With `set`, the tensor after x[index] = value, where value is a number or
torch.arange(100, ...) of a shape that broadcasts.
"""

import json
import pathlib
import random

import torch

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens" / "torch" / "indexing.json"
random.seed(5)
torch.manual_seed(5)


def nested(shape, draw):
    return [nested(shape[1:], draw) for _ in range(shape[0])] if shape else draw()


def place(sizes):
    """A random place, its Python form, and how many dimensions it takes."""
    size = sizes[0] if sizes else 1
    kind = random.choices(["int", "slice", "none", "bool", "list", "tensor", "mask", "scalar"],
                          [5, 6, 2, 0.5, 2, 3, 2, 1])[0]
    low, high = (-size - 1, size + 1) if random.random() < 0.06 else (-size, size)
    index = lambda: random.randrange(low, high) if high > low else 0
    if kind == "int":
        value = index()
        return value, value, 1
    if kind == "slice":
        end = lambda: random.choice([None, random.randint(-size - 2, size + 2)])
        start, stop, step = end(), end(), random.choice([1, 1, 1, 2, 3])
        return {"slice": [start, stop, step]}, slice(start, stop, step), 1
    if kind == "none":
        return None, None, 0
    if kind == "bool":
        value = random.random() < 0.7
        return value, value, 0
    if kind == "list":
        values = nested(random.choice([[1], [2], [3], [2, 2], [0]]), index)
        return {"list": values}, values, 1
    if kind == "scalar":
        value = index()
        return {"tensor": value, "dtype": "int64"}, torch.tensor(value), 1
    if kind == "mask":
        shape = sizes[: random.choice([1, 1, 2])]
        values = nested(shape, lambda: random.random() < 0.5)
        if not shape:
            return {"tensor": True, "dtype": "bool"}, torch.tensor(True), 0
        return {"tensor": values, "dtype": "bool"}, torch.tensor(values, dtype=torch.bool).reshape(shape), len(shape)
    dtype = random.choice(["int64", "int64", "int32"])
    values = nested(random.choice([[1], [2], [3], [2, 1], [1, 3]]), index)
    return {"tensor": values, "dtype": dtype}, torch.tensor(values, dtype=getattr(torch, dtype)), 1


def expression(shape):
    sizes, encoded, python, dots = list(shape), [], [], random.random() < 0.35
    while True:
        if dots and random.random() < 0.4:
            dots = False
            skipped = random.randint(0, len(sizes))
            sizes = sizes[skipped:]
            encoded.append("...")
            python.append(...)
            continue
        e, p, taken = place(sizes)
        if taken > len(sizes) and random.random() < 0.9:
            break
        encoded.append(e)
        python.append(p)
        sizes = sizes[taken:]
        if random.random() < 0.3:
            break
    return encoded, tuple(python)


cases = []
while len(cases) < 420:
    shape = random.choice([[], [4], [3, 4], [2, 3, 4], [2, 3, 2, 3], [1, 5], [3, 0, 2]])
    x = torch.arange(int(torch.tensor(shape).prod())).reshape(shape)
    encoded, python = expression(shape)
    case = {"shape": shape, "index": encoded}
    try:
        taken = x[python]
    except (IndexError, RuntimeError, ValueError, TypeError):
        if sum("error" in c for c in cases) < 70:
            cases.append({**case, "error": True})
        continue
    if taken.numel() > 60:
        continue
    if random.random() < 0.4:
        changed = x.clone()
        if random.random() < 0.5:
            case["set"] = value = 99
        else:
            wanted = [1 if random.random() < 0.3 else n for n in taken.shape][random.randint(0, taken.dim()):]
            wanted = [1] * random.randint(0, 1) + wanted
            case["set"] = wanted
            value = torch.arange(100, 100 + int(torch.tensor(wanted).prod())).reshape(wanted)
        duplicates = taken.unique().numel() < taken.numel()
        if duplicates and isinstance(value, torch.Tensor):
            continue  # which of two writes wins is not defined
        try:
            changed[python] = value
        except (IndexError, RuntimeError, ValueError, TypeError):
            continue
        case["result"] = [changed.flatten().tolist(), list(changed.shape)]
    else:
        case["result"] = [taken.flatten().tolist(), list(taken.shape)]
        if x.numel():
            case["isView"] = taken.untyped_storage().data_ptr() == x.untyped_storage().data_ptr()
    cases.append(case)

OUT.write_text(json.dumps(cases, separators=(",", ":")) + "\n")
print(len(cases), sum("error" in c for c in cases), "errors", sum("set" in c for c in cases), "set", OUT.stat().st_size, "bytes")
