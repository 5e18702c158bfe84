"""The trees of config files that hydra_compose.py composes: by tree, by path, the text of each file."""

VISION = {
    "config.yaml": """
# the primary config of a training
defaults:
  - _self_
  - dataset: cifar10
  - optimizer: adamw
  - scheduler: cosine
  - model: resnet
  - callbacks: default
  - logger: null
  - distributed: none
  - trainer: default
  - paths: default
  - hydra: default
  - experiment: null
  - tuning: null
  - optional local: default
  - debug: null

task: train
tags: [dev]
seed: 42
ckpt_path: null
batch: ${dataset.batch_size}
""",
    "eval.yaml": """
defaults:
  - dataset: cifar10
  - model: resnet
  - trainer: cpu
  - paths: default
  - _self_

task: eval
ckpt_path: ???
""",
    "dataset/cifar10.yaml": """
name: cifar10
root: ${paths.data}
batch_size: 128
num_classes: 10
mean: [0.4914, 0.4822, 0.4465]
""",
    "dataset/imagenet.yaml": """
defaults:
  - transform: large
  - _self_
name: imagenet
root: ${paths.data}/imagenet
batch_size: 256
num_classes: 1000
""",
    "dataset/transform/large.yaml": "resize: 256\ncrop: 224\n",
    "dataset/transform/small.yaml": "resize: 36\ncrop: 32\nflip: 0.5\n",
    "dataset/csv.yaml": "name: csv\npath: ???\nbatch_size: 16\nsep: ','\n",
    "model/resnet.yaml": """
defaults:
  - backbone: resnet18
  - head: linear
name: resnet
num_classes: ${dataset.num_classes}
""",
    "model/vit.yaml": """
defaults:
  - backbone: vit_b
  - head: linear
  - override /optimizer@_global_.optimizer: sgd
  - override head: mlp
name: vit
dropout: 0.1
""",
    "model/ensemble.yaml": """
defaults:
  - backbone@first: resnet18
  - backbone@second: vit_b
  - /optimizer@first.optimizer: sgd
  - head: linear
  - _self_
name: ensemble
weights: [1, 1.0]
""",
    "model/backbone/resnet18.yaml": "layers: [2, 2, 2, 2]\nwidth: 64\n",
    "model/backbone/resnet50.yaml": "defaults: [resnet18]\nlayers: [3, 4, 6, 3]\nbottleneck: true\n",
    "model/backbone/vit_b.yaml": "layers: 12\nwidth: 768\npatch: 16\n",
    "model/head/linear.yaml": "kind: linear\nbias: true\n",
    "model/head/mlp.yaml": "kind: mlp\nhidden: 4096\n",
    "optimizer/adamw.yaml": "_target_: torch.optim.AdamW\nlr: 5e-4\nbetas: [0.9, 0.999]\nweight_decay: 0.05\n",
    "optimizer/sgd.yaml": "_target_: torch.optim.SGD\nlr: 0.1\nmomentum: 0.9\nnesterov: no\n",
    "scheduler/cosine.yaml": "name: cosine\nwarmup: 5\nt_max: ${trainer.max_epochs}\n",
    "scheduler/step.yaml": "name: step\nmilestones:\n- 30\n- 60\n",
    "callbacks/default.yaml": "defaults:\n  - checkpoint\n  - early_stopping\n  - _self_\ncheckpoint:\n  save_last: true\n",
    "callbacks/checkpoint.yaml": "checkpoint:\n  monitor: val_loss\n  save_top_k: 3\n  save_last: false\n",
    "callbacks/early_stopping.yaml": "early_stopping: {monitor: val_loss, patience: 10, mode: min}\n",
    "callbacks/none.yaml": "",
    "logger/csv.yaml": "csv:\n  save_dir: ${paths.output}\n",
    "logger/mlflow.yaml": "mlflow:\n  tracking_uri: ${oc.env:SCONCE_TEST_URI,file:./mlruns}\n  experiment: ${task}\n",
    "logger/many.yaml": "defaults:\n  - csv\n  - mlflow\n",
    "trainer/default.yaml": "max_epochs: 90\naccelerator: auto\ndevices: 1\nprecision: 32\ndeterministic: false\n",
    "trainer/cpu.yaml": "defaults:\n  - default\naccelerator: cpu\n",
    "trainer/ddp.yaml": "defaults:\n  - default\n  - override /distributed@_global_.distributed: ddp\n  - _self_\naccelerator: gpu\ndevices: 4\n",
    "distributed/none.yaml": "enabled: false\n",
    "distributed/ddp.yaml": "enabled: true\nstrategy: ddp\nbackend: nccl\ntimeout: 1800\n",
    "distributed/fsdp.yaml": "defaults: [ddp, policy/size, _self_]\nstrategy: fsdp\n",
    "distributed/policy/size.yaml": "min_params: 100_000_000\n",
    "paths/default.yaml": "root: ${oc.env:SCONCE_TEST_ROOT,.}\ndata: ${.root}/data\noutput: ${hydra:runtime.output_dir}\n",
    "hydra/default.yaml": """
defaults:
  - override job_logging: stdout
run:
  dir: logs/${task}/runs/${now:%Y-%m-%d}
sweep:
  dir: logs/${task}/multiruns
  subdir: ${hydra.job.num}
""",
    "experiment/vit_imagenet.yaml": """
# @package _global_
defaults:
  - override /model: vit
  - override /dataset: imagenet
  - override /trainer: ddp
  - override /scheduler: cosine

tags: [vit, imagenet]
seed: 7
optimizer:
  lr: 0.003
trainer:
  max_epochs: 300
""",
    "experiment/fast.yaml": """
# @package _global_
defaults:
  - override /callbacks: none
  - override /logger: csv
trainer:
  max_epochs: 1
debugged: true
""",
    "experiment/packaged.yaml": "# @package trainer\nmax_epochs: 3\nnew_flag: on\n",
    "experiment/nested/deep.yaml": "# @package _global_\ndefaults:\n  - /experiment/fast\n  - override /dataset: csv\ndataset: {path: a.csv}\n",
    "tuning/optuna.yaml": "# @package _global_\noptimized_metric: val_accuracy\nhydra:\n  sweeper:\n    params:\n      optimizer.lr: interval(0.0001, 0.1)\n      dataset.batch_size: choice(32,64)\n",
    "debug/default.yaml": "# @package _global_\ntask: debug\ntrainer:\n  max_epochs: 1\n  devices: 1\n  detect_anomaly: true\nhydra:\n  job_logging:\n    root: {level: DEBUG}\n",
    "debug/overfit.yaml": "# @package _global_\ndefaults:\n  - default\ntrainer:\n  overfit_batches: 3\ncallbacks: null\n",
}

