"""Writes tests/goldens/config/hydra-main.json: what a program of Hydra's prints and leaves behind, by command line.

Run with hydra-core 1.3.8: python tools/golden/hydra_main.py
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from hydra import __version__

APP = """
import hydra

@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def app(config):
    print("task", config.seed, config.db.name)
    if config.seed == 13:
        raise ValueError("unlucky")

app()
"""

# help texts are each program's own, so the tree brings its own
FILES = {
    "conf/config.yaml": """
defaults:
  - db: mysql
  - trainer: default
  - override hydra/help: own
  - override hydra/hydra_help: own
  - _self_
seed: 1
name: run of ${db.name}
folder: ${hydra:runtime.cwd}/${.name}
tags: [a, 1.0, null, 'yes', "two\\nlines"]
late: ???
hydra:
  run:
    dir: out/run/${hydra.job.override_dirname}
  sweep:
    dir: out/sweep
""",
    "conf/other.yaml": "defaults:\n  - db: sqlite\nseed: 5\n",
    "conf/sweeping.yaml": "defaults:\n  - config\n  - _self_\nhydra:\n  mode: MULTIRUN\n  sweep:\n    subdir: ${hydra.job.num}_${hydra.job.override_dirname}\n  sweeper:\n    params:\n      seed: 3,4\n      +extra: choice(a, 'b c')\n",
    "conf/db/mysql.yaml": "name: mysql\nport: 3306\noptions: {}\n",
    "conf/db/sqlite.yaml": "name: sqlite\npath: ${oc.env:SCONCE_TEST_PATH,/tmp/a b.db}\n",
    "conf/trainer/default.yaml": "defaults: [precision]\nepochs: 3\nlr: 1e-5\n",
    "conf/trainer/precision.yaml": "precision: '32'\n",
    "conf/hydra/help/own.yaml": "app_name: own\nheader: head\nfooter: foot\ntemplate: |\n  ${hydra.help.header}\n  $APP_CONFIG_GROUPS\n  $CONFIG\n  ${hydra.help.footer}\n",
    "conf/hydra/hydra_help/own.yaml": "template: |\n  groups\n  $HYDRA_CONFIG_GROUPS\n",
    "more/db/oracle.yaml": "# @package _global_.db\nname: oracle\n",
    "second/config.yaml": "seed: 2\ndb: {name: none}\n",
}

LINES = [
    "--cfg job",
    "--cfg job --resolve late=x",
    "--cfg job seed=2 db=sqlite trainer.lr=0.5",
    "--cfg job -p db",
    "--cfg job -p trainer.precision",
    "--cfg job -p trainer.lr",
    "--cfg job --package _global_",
    "--cfg job -p db --resolve db=sqlite",
    "--cfg job -p nothing",
    "--cfg hydra",
    "--cfg hydra hydra.verbose=true +hydra.job.env_set.A=1 hydra/job_logging=none",
    "--cfg all db=sqlite",
    "-c job -cn other",
    "--cfg job --config-name=db/mysql",
    "--cfg job --config-dir more db=oracle",
    "--cfg job -cp second",
    "--info defaults",
    "--info defaults db=[mysql,sqlite]",
    "--info defaults-tree ~db",
    "--info searchpath",
    "--info searchpath -cd more hydra.searchpath=[file:///nowhere]",
    "-i config",
    "--help",
    "--help late=x --resolve",
    "seed=3",
    "seed=4 db=sqlite +new.key='a b' hydra.job.name=named",
    "hydra.output_subdir=null seed=6",
    "hydra.output_subdir=meta seed=7 hydra.run.dir=elsewhere",
    "hydra.job.chdir=true seed=8",
    "-m seed=1,2 db=mysql,sqlite",
    "-m seed=range(2) hydra.sweep.dir=out/ranges hydra.sweep.subdir=${hydra.job.override_dirname}",
    "-m db=glob(*) +x={a:1,b:[c,'d e']} hydra.sweep.dir=out/globs",
    "-cn sweeping hydra.sweep.dir=out/own",
    "-cn sweeping seed=9 hydra.sweep.dir=out/replaced hydra.sweeper.max_batch_size=1",
    "seed=13",
    "-m seed=13,14 hydra.sweep.dir=out/unlucky",
    "seed=1,2",
    "db=oracle",
    "--cfg nothing",
    "--resolve",
    "--cfg job --info defaults",
]


def run(root, line):
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (root / "app.py").write_text(APP)
    words = [word.replace("\x00", " ") for word in line.replace("'a b'", "'a\x00b'").replace("'d e'", "'d\x00e'").split(" ")]
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    done = subprocess.run([sys.executable, "app.py", *words], cwd=root, capture_output=True, text=True, env=environment)
    files = {
        str(path.relative_to(root)): path.read_text().replace(str(root), "$ROOT")
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.suffix == ".yaml" and path.parts[len(root.parts)] not in ("conf", "more", "second")
    }
    shown = any(word.startswith("-") and word not in ("-m", "-cn") for word in words) and done.returncode == 0
    output = done.stdout.replace(str(root), "$ROOT") if shown else None
    return {"words": words, "exitCode": done.returncode, "output": output, "files": files}


def main():
    results = []
    for line in LINES:
        with tempfile.TemporaryDirectory() as folder:
            results.append(run(Path(os.path.realpath(folder)), line))
            print(line, results[-1]["exitCode"], list(results[-1]["files"]), flush=True)
    golden = {"hydra": __version__, "files": FILES, "cases": results}
    path = Path(__file__).parents[2] / "tests/goldens/config/hydra-main.json"
    path.write_text(json.dumps(golden, indent=1) + "\n")


main()
