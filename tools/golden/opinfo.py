"""Writes tests/goldens/torch/opinfo.{json,safetensors}: PyTorch's own samples of its operators, with results and gradients.

Run: python tools/golden/opinfo.py   (torch 2.13.0)

The samples are those of torch.testing._internal.common_methods_invocations.op_db in float64 on the CPU, the smallest
two of each operator. A case is {op, args, kwargs, results, grads}: `op` is "add", "linalg.norm" or
"nn.functional.gelu"; the first argument is the input. A tensor is {"t": [offset, shape], "d": dtype}, its values in
the flat tensor of that dtype in the safetensors file. `grads` belong to the floating tensors among args and kwargs, in
order (null where there is none), and are those of the sum of all results that carry gradients.
"""

import json
import math
import pathlib
import sys
import types
import unittest
import warnings

import torch

# PyTorch's test package imports it, and only its own test cases use it
sys.modules.setdefault("expecttest", types.SimpleNamespace(TestCase=unittest.TestCase))
from safetensors.torch import save_file
from torch.testing._internal.common_methods_invocations import op_db
from torch.testing._internal.opinfo.core import UnaryUfuncInfo

warnings.filterwarnings("ignore")
OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens" / "torch"
torch.set_num_threads(1)

PREFIXES = ("linalg.", "fft.", "special.", "nn.functional.")

# what is left out, and why
EXCLUDED = {}
for reason, names in {
    "draws random numbers": "bernoulli cauchy exponential geometric log_normal multinomial normal rand_like randint "
    "randint_like randn randn_like uniform rand nn.functional.dropout nn.functional.dropout2d nn.functional.dropout3d "
    "nn.functional.alpha_dropout nn.functional.feature_alpha_dropout nn.functional.rrelu nn.functional.fractional_max_pool2d "
    "nn.functional.fractional_max_pool3d pca_lowrank svd_lowrank",
    "leaves its memory as it is": "empty empty_like empty_permuted empty_strided new_empty new_empty_strided resize_ resize_as_",
    "is unique up to signs or order, which depend on the CPU": "linalg.eig linalg.eigh linalg.svd svd linalg.eigvals "
    "geqrf linalg.qr qr linalg.lstsq lobpcg symeig",
    "an inner function of PyTorch's own": "max_pool2d_with_indices_backward native_dropout_backward "
    "nn.functional.upsample_nearest",
    "takes other arguments by position and by name here": "nn.functional.adaptive_max_pool1d nn.functional.batch_norm "
    "nn.functional.adaptive_max_pool2d nn.functional.adaptive_max_pool3d",
    "takes weights of two dimensions alone here": "nn.functional.linear_cross_entropy",
    "deprecated for linalg.lu_factor": "lu",
    "has samples whose arguments are in another order than the function's": "einsum where nn.functional.embedding "
    "nn.functional.embedding_bag",
    "a property of tensors": "mT mH T H",
    "changes its leaf in place": "zero_",
    "a range for indexing here": "slice",
    "takes 1 for true": "fill",
}.items():
    EXCLUDED.update(dict.fromkeys(names.split(), reason))


# arguments that samples give by name and TypeScript takes by position
POSITIONAL = {f"nn.functional.max_pool{n}d": ["kernel_size"] for n in (1, 2, 3)}
POSITIONAL |= {f"nn.functional.max_unpool{n}d": ["indices", "kernel_size"] for n in (1, 2, 3)}
POSITIONAL["nn.functional.prelu"] = ["weight"]


class Unsupported(Exception):
    pass


pools = {}


def encode(value):
    if isinstance(value, torch.Tensor):
        if value.layout != torch.strided or value.is_quantized:
            raise Unsupported("sparse or quantized tensors")
        name = str(value.dtype).removeprefix("torch.")
        if name not in ("float64", "float32", "int64", "int32", "bool", "complex128", "uint8"):
            raise Unsupported(f"tensors of {name}")
        pool = pools.setdefault(name, [])
        offset = sum(len(part) for part in pool)
        pool.append(value.detach().resolve_conj().resolve_neg().reshape(-1).contiguous().clone())
        return {"t": [offset, list(value.shape)], "d": name}
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int):
        if abs(value) > 2**53:
            raise Unsupported("integers beyond 2^53")
        return value
    if isinstance(value, float):
        if math.isfinite(value):
            return value
        return {"number": "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"}
    if isinstance(value, complex):
        return {"re": value.real, "im": value.imag}
    if isinstance(value, torch.dtype):
        return str(value).removeprefix("torch.")
    if isinstance(value, torch.device):
        return str(value)
    if isinstance(value, (list, tuple)):
        return [encode(v) for v in value]
    raise Unsupported(f"arguments of type {type(value).__name__}")