SERVERS = {
    "config.yaml": "defaults:\n  - server: apache\n  - db: mysql\nname: main\n",
    "self_first.yaml": "defaults:\n  - _self_\n  - db: mysql\ndb: {port: 1, extra: 2}\n",
    "self_last.yaml": "defaults:\n  - db: mysql\n  - _self_\ndb: {port: 1, extra: 2}\n",
    "two_dbs.yaml": "defaults:\n  - db@source: mysql\n  - db@destination: postgresql\n  - _self_\nname: copy\n",
    "here.yaml": "defaults:\n  - site\n",
    "site/here.yaml": "defaults:\n  - /db@_here_: mysql\nlocal: 1\n",
    "site/group.yaml": "defaults:\n  - /db@_group_: mysql\n  - /db@backup._group_: sqlite\nlocal: 1\n",
    "site/global.yaml": "defaults:\n  - /db@_global_: mysql\n  - /db@_global_.other: sqlite\nlocal: 1\n",
    "site/inner/one.yaml": "defaults:\n  - two\n  - /db/mysql\n  - /db@mine: sqlite\nvalue: one\n",
    "site/inner/two.yaml": "value: two\nx: 1\n",
    "site.yaml": "site_root: 1\n",
    "use_here.yaml": "defaults:\n  - site: here\n",
    "use_group.yaml": "defaults:\n  - site: group\n",
    "use_global.yaml": "defaults:\n  - site: global\n",
    "use_inner.yaml": "defaults:\n  - site/inner: one\n  - site/inner@again: one\n  - override site/inner@again: two\n",
    "config_items.yaml": "defaults:\n  - db/mysql\n  - db/sqlite@other\n  - /server/nginx@_global_.web\n  - site/inner/two@_here_\n",
    "lists.yaml": "defaults:\n  - db: [mysql, sqlite]\n  - optional server: [nginx, absent]\n",
    "list_package.yaml": "defaults:\n  - db@all: [sqlite, mysql]\n  - server: apache\n  - override server: [nginx, apache]\n",
    "interpolated.yaml": "defaults:\n  - db: mysql\n  - server: apache\n  - combo: ${db}_${server}\n  - optional extra: ${server}_extra\nlast: true\n",
    "interpolated_self.yaml": "defaults:\n  - _self_\n  - server: nginx\n  - combo/${server}_only\n  - db: ${oc.env:SCONCE_TEST_DB,sqlite}\n",
    "interpolated_key.yaml": "defaults:\n  - server: apache\n  - server@web: nginx\n  - combo@x: ${server}_${server}\n",
    "combo/mysql_apache.yaml": "combined: mysql and apache\n",
    "combo/sqlite_apache.yaml": "combined: sqlite and apache\n",
    "combo/mysql_nginx.yaml": "defaults: [/db@inner: sqlite]\ncombined: mysql and nginx\n",
    "combo/nginx_only.yaml": "combined: nginx\n",
    "combo/apache_apache.yaml": "combined: twice\n",
    "combo/override.yaml": "defaults:\n  - override /server: nginx\n",
    "extra/nginx_extra.yaml": "worker: 4\n",
    "missing.yaml": "defaults:\n  - db: ???\n  - server: apache\n",
    "nulls.yaml": "defaults:\n  - db: null\n  - server@a: null\n  - optional server: null\nx: 1\n",
    "optional.yaml": "defaults:\n  - optional db: oracle\n  - optional nothing: here\n  - server: nginx\n",
    "empty.yaml": "",
    "comment.yaml": "# nothing here\n",
    "no_defaults.yaml": "a: 1\nb:\n  c: [1, 2, {d: 3}]\n",
    "empty_defaults.yaml": "defaults: []\na: 1\n",
    "only_overrides.yaml": "defaults:\n  - override hydra/job_logging: none\n  - override hydra/help: default\na: 1\n",
    "hydra_node.yaml": "defaults:\n  - db: mysql\n  - _self_\nhydra:\n  run:\n    dir: out/${db.name}\n  job: {name: named, chdir: true, config: {override_dirname: {kv_sep: ':', item_sep: ';', exclude_keys: [seed]}}}\n  verbose: [a, b]\n  mode: RUN\nseed: 1\n",
    "header.yaml": "# @package deep.down\nvalue: 1\ndefaults:\n  - db: mysql\n  - _self_\n",
    "headers.yaml": "defaults:\n  - headers: plain\n  - headers@moved: plain\n  - headers: null\n  - override headers: rooted\n",
    "use_headers.yaml": "defaults:\n  - headers: plain\n  - headers@moved: plain\n  - headers/rooted\n  - headers/group\n  - headers/late\n",
    "headers/plain.yaml": "#   @package   one.two\nvalue: plain\n",
    "headers/rooted.yaml": "\n# @package _global_.three\nvalue: rooted\n",
    "headers/group.yaml": "# @package _group_\nvalue: group\n",
    "headers/late.yaml": "# a comment first\n# @package never\nvalue: late\n",
    "headers/many.yaml": "# @package one\n# @author me\n# @package two\nvalue: many\n",
    "db/mysql.yaml": "name: mysql\nport: 3306\nuser: ${oc.env:SCONCE_TEST_USER,root}\nurl: ${.name}:${.port}\n",
    "db/postgresql.yaml": "name: postgresql\nport: 5432\ntimeout: 10.0\n",
    "db/sqlite.yaml": "name: sqlite\npath: /tmp/x.db\n",
    "server/apache.yaml": "defaults:\n  - plugin: [rewrite, ssl]\nname: apache\nport: 80\n",
    "server/nginx.yaml": "name: nginx\nport: 8080\n",
    "server/plugin/rewrite.yaml": "rewrite: true\n",
    "server/plugin/ssl.yaml": "ssl:\n  cert: ???\nrewrite: false\n",
    "__init__.yaml": "dunder: 1\n",
    "dots.v1.yaml": "dotted: 1\n",
    "db/v1.2.yaml": "name: dotted\n",
    "with_dots.yaml": "defaults:\n  - db: v1.2\n  - dots.v1\n",
    "anchors.yaml": "base: &b {x: 1, y: [1, 2]}\ncopy: *b\nmerged:\n  <<: *b\n  x: 2\n",
    "types.yaml": "a: 1\nb: 1.0\nc: 1e3\nd: yes\ne: 'yes'\nf: null\ng: ~\nh: 0x10\ni: 1_000\nj: 2020-01-01\nk: '1'\nl: ???\nm: ${a}\nn: .inf\no: -.5\np: 'a: b'\nq: \"line\\nbreak\"\nr: [a, [b, {c: d}]]\ns: {}\nt: []\nu: 1.0e-05\nv: off\n1: int key\n",
}

