"""Writes tests/goldens/config/hydra-compose.json: what Hydra composes of the trees in hydra_trees.py.

Run with hydra-core 1.3.8: python tools/golden/hydra_compose.py [TREE ...]
"""

import itertools
import json
import os
import random
import sys
import tempfile
import warnings
from pathlib import Path

from hydra import __version__, compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import OmegaConf, flag_override

from hydra_trees import TREES

VISION_OVERRIDES = """
model=vit | model=ensemble | model=resnet | model/backbone=resnet50 | model/head=mlp | dataset=imagenet | dataset=csv
dataset=imagenet dataset/transform=small | optimizer=sgd | scheduler=step | scheduler=null | callbacks=none | logger=csv | logger=many
logger=[csv,mlflow] | logger=[] | trainer=cpu | trainer=ddp | distributed=fsdp | distributed=ddp | experiment=vit_imagenet
experiment=fast | experiment=packaged | experiment=nested/deep | debug=default | debug=overfit | tuning=optuna | seed=1 | seed=null
seed=1.0 | task='a b' | tags=[a,b] | tags=[] | +new=1 | +new.deep.key=v | ++seed=3 | ++other=4 | ~seed | ~ckpt_path | ~model | ~logger
~scheduler | ~scheduler=cosine | ~scheduler=step | ~distributed | optimizer.lr=1e-3 | optimizer.betas=[0.8,0.9] | optimizer.betas.0=0.5
+optimizer.amsgrad=true | optimizer.amsgrad=true | ~optimizer.lr | optimizer={lr:1} | trainer.max_epochs=${seed} | model.num_classes=5
dataset.path=x.csv | +optimizer@second_optimizer=sgd | +dataset@val=csv | model/backbone=vit_b model.dropout=0.2 | +experiment=fast
+model/head@aux=mlp | optimizer@optimizer=sgd | model@model=vit | model@x=vit | nothing=here | +nothing=here | +logger=csv | ~nothing
model=vits | model=[vit,resnet] | optimizer=[sgd,adamw] | hydra/job_logging=disabled | hydra.run.dir=x | hydra.job.name=y
hydra/job_logging=none hydra.verbose=true | hydra/hydra_logging=colorlog | hydra.foo=1 | +hydra.foo=1 | +hydra.callbacks.c._target_=a.B
hydra.job.chdir=true | hydra.job.num=x | seed=1,2 | seed=choice(1,2) | seed=range(3) | model=glob(*) | hydra.job.id=5 | hydra.sweep.subdir=${hydra.job.override_dirname}
debug=default experiment=fast seed=9 | experiment=vit_imagenet model=resnet | experiment=vit_imagenet trainer=cpu distributed=none
experiment=vit_imagenet optimizer=adamw optimizer.lr=0.1 | experiment=fast callbacks=default | ++model=vit | model=5 | model=null | model
=x | a.b | local=default | +local=default | paths.root=/tmp | +paths.cache=${.root}/c | model.head.bias=false | model.backbone.layers.0=9
model.backbone.layers.9=9 | seed.x=1 | tags.a=1 | tags.0=z | tags=extend_list(x,y) | dataset.mean=[1] | batch=8 | ~batch=8 | ~seed=42 | ~seed=41
ckpt_path='a=b.pt' | +a@b=c | dataset/transform=large | hydra=default | hydra=null | ~hydra | hydra/output=default | ~hydra/output | +hydra.job.env_set.A=b
+db={a:1,b:{c:2}} | trainer={max_epochs:2,+x:1} | trainer={max_epochs:2} | +trainer={extra:1} | ++trainer={extra:1} | optimizer._target_=x
model=resnet model.name=other ~model.head | +tags=[q] | +seed=4 | experiment=null | experiment=[fast,packaged] | model/backbone@model.backbone=resnet50
model=ensemble model/backbone@model.first=resnet50 | model=ensemble model/backbone=resnet50 | model=ensemble optimizer@model.first.optimizer=adamw
"""

