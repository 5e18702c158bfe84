"""Writes tests/goldens/config/hydra-instantiate.json: what Hydra's instantiate makes of configs.

Run with hydra-core 1.3.8: python tools/golden/hydra_instantiate.py
"""

import json
import sys
import types
from pathlib import Path

from hydra import __version__
from hydra.utils import instantiate
from omegaconf import OmegaConf

demo = types.ModuleType("demo")


class Thing:
    def __init__(self, *args, **kwargs):
        self.call = {"call": type(self).__name__, "args": list(args), "kwargs": kwargs}


class Other(Thing):
    pass


def make(*args, **kwargs):
    return {"call": "make", "args": list(args), "kwargs": kwargs}


def boom(**kwargs):
    raise ValueError("boom")


def nothing():
    return None


for part in (Thing, Other, make, boom, nothing):
    part.__module__ = "demo"
    setattr(demo, part.__name__, part)
sys.modules["demo"] = demo

# [config, positional arguments, arguments by name]
CASES = [
    ["_target_: demo.Thing"], ["{_target_: demo.Thing, a: 1, b: x, c: 1.5, d: true, e: null}"], ["_target_: demo.make\na: [1, 2]\nb: {c: d}"], ["a: 1"], ["null"],
    ["[1, 2]"], ["[]"], ["{}"], ["- _target_: demo.Thing\n- _target_: demo.Other\n  a: 1\n- 3"], ["a:\n  _target_: demo.Thing\nb: 2"], ["_target_: demo.nothing"],
    ["_target_: demo.Thing\ninner: {_target_: demo.Other, deep: {_target_: demo.make, x: 1}}"], ["_target_: demo.Thing\nlist: [{_target_: demo.Other}, {a: {_target_: demo.make}}]"],
    ["_target_: demo.Thing\n_args_: [1, x]"], ["_target_: demo.Thing\n_args_: [1, {_target_: demo.Other}]\na: 2"], ["_target_: demo.Thing\n_args_: []"], ["_target_: demo.Thing\n_args_: 5"],
    ["_target_: demo.Thing\n_args_: {a: 1}"], ["_target_: demo.Thing\n_args_: [1]\na: 2", [7, 8]], ["_target_: demo.Thing\na: 1", [7]],
    ["_target_: demo.Thing\na: 1\nb: {c: 1, d: 2}", [], {"a": 5, "b": {"c": 9}, "e": 6}], ["_target_: demo.Thing\na: ${b}\nb: 1", [], {"b": 2}], ["_target_: demo.Thing", [], {"x": {"_target_": "demo.Other"}}],
    ["_target_: demo.Thing\nl: [1, 2]", [], {"l": [3]}], ["_target_: demo.Thing\na: {_target_: demo.Other, x: 1}", [], {"a": {"x": 2}}],
    ["_target_: demo.Thing\n_recursive_: false\na: {_target_: demo.Other}"], ["_target_: demo.Thing\na: {_target_: demo.Other, _recursive_: false, b: {_target_: demo.make}}"],
    ["_recursive_: false\na: {_target_: demo.Thing, b: {_target_: demo.Other}}"], ["_target_: demo.Thing\n_recursive_: false\na: [{_target_: demo.Other}]\n_args_: [{_target_: demo.Other}]"],
    ["_target_: demo.Thing\n_recursive_: 1"], ["_target_: demo.Thing\n_partial_: x"], ["_target_: demo.Thing\na: {_recursive_: no, b: 1}"], ["_target_: demo.Thing\na: {_recursive_: off1, b: 1}"],
    ["_target_: demo.Thing\n_partial_: true\na: 1"], ["_target_: demo.Thing\n_partial_: true\n_args_: [1]\na: {_target_: demo.Other}"], ["_target_: demo.Thing\na: {_target_: demo.Other, _partial_: true, b: 1}"],
    ["_target_: demo.Thing\n_partial_: true\na: ???\nb: 1"], ["_target_: demo.Thing\na: ???"], ["_target_: demo.Thing\na: {_target_: demo.Other, _partial_: true, b: '???'}"],
    ["_target_: demo.make\n_partial_: true\nx: {_target_: demo.make, _partial_: true, y: 1}"], ["_partial_: true\na: {_target_: demo.Thing}"], ["_target_: demo.Thing\n_partial_: false\na: 1"],
    ["_target_: demo.Thing\n_convert_: all\na: {b: [1, {c: 2}]}"], ["_target_: demo.Thing\n_convert_: partial\na: {b: [1, {c: 2}]}"], ["_target_: demo.Thing\n_convert_: object\na: {b: {_target_: demo.Other}}"],
    ["_target_: demo.Thing\n_convert_: none\na: {b: 1}"], ["_convert_: all\na: {_target_: demo.Thing, b: [1]}"], ["_target_: demo.Thing\na: {_target_: demo.Other, _convert_: all, b: {c: [1]}}"],
    ["_target_: demo.Thing\na: ${b.c}\nb: {c: 5}"], ["a: {_target_: demo.Thing, x: '${b}'}\nb: {_target_: demo.Other, y: 1}"], ["_target_: demo.Thing\na: ${missing}"], ["_target_: demo.Thing\na: x${b}y\nb: 1"],
    ["_target_: demo.Missing"], ["_target_: nowhere.Thing"], ["_target_: 5"], ["_target_: null"], ["_target_: ''"], ["_target_: [demo.Thing]"], ["_target_: {a: demo.Thing}"], ["_target_: ???"], ["_target_: demo"],
    ["_target_: demo.boom"], ["_target_: demo.boom\na: 1"], ["a: {b: [{_target_: demo.boom}]}"], ["_target_: ${name}\nname: demo.Thing"], ["a: {_target_: demo.Thing, b: 1, c: {d: e}, f: [g]}"],
    ["5"], ["text"], ["_target_: demo.Thing\n1: x"], ["a: {1: x, 2: y}"], ["_partial_: false\n_convert_: all\n_recursive_: true\na: 1\n_args_: [1]"], ["_target_: demo.Thing\na: {_args_: [1], _partial_: true, b: 2}"],
    ["_target_: os.system\n_args_: ['true']"], ["_target_: builtins.eval\n_args_: ['1']"], ["_target_: subprocess.Popen"], ["_target_: builtins.exec"],
]  # fmt: skip


def encode(value):
    if OmegaConf.is_config(value):
        value = {key: value[key] for key in value} if OmegaConf.is_dict(value) else list(value)
    if isinstance(value, Thing):
        return encode(value.call)
    if isinstance(value, dict):
        return {str(key): encode(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [encode(item) for item in value]
    if callable(value):
        return {"partial": value.func.__name__, "args": encode(value.args), "kwargs": encode(value.keywords)}
    return value


def run(config, args=(), kwargs=None):
    case = {"config": config, "args": list(args), "kwargs": kwargs or {}}
    try:
        return {**case, "result": encode(instantiate(OmegaConf.create(config), *args, **(kwargs or {})))}
    except Exception as error:
        return {**case, "error": type(error).__name__}


def main():
    cases = ",\n".join(json.dumps(run(*case)) for case in CASES)
    path = Path(__file__).parents[2] / "tests/goldens/config/hydra-instantiate.json"
    path.write_text(f'{{\n"hydra": {json.dumps(__version__)},\n"cases": [\n{cases}\n]\n}}\n')


main()