BROKEN = {
    "defaults_mapping.yaml": "defaults: {db: mysql}\n",
    "defaults_text.yaml": "defaults: db\n",
    "defaults_null.yaml": "defaults:\na: 1\n",
    "item_number.yaml": "defaults: [1]\n",
    "item_null.yaml": "defaults:\n  -\n",
    "item_list.yaml": "defaults:\n  - [a]\n",
    "two_keys.yaml": "defaults:\n  - db: a\n    server: b\n",
    "no_keys.yaml": "defaults:\n  - {}\n",
    "number_option.yaml": "defaults:\n  - db: 5\n",
    "number_in_list.yaml": "defaults:\n  - db: [a, 5]\n",
    "mapping_option.yaml": "defaults:\n  - db: {a: b}\n",
    "absent_option.yaml": "defaults:\n  - db: oracle\n",
    "absent_group.yaml": "defaults:\n  - nothing: here\n",
    "absent_config.yaml": "defaults:\n  - nothing\n",
    "near_option.yaml": "defaults:\n  - db: mysq\n",
    "twice.yaml": "defaults:\n  - db: a\n  - db: a\n",
    "twice_other.yaml": "defaults:\n  - db: a\n  - db: b\n",
    "self_twice.yaml": "defaults:\n  - _self_\n  - db: a\n  - _self_\n",
    "self_package.yaml": "defaults:\n  - _self_@x\n",
    "override_absent.yaml": "defaults:\n  - override db: a\n",
    "override_other_package.yaml": "defaults:\n  - db@x: a\n  - override db: b\n",
    "override_first.yaml": "defaults:\n  - db: a\n  - override db: b\n  - server: s\n",
    "override_inner.yaml": "defaults:\n  - db: a\n  - nested: overriding\n",
    "override_deferred.yaml": "defaults:\n  - db: a\n  - server: s\n  - nested: ${db}_deferred\n",
    "unresolved.yaml": "defaults:\n  - db: a\n  - server: ${nope}\n",
    "list_interpolation.yaml": "defaults:\n  - db: a\n  - server: ['${db}']\n",
    "missing_config.yaml": "defaults:\n  - ???\n",
    "empty_group.yaml": "defaults:\n  - '': x\n",
    "self_value.yaml": "defaults:\n  - db: a\n  - server: s\n  - override server: absent\n",
    "searchpath_inner.yaml": "defaults:\n  - db: with_searchpath\n",
    "searchpath_text.yaml": "hydra:\n  searchpath: extra\n",
    "searchpath_number.yaml": "hydra:\n  searchpath: [1]\n",
    "hydra_key.yaml": "hydra:\n  rum: {dir: x}\n",
    "hydra_inner_key.yaml": "hydra:\n  run: {path: x}\n",
    "hydra_type.yaml": "hydra:\n  job: {num: many}\n",
    "hydra_sweeper_key.yaml": "hydra:\n  sweeper: {max_batches: 1}\n",
    "root_list.yaml": "[1, 2]\n",
    "group_list.yaml": "defaults:\n  - db: a_list\n",
    "include_root_list.yaml": "defaults:\n  - root_list\n",
    "bad_yaml.yaml": "a: [1\n",
    "bad_header.yaml": "# @package a b\nx: 1\n",
    "bad_header_short.yaml": "# @package\nx: 1\n",
    "header_in_group.yaml": "defaults:\n  - db: bad_header\n",
    "list_over_mapping.yaml": "defaults:\n  - db: a\n  - _self_\ndb: [1]\n",
    "cycle.yaml": "defaults:\n  - cycle_b\n",
    "cycle_b.yaml": "defaults:\n  - cycle\n",
    "self_cycle.yaml": "defaults:\n  - self_cycle\n",
    "legacy_interpolation.yaml": "defaults:\n  - db: a\n  - server: ${defaults.0.db}\n",
    "db/a.yaml": "name: a\n",
    "db/b.yaml": "name: b\n",
    "db/mysql.yaml": "name: mysql\n",
    "db/a_list.yaml": "[1, 2]\n",
    "db/bad_header.yaml": "# @package a b c\nx: 1\n",
    "db/with_searchpath.yaml": "# @package _global_\nhydra:\n  searchpath: [file://x]\n",
    "server/s.yaml": "name: s\n",
    "server/a.yaml": "name: a\n",
    "nested/overriding.yaml": "defaults:\n  - override db: b\n",
    "nested/a_deferred.yaml": "defaults:\n  - override /db: b\n",
}

