// The Python file that travels with a model of torch.nn's layers, by which MLflow's python_function flavour loads it.
// It makes layers by their names in torch.nn and reads weights from safetensors: nothing of the model is run.

/** Name of the module, and of its file in the model's folder `code`. */
export const pythonLoaderModule = "sconce_torch_model";

/** The file's content. */
export const pythonLoader = `# Loads a model that Sconce logged: layers of torch.nn by name, weights from safetensors.
import json
import os
from collections import OrderedDict

import numpy as np
import torch
from safetensors.torch import load_file


def load(data_path, device="cpu"):
    """Return the model in the folder "data" as a torch.nn.Module in eval mode."""
    with open(os.path.join(data_path, "architecture.json"), encoding="utf-8") as file:
        architecture = json.load(file)
    with torch.device("meta"):
        module = _build(architecture["layers"])
    weights = load_file(os.path.join(data_path, "model.safetensors"), device=device)
    module.load_state_dict(weights, assign=True)
    return module.eval()


def _build(layer):
    if layer["type"] == "Sequential":
        return torch.nn.Sequential(OrderedDict((name, _build(child)) for name, child in layer["children"]))
    cls = vars(torch.nn).get(layer["type"])
    if not (isinstance(cls, type) and issubclass(cls, torch.nn.Module)):
        raise ValueError(f"architecture.json: torch.nn has no layer {layer['type']!r}")
    return cls(**{name: _argument(value) for name, value in layer["args"].items()})


def _argument(value):
    if isinstance(value, dict):
        return _build(value)
    return tuple(value) if isinstance(value, list) else value


class _Model:
    def __init__(self, module):
        self._module = module
        self._dtype = next((p.dtype for p in module.parameters() if p.is_floating_point()), torch.float32)

    def predict(self, data, params=None):
        """Return the output for one input, an array or a table of numbers, as an array.

        The inputs of a module that takes several are a dict by the names in its forward; of several outputs, the first
        is returned.
        """
        with torch.no_grad():
            if isinstance(data, dict):
                y = self._module(**{name: self._tensor(value) for name, value in data.items()})
            else:
                y = self._module(self._tensor(data))
        y = y[0] if isinstance(y, tuple) else y
        return (y.float() if y.dtype == torch.bfloat16 else y).numpy()

    def _tensor(self, value):
        x = torch.from_numpy(np.array(value))
        return x.to(self._dtype) if x.is_floating_point() else x


def _load_pyfunc(data_path):
    return _Model(load(data_path))
`;
