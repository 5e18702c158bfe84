"""Writes tests/goldens/torch/print.json: tensors and their repr, for each dtype and for changed print options.

Run: python tools/golden/printing.py   (torch 2.13.0)

A case is {values, shape, dtype, text, requiresGrad?, options?}. A number that JSON lacks is "nan", "inf" or "-inf", a
complex one is [real, imaginary], an integer beyond 2^53 is a string of digits.
"""

import json
import math
import pathlib

import torch

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens" / "torch" / "print.json"
inf, nan = math.inf, math.nan
torch.manual_seed(0)


def plain(value):
    if isinstance(value, complex):
        return [plain(value.real), plain(value.imag)]
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    if isinstance(value, float) and value == 0 and math.copysign(1, value) < 0:
        return "-0"
    return str(value) if isinstance(value, int) and abs(value) > 2**53 else value


def case(t, **options):
    torch.set_printoptions(profile="default")
    torch.set_printoptions(**options)
    wide = t.detach().double() if t.is_floating_point() else t.detach()
    entry = {"values": [plain(v) for v in wide.flatten().tolist()], "shape": list(t.shape),
             "dtype": str(t.dtype).removeprefix("torch."), "text": repr(t)}
    if t.requires_grad:
        entry["requiresGrad"] = True
    if options:
        entry["options"] = options
    cases.append(entry)


cases = []
for t in [
    torch.tensor(1.5), torch.tensor(3), torch.tensor(True), torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2000.0]),
    torch.tensor([1.0, inf, nan]), torch.tensor([0.5, -inf]), torch.tensor([1e-5, 1.0]), torch.tensor([1e9, 1.5]),
    torch.tensor([0.0, 0.0]), torch.tensor([123456.789]), torch.tensor([[1, 20], [-300, 4]]),
    torch.tensor([[True, False]]), torch.tensor([1.5, 2], dtype=torch.float64), torch.tensor([1, 2], dtype=torch.uint8),
    torch.tensor([0.1, 0.2], dtype=torch.bfloat16), torch.tensor([]), torch.zeros(0, 3), torch.zeros(2, 0),
    torch.randn(2, 2, 2), torch.randn(2, 1, 2, 2), torch.arange(30), torch.randn(12), torch.arange(1001),
    torch.tensor([1.0], requires_grad=True), torch.tensor([[nan, nan]]), torch.tensor([-0.0, 1.25]),
    torch.randn(3, 40).mul(100).round().div(100), torch.tensor([2**60, -1]),
    # halves go to the even digit
    torch.tensor([0.03125, 0.09375, 0.5]), torch.tensor([2.5]), torch.tensor([1.00005, 3.00015], dtype=torch.float64),
    torch.tensor([2**-20 * 1.03125, 1.0]), torch.tensor([1e20, 1e-20]),
    torch.arange(4.0).reshape(4, 1, 1).expand(4, 20, 20).contiguous(),
    torch.arange(1200).reshape(2, 300, 2), torch.arange(1100).reshape(550, 2), torch.arange(1100).reshape(2, 550) * 0.5,
    torch.zeros(2, 3, 0), torch.tensor([], dtype=torch.int64), torch.zeros(0, 2, dtype=torch.bool),
]:
    case(t)
for dtype in ["float16", "bfloat16", "float64", "float8_e5m2", "float8_e4m3fn", "float8_e5m2fnuz", "float8_e4m3fnuz"]:
    case(torch.tensor([[0.5, -2.0], [0.0, 1.75]]).to(getattr(torch, dtype)))
    case(torch.tensor([1.0, 2.0, 3.0]).to(getattr(torch, dtype)))
case(torch.tensor([1.0, 0.5]).to(torch.float8_e8m0fnu))
case(torch.tensor([65504.0, 1e-4, 0.3333]).half())
case(torch.randn(3, 3).bfloat16())
for dtype in ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]:
    case(torch.tensor([[1, 100], [7, 0]]).to(getattr(torch, dtype)))
case(torch.tensor([-5, 100], dtype=torch.int8))
for dtype in [torch.complex32, torch.complex64, torch.complex128]:
    case(torch.tensor([[1 + 2j, -0.5 - 1.25j], [0j, 3.5 + 0j]]).to(dtype))
    case(torch.tensor([1 + 2j, 3 - 4j]).to(dtype))
    case(torch.tensor(2.5 - 1j).to(dtype))
for t in [
    torch.tensor([complex(inf, nan), complex(-inf, -0.0)]), torch.tensor([1e5 + 1e-5j, 1 + 1j]),
    torch.tensor([], dtype=torch.complex64), torch.zeros(2, 0, dtype=torch.complex128),
    torch.complex(torch.arange(30.0), -torch.arange(30.0)).reshape(5, 6),
    torch.complex(torch.arange(1200.0), torch.ones(1200)), torch.tensor([1 + 1j], requires_grad=True),
]:
    case(t)
third = torch.tensor([[1 / 3, 2 / 3], [100 / 3, 1e4]])
for options in [
    {"precision": 2}, {"precision": 0}, {"precision": 8}, {"sci_mode": True}, {"sci_mode": False}, {"linewidth": 20},
    {"threshold": 3}, {"threshold": 3, "edgeitems": 1}, {"profile": "short"}, {"profile": "full"},
    {"threshold": 1, "edgeitems": 0},
]:
    case(third, **options)
    case(torch.arange(12.0).reshape(3, 4), **options)
    case(torch.arange(9), **options)
case(torch.arange(1005), profile="full")
case(torch.tensor([1e22, -1.5]), sci_mode=False)

OUT.write_text(json.dumps(cases, separators=(",", ":")) + "\n")
print(len(cases), "cases", OUT.stat().st_size, "bytes")