SEARCH = {
    "main/config.yaml": "defaults:\n  - db: mysql\n  - _self_\nhydra:\n  searchpath:\n    - file://$ROOT/extra\n    - file://$ROOT/more\na: 1\n",
    "main/plain.yaml": "defaults:\n  - db: mysql\n",
    "main/interpolated.yaml": "defaults:\n  - db: oracle\nplace: extra\nhydra:\n  searchpath:\n    - file://$ROOT/${place}\n",
    "main/absent.yaml": "defaults:\n  - db: mysql\nhydra:\n  searchpath: [file://$ROOT/not_there]\n",
    "main/db/mysql.yaml": "name: mysql\nfrom: main\n",
    "main/db/shared.yaml": "name: shared\nfrom: main\n",
    "extra/db/oracle.yaml": "name: oracle\nfrom: extra\n",
    "extra/db/shared.yaml": "name: shared\nfrom: extra\n",
    "extra/queue/redis.yaml": "name: redis\n",
    "more/db/oracle.yaml": "name: oracle\nfrom: more\n",
    "more/db/only_more.yaml": "name: only_more\n",
    "more/other.yaml": "defaults:\n  - db: only_more\nother: 1\n",
}

# read by the rules of version_base 1.1
LEGACY = {
    "config.yaml": "defaults:\n  - db: mysql\n  - server: apache\n  - hydra/job_logging: disabled\n  - _self_\nseed: 1\n",
    "named.yaml": "defaults:\n  - db@stores._name_: mysql\n  - server@_name_: apache\n  - db@_group_._name_: sqlite\n  - override db@stores._name_: sqlite\n",
    "named_group.yaml": "defaults:\n  - db@stores._name_: mysql\n  - nested/inner@x._group_: one\n",
    "optional.yaml": "defaults:\n  - db: oracle\n    optional: true\n  - optional server: none\n  - server@b: apache\n    optional: false\n",
    "optional_absent.yaml": "defaults:\n  - db: oracle\n    optional: false\n",
    "hydra_early.yaml": "defaults:\n  - hydra/help: default\n  - hydra/job_logging: stdout\n  - db: mysql\n",
    "interpolation.yaml": "defaults:\n  - db: mysql\n  - server: apache\n  - combo: ${defaults.0.db}_${defaults.1.server}\n",
    "headers.yaml": "defaults:\n  - headers: group\n  - headers@moved: name\n  - headers/both\n",
    "headers/group.yaml": "# @package _group_\nvalue: group\n",
    "headers/name.yaml": "# @package _group_._name_\nvalue: name\n",
    "headers/both.yaml": "# @package x._group_._name_\nvalue: both\n",
    "nested/inner/one.yaml": "# @package _name_\none: 1\n",
    "nested/two.yaml": "defaults:\n  - inner: one\n  - inner@_name_: one\ntwo: 2\n",
    "combo/mysql_apache.yaml": "both: true\n",
    "db/mysql.yaml": "# @package _group_\nname: mysql\n",
    "db/sqlite.yaml": "# @package _group_\nname: sqlite\n",
    "server/apache.yaml": "name: apache\n",
}

TREES = {"vision": VISION, "servers": SERVERS, "broken": BROKEN, "search": SEARCH, "legacy": LEGACY}