CASES = {
    "vision": {
        "config": [""],
        "eval": ["", "ckpt_path=a", "model=vit", "optimizer=sgd", "+optimizer=sgd", "trainer=ddp", "+distributed=none trainer=ddp", "~trainer", "~dataset"],
        "hydra/config": [""],
        "nope": [""],
        "trainer/ddp": [""],
        "trainer/cpu": ["", "max_epochs=1", "trainer.max_epochs=1"],
        "experiment/fast": [""],
        None: ["", "+model=vit", "+model=resnet +dataset=cifar10", "+optimizer=sgd optimizer.lr=1", "+a.b=1", "+model@x.y=ensemble", "+experiment=fast"],
    },
    "servers": {
        "config": ["", "db=sqlite", "server=nginx", "server/plugin=ssl", "server/plugin=[ssl]", "server/plugin=[ssl,rewrite]", "~db", "~server", "~server/plugin", "~db=mysql", "~db=sqlite",
                   "db@x=sqlite", "+db@x=sqlite", "+db@x=sqlite +db@y=mysql", "+db@_global_=sqlite", "+db@a.b.c=sqlite", "server.ssl.cert=x", "db=v1.2", "+combo=${db}_apache", "+combo=sqlite_apache db=sqlite",
                   "db=../server/nginx", "db=/server/nginx", "db.port=${server.port}", "+site=group", "+site=here", "+site=global", "+site/inner=one", "+site/inner@q=two", "db=null", "++db=sqlite"],
        "self_first": ["", "db.port=2", "db=sqlite"],
        "self_last": ["", "db=sqlite"],
        "two_dbs": ["", "db@source=sqlite", "db@destination=sqlite source.name=x", "db=sqlite", "~db@source", "~db@source=mysql", "~db", "db@nope=sqlite", "+db=sqlite", "db@source=[sqlite,mysql]"],
        "here": [""],
        "use_here": ["", "db@site=sqlite", "site=group", "db=sqlite"],
        "use_group": ["", "db@site.db=sqlite", "db@db=sqlite", "db@backup.db=mysql", "db@site.backup.db=mysql"],
        "use_global": ["", "db@_global_=sqlite", "db@other=mysql"],
        "use_inner": ["", "site/inner=two", "site/inner@again=one", "db@site.inner.mine=mysql"],
        "config_items": ["", "mysql.port=1", "db=sqlite"],
        "lists": ["", "db=sqlite", "db=[sqlite]", "db=[]", "server=nginx", "~db"],
        "list_package": ["", "db@all=sqlite", "server=apache"],
        "interpolated": ["", "db=sqlite", "server=nginx", "db=sqlite server=nginx", "combo=nginx_only", "~combo", "~db"],
        "interpolated_self": ["", "server=apache", "db=mysql"],
        "interpolated_key": ["", "server=nginx"],
        "missing": ["", "db=mysql", "~db", "+x=1"],
        "nulls": ["", "db=mysql", "server=nginx", "server@a=nginx"],
        "optional": ["", "db=mysql", "server=absent"],
        "empty": ["", "+a=1", "a=1"],
        "comment": [""],
        "no_defaults": ["", "b.c.2.d=4", "b.c=[]", "b.d=1", "+b.d=1", "b={c:1}", "b=5", "a={x:1}", "+db=mysql", "db=mysql"],
        "empty_defaults": ["", "+db=mysql"],
        "only_overrides": ["", "+db=mysql", "hydra/job_logging=stdout"],
        "hydra_node": ["", "seed=3", "db=sqlite seed=2", "hydra.job.name=z", "hydra.mode=MULTIRUN", "hydra.job.config.override_dirname.kv_sep=_ db.port=1 +b=2"],
        "header": ["", "db=sqlite", "db@deep.down.db=sqlite", "deep.down.value=2"],
        "headers": ["", "headers=group"],
        "use_headers": ["", "headers@moved=rooted", "headers=many", "headers=late"],
        "__init__": [""], "dots.v1": [""], "with_dots": [""], "anchors": ["", "copy.x=5"],
        "types": ["", "a=2.5", "l=1", "++1=x", "e=no", "b='2'", "~f", "~a=1", "~b=1.0", "~b=1", "~l", "s.x=1", "+s.x=1", "t=[1]"],
        "db/mysql": ["", "port=1", "db.port=1"],
    },
    "broken": {name.removesuffix(".yaml"): [""] for name in TREES["broken"] if "/" not in name},
    "search": {
        "config": ["", "db=oracle", "db=shared", "db=only_more", "+queue=redis", "hydra.searchpath=[]", "db=oracle hydra.searchpath=[]", "db=oracle hydra.searchpath=[file://$ROOT/more]", "+hydra.searchpath=[file://$ROOT/more]"],
        "plain": ["", "db=oracle", "db=oracle hydra.searchpath=[file://$ROOT/extra]", "hydra.searchpath=extra"],
        "interpolated": [""],
        "absent": [""],
        "other": ["", "hydra.searchpath=[file://$ROOT/more]"],
    },
    "legacy": {
        "config": ["", "db=sqlite", "db@x._name_=sqlite", "+db@x._name_=sqlite", "+nested=two", "hydra/job_logging=none", "+headers=name"],
        "named": ["", "db@stores._name_=mysql", "server@_name_=apache"],
        "named_group": ["", "db@stores.mysql=sqlite"],
        "optional": ["", "db=mysql"],
        "optional_absent": [""],
        "hydra_early": ["", "hydra/job_logging=none"],
        "interpolation": ["", "db=sqlite"],
        "headers": ["", "headers=name", "headers@moved=group"],
        "nested/two": [""],
        "nested/inner/one": [""],
    },
}  # fmt: skip