def tensors(value):
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, (list, tuple)):
        return [t for v in value for t in tensors(v)]
    if isinstance(value, dict):
        return [t for v in value.values() for t in tensors(v)]
    return []


def is_float(t):
    return t.is_floating_point() or t.is_complex()


def total(results):
    parts = [torch.view_as_real(r.resolve_conj()).sum() if r.is_complex() else r.sum() for r in results]
    return sum(p.double() for p in parts)


def run(op, sample):
    args = [sample.input, *sample.args]
    leaves = [t for t in tensors(args) + tensors(sample.kwargs) if is_float(t)]
    result = op(*args, **sample.kwargs)
    grads = None
    differentiable = [r for r in tensors(result) if is_float(r) and r.requires_grad]
    wanted = [t for t in leaves if t.requires_grad]
    if differentiable and wanted and all(t.is_leaf for t in wanted):
        found = iter(torch.autograd.grad(total(differentiable), wanted, allow_unused=True))
        grads = [next(found) if t.requires_grad else None for t in leaves]
        if any(t.requires_grad is False for t in leaves if t.is_floating_point()):
            grads = [g if t.requires_grad else "none" for g, t in zip(grads, leaves)]
    return args, result, grads


def size(sample):
    return sum(t.numel() for t in tensors([sample.input, *sample.args]) + tensors(sample.kwargs))


cases, skipped = [], {}
for op in op_db:
    name = op.name
    if op.variant_test_name and name not in ("max", "min", "sum", "std", "var", "norm", "meshgrid", "div"):
        continue
    if name in EXCLUDED or name.startswith(("_", "ops.", "torch.ops", "masked.", "signal.")) or name.endswith("_copy"):
        skipped[name] = EXCLUDED.get(name, "not a public operator, or a copying twin")
        continue
    if "." in name and not name.startswith(PREFIXES):
        skipped[name] = "of a namespace that is not there"
        continue
    if torch.float64 not in op.dtypes:
        skipped[name] = "has no samples in float64"
        continue
    torch.manual_seed(3)
    try:
        samples = list(op.sample_inputs("cpu", torch.float64, requires_grad=op.supports_autograd))
    except Exception as error:
        skipped[name] = f"makes no samples ({type(error).__name__})"
        continue
    if isinstance(op, UnaryUfuncInfo):  # element by element: a corner will do
        for sample in samples:
            if sample.input.dim() == 2:
                sample.input = sample.input.detach()[:3, :4].clone().requires_grad_(op.supports_autograd)
    is_factory = all(not tensors([s.input, *s.args]) for s in samples)
    samples = sorted((s for s in samples if is_factory or 0 < size(s) <= 60), key=size, reverse=True)
    chosen = samples[:1] + samples[len(samples) // 2 : len(samples) // 2 + 1] if len(samples) > 1 else samples
    kept = 0
    for sample in chosen:
        try:
            for key in POSITIONAL.get(name, []):
                if key in sample.kwargs:
                    sample.args = (*sample.args, sample.kwargs.pop(key))
            args, result, grads = run(op.op, sample)
            if sum(t.numel() for t in tensors(result)) > 200:
                continue
            before = {key: len(pool) for key, pool in pools.items()}
            case = {"op": name, "args": encode(args), "kwargs": {k: encode(v) for k, v in sample.kwargs.items()},
                    "results": encode(list(result) if isinstance(result, (list, tuple)) else [result])}
            if grads is not None:
                case["grads"] = [g if g in (None, "none") and not isinstance(g, torch.Tensor) else encode(g) for g in grads]
            cases.append(case)
            kept += 1
        except Unsupported as error:
            for key, pool in pools.items():
                del pool[before.get(key, 0):]
            skipped[name] = f"takes or gives {error}"
        except Exception as error:
            skipped[name] = f"fails on its own sample ({type(error).__name__})"
    if kept == 0 and name not in skipped:
        skipped[name] = "has no sample of at most 60 elements"

save_file({key: torch.cat(pool) for key, pool in pools.items() if key != "complex128"}
          | {key: torch.view_as_real(torch.cat(pool)).clone() for key, pool in pools.items() if key == "complex128"},
          OUT / "opinfo.safetensors")
(OUT / "opinfo.json").write_text(json.dumps(cases, separators=(",", ":")) + "\n")
names = {case["op"] for case in cases}
print(len(cases), "cases of", len(names), "operators;", len(skipped.keys() - names), "left out:")
for name, reason in sorted(skipped.items()):
    if name not in names:
        print(f"  {name}: {reason}")
for path in ["opinfo.json", "opinfo.safetensors"]:
    print(path, (OUT / path).stat().st_size, "bytes")
