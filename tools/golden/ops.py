"""Writes tests/goldens/torch/ops.json: operators, methods and overloads with what torch makes of them.

Run: python tools/golden/ops.py   (torch 2.13.0)

A case is {call, name, args, options, results, grads?}. `call` is the namespace, or "method" (the first argument is
the tensor). A tensor is {"tensor": values in row-major order, "shape": ..., "dtype": ...}; a number that JSON lacks
is "nan", "inf" or "-inf". `grads` are those of the sum of squares of the floating results, for each floating tensor.
"""

import json
import math
import pathlib

import torch

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens" / "torch" / "ops.json"
torch.set_num_threads(1)
torch.manual_seed(0)

SPACES = {"torch": torch, "nn": torch._C._nn, "linalg": torch.linalg, "fft": torch.fft, "special": torch.special}
cases = []


def encode(value):
    if isinstance(value, torch.Tensor):
        return {"tensor": [encode(v) for v in value.detach().double().flatten().tolist()] if value.is_floating_point()
                else [int(v) for v in value.flatten().tolist()],
                "shape": list(value.shape), "dtype": str(value.dtype).removeprefix("torch.")}
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    if isinstance(value, float):
        return float(f"{value:.9g}")
    if isinstance(value, torch.dtype):
        return str(value).removeprefix("torch.")
    if isinstance(value, (list, tuple)):
        return [encode(v) for v in value]
    return value


def floats(values):
    flat = [t for v in values for t in (v if isinstance(v, (list, tuple)) else [v])]
    return [t for t in flat if isinstance(t, torch.Tensor) and t.is_floating_point()]


def case(call, name, *args, grad=False, **options):
    own = [[t.clone() for t in a] if isinstance(a, list) and a and isinstance(a[0], torch.Tensor)
           else a.clone() if isinstance(a, torch.Tensor) else a for a in args]
    entry = {"call": call, "name": name, "args": encode(own), "options": encode_options(options)}
    leaves = [t.requires_grad_() for t in floats(own)] if grad else []
    result = getattr(own[0], name)(*own[1:], **options) if call == "method" else getattr(SPACES[call], name)(*own, **options)
    results = list(result) if isinstance(result, (list, tuple)) else [result]
    if grad:
        torch.stack([r.square().sum() for r in floats(results)]).sum().backward()
        entry["grads"] = [encode(t.grad) for t in leaves]
    entry["results"] = encode(results)
    cases.append(entry)


def encode_options(options):
    return {name: encode(value) for name, value in options.items()}


def f(name, *args, **options):
    case("torch", name, *args, **options)


def m(name, *args, **options):
    case("method", name, *args, **options)


def n(name, *args, **options):
    case("nn", name, *args, **options)


x = torch.randn(2, 3)
y = torch.randn(2, 3)
p = torch.rand(2, 3) + 0.1  # positive
cube = torch.randn(2, 3, 4)
square = torch.randn(3, 3)
spd = square @ square.T + 3 * torch.eye(3)
i = torch.tensor([[3, 1, 2], [0, 5, 4]])
b = torch.tensor([[True, False, True], [False, False, True]])
half = torch.randn(2, 3).bfloat16()
odd = torch.tensor([0.0, -0.0, math.inf, -math.inf, math.nan, 1e-30, 3e38])

# arithmetic: tensor, scalar, broadcasting, promotion of dtypes
f("add", x, y, grad=True)
f("add", x, y, alpha=2.5, grad=True)
f("add", x, 2)
f("add", i, 2)
f("add", i, 2.5)
f("add", i, x)
f("add", half, x)
f("add", b, b)
f("sub", x, y, alpha=2)
f("rsub", x, 1)
f("mul", x, y, grad=True)
f("mul", cube, torch.randn(3, 1), grad=True)
f("mul", x, True)
f("div", x, p, grad=True)
f("div", i, 2)
f("div", x, p, rounding_mode="floor")
f("div", i, torch.tensor(2), rounding_mode="trunc")
f("floor_divide", i, 2)
f("remainder", i, 3)
f("remainder", x, y)
f("fmod", x, 0.7)
f("pow", p, 2, grad=True)
f("pow", p, x, grad=True)
f("pow", 2, x)
f("float_power", p, 2)
m("add", x, y, alpha=3)
m("add_", x, 1)
m("mul_", x, y)
m("clamp", x, -0.5, 0.5, grad=True)
m("clamp", x, min=0.0)
m("clamp", x, max=y)
m("clamp_min", x, 0.1)
f("maximum", x, y, grad=True)
f("minimum", x, y)
f("lerp", x, y, 0.3, grad=True)
f("lerp", x, y, p)
f("addcmul", x, y, p, value=0.5, grad=True)
f("addcdiv", x, y, p, value=0.5)
f("atan2", x, y, grad=True)
f("where", b, x, y, grad=True)
f("where", b, x, 0.0)
f("where", b)
f("eq", i, 3)
f("lt", x, y)
f("logical_and", b, i)
f("bitwise_and", i, 3)
f("isclose", x, x + 1e-9)
f("isin", i, torch.tensor([1, 5]))
f("nan_to_num", odd)
f("nan_to_num", odd, nan=1.0, posinf=2.0, neginf=3.0)