# of the section hydra, what depends on the machine is left out
HYDRA_PARTS = ["run", "sweep", "launcher", "sweeper", "job_logging", "callbacks", "overrides", "job", "verbose", "mode", "searchpath", "output_subdir"]


def singles():
    return [line.strip() for lines in VISION_OVERRIDES.split("\n") for line in lines.split("|") if line.strip()]


def cases():
    for tree, configs in CASES.items():
        for config, lines in configs.items():
            extra = singles() if (tree, config) == ("vision", "config") else []
            yield from ((tree, config, line) for line in [*lines, *extra])


def pairs(results):
    """Joins lines that work alone."""
    failed = {" ".join(case["overrides"]) for case in results if "error" in case and case["config"] == "config" and case["tree"] == "vision"}
    lines = [line for line in singles() if " ".join(words(line)) not in failed]
    joined = [" ".join(pair) for pair in itertools.combinations(lines, 2)]
    random.Random(0).shuffle(joined)
    return joined[:160]


def words(line):
    """Splits at spaces outside quotes."""
    parts, quoted = [""], False
    for character in line:
        quoted ^= character == "'"
        if character == " " and not quoted:
            parts.append("")
        else:
            parts[-1] += character
    return [part for part in parts if part]


def run(root, tree, config, line):
    overrides = [word.replace("$ROOT", str(root)) for word in words(line)]
    case = {"tree": tree, "config": config, "overrides": words(line)}
    folder = root / ("main" if tree == "search" else "")
    try:
        with initialize_config_dir(config_dir=str(folder), version_base="1.1" if tree == "legacy" else "1.3"):
            composed = compose(config, overrides, return_hydra_config=True)
            loader = GlobalHydra.instance().config_loader()
            entries = loader.compute_defaults_list(config, overrides, RunMode.RUN).defaults
    except Exception as error:
        return {**case, "error": type(error).__name__}
    entries = [[entry.config_path, entry.package, entry.is_self, entry.parent] for entry in entries]
    choices = OmegaConf.to_container(composed.hydra.runtime.choices)
    shown = HYDRA_PARTS if line == "" or "hydra" in line or config == "hydra_node" else ["overrides", "job"]
    parts = OmegaConf.masked_copy(composed.hydra, shown)
    parts = OmegaConf.to_yaml(parts).replace(str(root), "$ROOT")
    HydraConfig.instance().set_config(composed)
    with flag_override(composed, ["struct", "readonly"], [False, False]):
        del composed["hydra"]
    job = OmegaConf.to_yaml(composed).replace(str(root), "$ROOT")
    return {**case, "job": job, "hydra": parts, "choices": list(choices.items()), "defaults": entries}


def main():
    warnings.simplefilter("ignore")
    path = Path(__file__).parents[2] / "tests/goldens/config/hydra-compose.json"
    trees = {name: TREES[name] for name in sys.argv[1:] or TREES}
    results = [] if len(trees) == len(TREES) else [case for case in json.loads(path.read_text())["cases"] if case["tree"] not in trees]
    with tempfile.TemporaryDirectory() as folder:
        folder = os.path.realpath(folder)
        for tree, files in trees.items():
            root = Path(folder) / tree
            for name, text in files.items():
                file = root / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text.replace("$ROOT", str(root)))
        for tree, config, line in (case for case in cases() if case[0] in trees):
            results.append(run(Path(folder) / tree, tree, config, line))
        for line in pairs(results) if "vision" in trees else []:
            results.append(run(Path(folder) / "vision", "vision", "config", line))
    golden = {"hydra": __version__, "trees": TREES, "cases": results}
    path.write_text(json.dumps(golden, separators=(",", ":")) + "\n")
    errors = sum("error" in case for case in results)
    print(f"{len(results)} cases, {errors} errors")


main()
