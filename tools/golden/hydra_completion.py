"""Writes tests/goldens/config/hydra-completion.json: what Hydra offers for words of a command line.

Run with hydra-core 1.3.8: python tools/golden/hydra_completion.py
"""

import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory

from hydra import __version__
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import create_config_search_path
from hydra.plugins.completion_plugin import DefaultCompletionPlugin

FILES = {
    "config.yaml": "defaults:\n  - db: mysql\n  - _self_\nseed: 42\nlr: 1.0e-05\nname: demo\nflag: true\nnothing: null\nlater: ???\nlink: ${seed}\nempty: {}\n"
    "trainer:\n  max_epochs: 3\n  max_steps: -1\n  flags: {fast: false, share: 1.0}\nlayers: [1, {size: 2}, [3], '???']\n",
    "db/mysql.yaml": "host: localhost\nport: 3306\n",
    "db/postgresql.yaml": "host: localhost\nport: 5432\nschema: public\n",
    "db/sqlite.yaml": "path: x.db\n",
    "model/bert.yaml": "layers: 12\n",
    "model/head/linear.yaml": "size: 2\n",
    "model/head/mlp.yaml": "size: 3\n",
    "deep/er/one.yaml": "a: 1\n",
    "deep/er/two.yaml": "a: 2\n",
    "data/ner.yaml": "path: x\n",
}

LINES = [
    "", "s", "se", "seed", "seed=", "seed=4", "lr=", "name=", "flag=", "nothing=", "later=", "link=", "e", "empty", "empty.", "t", "trainer", "trainer.", "trainer.m", "trainer.max_",
    "trainer.max_epochs", "trainer.max_epochs=", "trainer.flags.", "trainer.flags.f", "trainer.flags.share=", "trainer.x", "trainer.max_steps=", "layers.", "layers.1", "layers.1.", "layers.1.size=", "layers.2.",
    "d", "db", "db=", "db=m", "db=p", "db=x", "db.", "db.h", "db.port=", "da", "data", "data=", "m", "model", "model/", "model=", "model=b", "model/h", "model/head", "model/head=", "model/head=m",
    "deep", "deep/", "deep/e", "deep/er=", "deep/x", "+", "+d", "+db=", "+model/", "+da", "+data=", "+seed", "~", "~d", "~db", "~db=", "~model/", "~da",
    "db=postgresql ", "db=postgresql db.", "db=sqlite db.", "db=sqlite db.p", "+data=ner data.", "trainer.max_epochs=5 trainer.max_epochs=", "seed=1 s", "missing=1 s", "db=nothing s",
    "+new.x=1 new.", "~trainer tr", "~db d", "zzz", "zzz=", "zzz.", "seed=1 seed=2 seed=", "db=mysql,sqlite ", "-m db=mysql,sqlite s", "x=./", "x=./m", "x=./db/", "x=./db/my", "x=./nothing", "x=.", "trainer=",
]  # fmt: skip


def main():
    with TemporaryDirectory() as folder:
        for name, text in FILES.items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        os.chdir(folder)
        loader = ConfigLoaderImpl(create_config_search_path(folder))
        plugin = DefaultCompletionPlugin(loader)
        cases = [{"line": line, "offered": plugin._query("config", line)} for line in LINES]
    golden = {"hydra": __version__, "files": FILES, "cases": cases}
    path = Path(__file__).parents[2] / "tests/goldens/config/hydra-completion.json"
    sections = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in golden.items() if name != "cases"]
    path.write_text("{\n" + ",\n".join(sections) + ',\n"cases": [\n' + ",\n".join(map(json.dumps, cases)) + "\n]\n}\n")


if __name__ == "__main__":
    main()