# one tensor
for name in ["abs", "ceil", "cos", "exp", "floor", "isnan", "neg", "relu", "round", "sigmoid", "sign", "sin", "square",
             "tanh", "erf", "expm1", "logical_not"]:
    f(name, x, grad=name in ("exp", "tanh", "sigmoid", "relu", "erf"))
for name in ["log", "log1p", "rsqrt", "sqrt", "reciprocal", "digamma", "lgamma"]:
    f(name, p, grad=name in ("log", "rsqrt"))
f("isfinite", odd)
f("abs", odd)
f("round", x, decimals=2)
f("bitwise_not", i)

# reductions: each overload of sum, mean, max, std ...
f("sum", x, grad=True)
f("sum", i)
f("sum", b)
f("sum", x, dim=[0], keepdim=True, grad=True)
f("sum", cube, [0, 2])
f("sum", cube, -1, True)
f("sum", x, dtype=torch.float64)
f("mean", x, grad=True)
f("mean", cube, 1)
f("mean", i, dtype=torch.float32)
f("prod", x)
f("prod", x, 1, grad=True)
f("max", x)
f("max", x, 1, grad=True)
f("max", x, y)
f("min", i, dim=0, keepdim=True)
f("amax", cube, [0, 2], grad=True)
f("argmax", x)
f("argmax", x, dim=1)
f("argmin", x, dim=0, keepdim=True)
f("any", b)
f("all", b, dim=1)
f("std", x)
f("std", x, unbiased=False)
f("std", x, dim=1, correction=0, keepdim=True)
f("var", cube, [0, 1], grad=True)
f("var_mean", x, dim=0)
f("median", x)
f("median", x, 1)
f("quantile", x, 0.4)
f("quantile", x, torch.tensor([0.1, 0.9]), dim=1)
f("logsumexp", x, 1, grad=True)
f("cumsum", x, 1, grad=True)
f("norm", x)
f("norm", x, 1, dim=1)
f("nansum", odd)
f("count_nonzero", b)
f("bincount", i.flatten())
f("histc", x, bins=4, min=-2, max=2)
f("aminmax", x)

# shapes
m("reshape", cube, [6, 4], grad=True)
m("view", cube, [2, -1])
m("permute", cube, [2, 0, 1], grad=True)
m("transpose", cube, 0, 2, grad=True)
m("t", x)
m("squeeze", x.unsqueeze(1))
m("squeeze", x.unsqueeze(1), 1)
m("unsqueeze", x, 0)
m("expand", x.unsqueeze(0), [4, 2, 3], grad=True)
m("repeat", x, [2, 2], grad=True)
m("flatten", cube, 1)
m("unflatten", cube, 2, [2, 2])
m("select", cube, 1, 2, grad=True)
m("narrow", cube, 2, 1, 2, grad=True)
m("unbind", cube, 1)
m("chunk", cube, 2, 2)
m("split", cube, 3, 2)
m("split", cube, [1, 3], 2)
m("flip", cube, [0, 2])
m("roll", x, 1, 1)
m("roll", x, [1, 1], [0, 1])
m("diagonal", square, grad=True)
m("tril", square, -1)
m("movedim", cube, 0, 2)
m("contiguous", x.t())
f("cat", [x, y], grad=True)
f("cat", [x, y], dim=1)
f("cat", [x, i])
f("stack", [x, y], 1, grad=True)
f("hstack", [x, y])
f("broadcast_to", torch.tensor([1.0, 2.0, 3.0]), [2, 3])
f("atleast_2d", torch.tensor(1.5))
f("tile", x, [2, 1])
f("repeat_interleave", x, 2, dim=1)
f("meshgrid", [torch.tensor([1, 2]), torch.tensor([3, 4, 5])], indexing="ij")

