"""Lists PyTorch's public names per namespace into tests/goldens/torch/parity-names.json, for tools/parity.ts.

Run once for each pinned version: python tools/parity/python_names.py
"""

import inspect
import json
import pathlib
import types

import torch
import torch.nn.utils.parametrizations
import torch.nn.utils.rnn
import torch.utils.checkpoint

# names that dir(torch) shows but torch.__all__ lacks, although the documentation has them
UNLISTED = ["broadcast_shapes", "from_dlpack", "pca_lowrank", "set_default_dtype", "svd_lowrank", "unique"]
# of the classes in torch, those that users write
TORCH_CLASSES = ["Generator", "Tensor", "autocast", "enable_grad", "finfo", "iinfo", "inference_mode", "no_grad"]
TORCH_CLASSES += ["set_grad_enabled"]
FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType)


def public(namespace, keep):
    return sorted(name for name in dir(namespace) if not name.startswith("_") and keep(name, getattr(namespace, name)))


def defined_in(namespace):
    """Functions and classes that the module defines itself, or that are PyTorch's own builtins."""

    def keep(name, value):
        if not (callable(value) and isinstance(value, (*FUNCTIONS, type))):
            return False
        return isinstance(value, types.BuiltinFunctionType) or value.__module__.startswith(namespace.__name__)

    return public(namespace, keep)


def classes(namespace, base):
    return public(namespace, lambda _, value: inspect.isclass(value) and issubclass(value, base))


def is_torch_function(name, value):
    listed = name in torch.__all__ or name in UNLISTED
    return listed and (isinstance(value, FUNCTIONS) or hasattr(value, "cache_clear"))


def functional(_, value):
    own = getattr(value, "__module__", None) in ("torch.nn.functional", "torch._jit_internal")
    return isinstance(value, types.BuiltinFunctionType) or isinstance(value, types.FunctionType) and own


IMPORTED_INTO_FUNCTIONAL = ["boolean_dispatch", "handle_torch_function", "has_torch_function"]
IMPORTED_INTO_FUNCTIONAL += ["has_torch_function_unary", "has_torch_function_variadic"]

names = {
    "torch": sorted([*public(torch, is_torch_function), *TORCH_CLASSES]),
    "torch.Tensor": public(torch.Tensor, lambda *_: True),
    "torch.linalg": public(torch.linalg, lambda _, value: isinstance(value, FUNCTIONS)),
    "torch.fft": public(torch.fft, lambda _, value: isinstance(value, FUNCTIONS)),
    "torch.special": public(torch.special, lambda _, value: isinstance(value, FUNCTIONS)),
    "torch.nn": sorted([*classes(torch.nn, torch.nn.Module), "Buffer", "Parameter"]),
    "torch.nn.functional": [
        name for name in public(torch.nn.functional, functional) if name not in IMPORTED_INTO_FUNCTIONAL
    ],
    "torch.nn.init": [name for name in defined_in(torch.nn.init) if name.endswith("_") or name == "calculate_gain"],
    "torch.nn.utils": list(torch.nn.utils.__all__),
    "torch.nn.utils.rnn": list(torch.nn.utils.rnn.__all__),
    "torch.nn.utils.parametrize": defined_in(torch.nn.utils.parametrize),
    "torch.nn.utils.parametrizations": list(torch.nn.utils.parametrizations.__all__),
    "torch.optim": classes(torch.optim, torch.optim.Optimizer),
    "torch.optim.lr_scheduler": classes(torch.optim.lr_scheduler, torch.optim.lr_scheduler.LRScheduler),
    "torch.optim.swa_utils": defined_in(torch.optim.swa_utils),
    "torch.autograd": [name for name in torch.autograd.__all__ if name not in ("Variable", "NestedIOFunction")],
    "torch.autograd.functional": defined_in(torch.autograd.functional),
    "torch.autograd.graph": list(torch.autograd.graph.__all__),
    "torch.amp": ["GradScaler", "autocast", "custom_bwd", "custom_fwd", "is_autocast_available"],
    "torch.func": list(torch.func.__all__),
    "torch.random": list(torch.random.__all__),
    "torch.utils.checkpoint": ["checkpoint", "checkpoint_sequential"],
    "io": ["load", "load_file", "load_model", "save", "save_file", "save_model"],  # torch and safetensors.torch
}

target = pathlib.Path(__file__).parents[2] / "tests/goldens/torch/parity-names.json"
lines = [f"{json.dumps(space)}: {json.dumps(sorted(set(listed)))}" for space, listed in names.items()]
target.write_text("{\n" + ",\n".join([f'"version": {json.dumps(torch.__version__.split("+")[0])}', *lines]) + "\n}\n")
for space, listed in names.items():
    print(space, len(listed))
