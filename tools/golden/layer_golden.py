"""Runs layers and functions of torch.nn and writes all that tests/golden-layers.ts compares; for nn.py and nn_layers.py.

FILE.json lists the cases: a name, the class or function (`target`), the keys of the state dict in their order
(`state`), what the module prints (`text`), and how to make and call it where the test's own code does not say so.
FILE.safetensors holds for each case the state dict after torch.manual_seed(7), the inputs, the outputs (training,
after torch.manual_seed(11)), the gradients of sum(cos(0, 1, 2, ...) * output) over all outputs, and the state that is
no weight, or that a lazy layer did not have before:

NAME.init.KEY  NAME.in0  NAME.out0  NAME.in0.grad  NAME.grad.KEY  NAME.after.KEY
"""

import json
import pathlib

import serial_dropout  # noqa: F401
import torch
from safetensors.torch import save_file
from torch.nn.parameter import is_lazy

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens" / "nn"
torch.set_num_threads(1)


class LayerGolden:
    def __init__(self, file):
        self.file, self.cases, self.tensors = file, [], {}

    def layer(self, name, make, inputs, call=lambda layer, *inputs: layer(*inputs), how={}):
        """Records one layer; `how` are further entries of the case."""
        torch.manual_seed(7)
        layer = make()
        case = {"name": name, "target": type(layer).__name__} | how | {"state": list(layer.state_dict()), "text": repr(layer)}
        self.add(f"{name}.init.", {key: value for key, value in layer.state_dict().items() if not is_lazy(value)})
        weights = [key for key, value in layer.named_parameters() if not is_lazy(value)]
        self.run(case, lambda *given: call(layer, *given), inputs)
        self.add(f"{name}.grad.", {key: p.grad for key, p in layer.named_parameters() if p.grad is not None})
        self.add(f"{name}.after.", {key: value for key, value in layer.state_dict().items() if key not in weights})

    def run(self, case, call, inputs):
        """Records one call; an input with the attribute `is_constant` needs no gradient."""
        name = case["name"]
        assert name not in [known["name"] for known in self.cases], name
        self.cases.append(case)
        learns = [t.is_floating_point() and not hasattr(t, "is_constant") for t in inputs]
        given = [t.clone().requires_grad_(flag) for t, flag in zip(inputs, learns)]
        self.add(f"{name}.in", dict(enumerate(given)))
        torch.manual_seed(11)
        outputs = flat(call(*given))
        learned = [y for y in outputs if y.requires_grad]
        if learned:
            sum((y * torch.arange(y.numel()).reshape(y.shape).cos()).sum() for y in learned).backward()
        self.add(f"{name}.out", dict(enumerate(outputs)))
        self.add(f"{name}.in", {f"{i}.grad": t.grad for i, t in enumerate(given) if t.grad is not None})

    def add(self, prefix, tensors):
        self.tensors |= {f"{prefix}{key}": value.detach().contiguous().clone() for key, value in tensors.items()}

    def write(self):
        OUT.mkdir(parents=True, exist_ok=True)
        save_file(self.tensors, OUT / f"{self.file}.safetensors")
        lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in self.cases)
        (OUT / f"{self.file}.json").write_text(f"[\n{lines}\n]\n")
        print(f"{self.file}: {len(self.cases)} cases, {(OUT / f'{self.file}.safetensors').stat().st_size} bytes of tensors")


def flat(outputs):
    if isinstance(outputs, torch.Tensor):
        return [outputs]
    return [y for output in outputs if output is not None for y in flat(output)]