# choosing elements
f("gather", x, 1, torch.tensor([[0, 2], [1, 1]]), grad=True)
f("index_select", x, 1, torch.tensor([2, 0]), grad=True)
f("masked_select", x, b, grad=True)
f("take_along_dim", x, torch.tensor([[2], [0]]), 1)
f("nonzero", b)
m("masked_fill", x, b, 0.0, grad=True)
m("masked_fill", x, b, torch.tensor(7.0))
m("scatter", x, 1, torch.tensor([[0], [2]]), 9.0)
m("scatter", x, 1, torch.tensor([[0], [2]]), y[:, :1], grad=True)
m("scatter", x, 1, torch.tensor([[0], [2]]), 1.5, reduce="add")
m("scatter_reduce", x, 1, torch.tensor([[0], [2]]), y, reduce="amax", include_self=False)
m("scatter_add", x, 1, torch.tensor([[0], [2]]), y[:, :1], grad=True)
m("index_add", x, 0, torch.tensor([1, 1]), y, alpha=2, grad=True)
m("index_fill", x, 1, torch.tensor([0]), -1.0)
f("sort", x, grad=True)
f("sort", i, dim=0, descending=True)
f("sort", i, stable=True, dim=1)
f("argsort", x, descending=True)
f("topk", x, 2, grad=True)
f("topk", x, 1, dim=0, largest=False)
f("kthvalue", x, 2)
f("searchsorted", torch.tensor([1.0, 3.0, 5.0]), torch.tensor([0.0, 3.0, 9.0]), right=True)
f("bucketize", torch.tensor([0.0, 3.0]), torch.tensor([1.0, 3.0]))
n("one_hot", torch.tensor([0, 2]), 3)

# factories
f("zeros", [2, 3])
f("ones", [2], dtype=torch.int64)
f("full", [2], 3.0)  # JavaScript cannot tell 3 from 3.0 and reads it so
f("full", [2], True)
f("full", [2], 3, dtype=torch.int32)
f("full_like", i, 7)
f("arange", 5)
f("arange", 1, 4)
f("arange", 1, 2, 0.25)
f("linspace", 0, 1, 5)
f("logspace", 0, 2, 3)
f("eye", 3)
f("eye", 2, 3, dtype=torch.float64)
f("zeros_like", x, dtype=torch.bfloat16)
f("tril_indices", 3, 3)
m("new_zeros", x, [2])
m("new_full", x, [2], 1.5)

# matrices
f("matmul", x, y.t(), grad=True)
f("matmul", cube, torch.randn(4, 2), grad=True)
f("mm", square, square)
f("bmm", cube, torch.randn(2, 4, 2), grad=True)
f("mv", x, torch.randn(3))
f("dot", torch.randn(3), torch.randn(3), grad=True)
f("outer", torch.randn(2), torch.randn(3))
f("addmm", torch.randn(2), x, torch.randn(3, 2), beta=0.5, alpha=2, grad=True)
f("baddbmm", torch.randn(2, 3, 2), cube, torch.randn(2, 4, 2))
f("einsum", "ij,kj->ik", [x, y], grad=True)
f("kron", x, torch.eye(2))
f("trace", square, grad=True)
f("cdist", x, y, grad=True)
case("linalg", "vector_norm", x, 3, grad=True)
case("linalg", "norm", x)
case("linalg", "det", square, grad=True)
case("linalg", "inv", spd, grad=True)
case("linalg", "solve", spd, torch.randn(3, 2), grad=True)
case("linalg", "cholesky", spd, grad=True)
case("linalg", "eigvalsh", spd)
case("linalg", "matrix_power", square, 3)
case("linalg", "slogdet", spd)

