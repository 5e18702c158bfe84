"""Loads the same files with safetensors.torch.load_file and torch.load, for io.bench.ts.

    io_peer.py make FOLDER BYTES          writes weights.safetensors and weights.pt
    io_peer.py load READER PATH read|open prints one JSON line: seconds to load (and to read all, with "read")

Each load runs in a process of its own, after the imports, on pages that the system has in memory.
"""

import json
import sys
import time

import torch
from safetensors.torch import load_file, save_file

torch.set_num_threads(1)

READERS = {
    "safetensors.torch.load_file": load_file,
    "torch.load": lambda path: torch.load(path, weights_only=True),
    "torch.load(mmap=True)": lambda path: torch.load(path, weights_only=True, mmap=True),
}


def make(folder, size):
    # the tensors of a transformer: 12 of a layer, as many layers as fill the file
    width, tensors = 1024, {}
    while sum(t.nbytes for t in tensors.values()) < size:
        layer = len(tensors) // 12
        for i in range(12):
            shape = (width, width) if i % 2 == 0 else (width,)
            tensors[f"encoder.layer.{layer}.{i}.weight"] = torch.rand(shape)
    save_file(tensors, f"{folder}/weights.safetensors")
    torch.save(tensors, f"{folder}/weights.pt")


def load(reader, path, mode):
    start = time.perf_counter()
    tensors = READERS[reader](path)
    if mode == "read":
        for tensor in tensors.values():
            tensor.sum()
    print(json.dumps({"seconds": time.perf_counter() - start, "tensors": len(tensors)}))


if sys.argv[1] == "make":
    make(sys.argv[2], int(sys.argv[3]))
else:
    load(*sys.argv[2:])
