"""Writes tests/goldens/torch/numpy/*: files of numpy, and values.json with what is in them.

Run: python tools/golden/numpy_io.py   (numpy 2.x)
"""

import json
import pathlib

import numpy as np

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens" / "torch" / "numpy"
OUT.mkdir(exist_ok=True)
rng = np.random.default_rng(0)

DTYPES = "b1 i1 u1 i2 u2 i4 u4 i8 u8 f2 f4 f8 c8 c16".split()
ARRAYS = {}
for kind in DTYPES:
    values = np.array([[0, 1, 2], [3, 100, 5]]).astype(kind)
    if kind[0] in "iu":
        values[0, 0], values[1, 2] = np.iinfo(kind).min, np.iinfo(kind).max
    if kind[0] == "c":
        values = values * (1 - 2j)
    ARRAYS[kind] = values
LAYOUTS = {
    "fortran": np.asfortranarray(rng.standard_normal((2, 3, 4)).astype("f4")),
    "vector": np.arange(5.0),
    "scalar": np.array(0.25),
    "empty": np.zeros((0, 4), "f4"),
    "long": np.zeros(1_000, "i1"),
    "sliced": np.arange(12, dtype="i4").reshape(3, 4)[::2, 1:],
}
MORE = {
    "big": ARRAYS["f4"].astype(">f4"),
    "big-c8": ARRAYS["c8"].astype(">c8"),
    "big-i8": ARRAYS["i8"].astype(">i8"),
}


def describe(array):
    numbers = array.astype(array.dtype.newbyteorder("=")).ravel()
    if array.dtype.kind == "c":
        numbers = numbers.view(f"f{array.itemsize // 2}")
    plain = [str(v) if isinstance(v, int) and abs(v) > 2**53 else v for v in numbers.tolist()]
    dtypes = {"b1": "bool", **{k: np.dtype(k).name for k in DTYPES if k != "b1"}}
    strides = [s // array.itemsize for s in array.strides]
    if not (array.flags.c_contiguous or array.flags.f_contiguous):
        strides = [s // array.itemsize for s in np.ascontiguousarray(array).strides]
    if array.size == 0:
        strides = [4, 1]  # numpy gives zeros, PyTorch what the shape asks for
    return {"dtype": dtypes[array.dtype.str[1:]], "shape": list(array.shape), "strides": strides, "values": plain}


values = {}
for name, array in {**ARRAYS, **LAYOUTS, **MORE}.items():
    np.save(OUT / f"{name}.npy", array)
    values[name] = describe(array)
for version in [(2, 0), (3, 0)]:
    with open(OUT / f"version-{version[0]}.npy", "wb") as file:
        np.lib.format.write_array(file, LAYOUTS["vector"], version=version)
    values[f"version-{version[0]}"] = describe(LAYOUTS["vector"])
np.savez(OUT / "plain.npz", **ARRAYS, **LAYOUTS)
np.savez_compressed(OUT / "compressed.npz", **ARRAYS, **LAYOUTS)
np.save(OUT / "refused-object.npy", np.array([{}], dtype=object))
np.save(OUT / "refused-structured.npy", np.zeros(2, [("a", "f4"), ("b", "i4")]))
np.save(OUT / "refused-text.npy", np.array(["ab"]))
np.save(OUT / "refused-date.npy", np.array(["2020-01-01"], "M8[D]"))
np.save(OUT / "refused-long.npy", np.zeros(1, np.longdouble))
(OUT / "values.json").write_text(json.dumps(values, indent=1) + "\n")