# functions of networks; `reduction` is 1 for the mean, which torch._C._nn leaves to its caller
f("softmax", x, 1, grad=True)
f("softmax", half, 1, dtype=torch.float32)
f("log_softmax", x, -1, grad=True)
f("layer_norm", x, [3], torch.randn(3), torch.randn(3), 1e-3, grad=True)
f("group_norm", torch.randn(2, 4, 3), 2, grad=True)
f("batch_norm", torch.randn(4, 3), torch.randn(3), torch.randn(3), torch.zeros(3), torch.ones(3), False, 0.1, 1e-5, False)
f("embedding", torch.randn(5, 2), torch.tensor([[1, 4], [0, 1]]), grad=True)
f("conv1d", torch.randn(1, 2, 7), torch.randn(3, 2, 3), torch.randn(3), stride=2, padding=1, grad=True)
f("conv2d", torch.randn(1, 2, 5, 5), torch.randn(3, 2, 3, 3), padding="same", grad=True)
f("conv2d", torch.randn(1, 2, 5, 5), torch.randn(4, 1, 3, 3), None, [2, 1], [1, 0], 1, 2)
f("max_pool2d", torch.randn(1, 2, 4, 4), 2, grad=True)
f("dropout", x, 0.5, False)
f("cosine_similarity", x, y, dim=1, grad=True)
n("gelu", x, grad=True)
n("gelu", x, approximate="tanh", grad=True)
n("silu", x, grad=True)
n("leaky_relu", x, 0.2, grad=True)
n("elu", x)
n("softplus", x, beta=2, grad=True)
n("hardtanh", x, -0.5, 0.5)
n("linear", x, torch.randn(4, 3), torch.randn(4), grad=True)
n("mse_loss", x, y, reduction=1, grad=True)
n("mse_loss", x, y, reduction=2)
n("smooth_l1_loss", x, y, reduction=1, beta=0.5)
n("l1_loss", x, y, reduction=0)
n("huber_loss", x, y, reduction=1)
n("binary_cross_entropy", torch.rand(2, 3), torch.rand(2, 3), reduction=1, grad=True)
n("cross_entropy_loss", x, torch.tensor([2, 0]), None, 1, grad=True)
n("cross_entropy_loss", x, torch.tensor([2, -100]), reduction=1, label_smoothing=0.1)
n("nll_loss", torch.log_softmax(x, 1), torch.tensor([2, 0]), reduction=1)
n("scaled_dot_product_attention", torch.randn(1, 2, 3, 4), torch.randn(1, 2, 5, 4), torch.randn(1, 2, 5, 4), grad=True)
n("scaled_dot_product_attention", torch.randn(1, 2, 3, 4), torch.randn(1, 2, 3, 4), torch.randn(1, 2, 3, 4), is_causal=True)
n("pad", x, [1, 2], value=9.0)
n("avg_pool2d", torch.randn(1, 2, 4, 4), [2, 2], grad=True)
n("upsample_nearest2d", torch.randn(1, 1, 2, 2), [4, 4])
case("special", "expit", x)
case("special", "xlogy", x.abs(), p)
case("special", "log_ndtr", x, grad=True)

# sizes and dimensions one by one
m("view", cube, 2, -1, grad=True)
m("view", cube, 24)
m("view", cube, torch.int32)
m("reshape", cube, 6, 4, grad=True)
m("permute", cube, 2, 0, 1, grad=True)
m("expand", torch.ones(1, 3), 2, -1)
m("expand", torch.ones(3), 2, 3, implicit=True)
m("repeat", x, 2, 1, 2)
m("tile", x, 2, 2)
m("flip", cube, 0, -1, grad=True)
m("squeeze", torch.ones(1, 2, 1), 0, 2)
m("squeeze_", torch.ones(1, 2, 1), 0, 2)
m("count_nonzero", i, 0, 1)
m("broadcast_to", torch.ones(3), 2, 3)
m("sum_to_size", x, 1, 3)
m("hsplit", cube, 1, 2)
m("vsplit", cube, 1, 1)
m("dsplit", cube, 1, 3)
m("new_zeros", i, 2, 1)
m("new_ones", i, 2, dtype=torch.float64)
m("resize_", torch.ones(2, 2), 4, 1)
f("zeros", 2, 3)
f("ones", 2, dtype=torch.int32)

OUT.write_text(json.dumps(cases, separators=(",", ":")).replace('},{"call"', '},\n{"call"') + "\n")
print(len(cases), "cases,", sum("grads" in c for c in cases), "with gradients,", OUT.stat().st_size, "bytes")
