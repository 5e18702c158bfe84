// Single mistakes to plant into a project whose composed config is valid, made of tables of places and of what is wrong.

/** The files of a project whose config composes and checks without a problem. */
export const validFiles: Readonly<Record<string, string>> = {
  "package.json": "{}",
  "pretrained_models/tiny/config.json": "{}",
  "use_cases/demo/Datasets/train.csv": "text,label\na,b\nc,d\n",
  "use_cases/demo/Datasets/test.csv": "text,label\na,b\n",
  "use_cases/demo/Datasets/empty.csv": "",
  "conf/config.yaml": `defaults:
  - model: tiny
  - dataset: demo
  - optimizer: adamw
  - scheduler: linear
  - trainer: short
  - callbacks: default
  - tracking: default
  - _self_

seed: 3
experiment:
  name: \${model.name}_\${dataset.name}
champion:
  metric: f1
  min_delta: 0.0
`,
  "conf/model/tiny.yaml": "name: tiny\nbase_model: tiny\n",
  "conf/model/net.yaml": "name: net\nhidden: 4\n",
  "conf/dataset/demo.yaml":
    "name: demo\ntrain: Datasets/train.csv\ntest: Datasets/test.csv\ntext_column: text\nmax_length: 16\nbatch_size: 8\n",
  "conf/dataset/points.yaml": "name: points\nbatch_size: 4\n",
  "conf/optimizer/adamw.yaml": "name: adamw\nlr: 5e-5\nweight_decay: 0.01\n",
  "conf/optimizer/sgd.yaml": "name: sgd\nlr: 0.01\nmomentum: 0.9\n",
  "conf/scheduler/linear.yaml": "name: linear\nwarmup_ratio: 0.1\n",
  "conf/trainer/short.yaml": "max_epochs: 2\nprecision: bf16-mixed\ngradient_clip_val: 1.0\n",
  "conf/callbacks/default.yaml":
    "early_stopping:\n  monitor: val_f1\n  mode: max\n  patience: 2\nlr_monitor: {}\n",
  "conf/callbacks/none.yaml": "",
  "conf/tracking/default.yaml": "backend: mlflow\n",
  "conf/experiment/big.yaml": "# @package _global_\ndefaults:\n  - override /optimizer: sgd\n\nseed: 9\n",
};

/** Is one mistake, and how it must be told. */
export interface Planted {
  /** Words of the command line. */
  words: readonly string[];
  /** Files that are written over the valid ones. */
  files: Readonly<Record<string, string | Buffer>>;
  /** What the message begins with: FILE:LINE:COLUMN, the override, or the override within \`override "..."\`. */
  place: string;
  /** What the message must hold beside its place. */
  says: string;
}

/** Sections with a setting of each, the file that writes it with line and column, and how an override would. */
interface Setting {
  path: string;
  file: string;
  /** The line as it is. */
  line: string;
}

const settings: readonly Setting[] = [
  { path: "model.base_model", file: "conf/model/tiny.yaml", line: "base_model: tiny" },
  { path: "dataset.train", file: "conf/dataset/demo.yaml", line: "train: Datasets/train.csv" },
  { path: "dataset.text_column", file: "conf/dataset/demo.yaml", line: "text_column: text" },
  { path: "dataset.max_length", file: "conf/dataset/demo.yaml", line: "max_length: 16" },
  { path: "dataset.batch_size", file: "conf/dataset/demo.yaml", line: "batch_size: 8" },
  { path: "optimizer.lr", file: "conf/optimizer/adamw.yaml", line: "lr: 5e-5" },
  { path: "optimizer.weight_decay", file: "conf/optimizer/adamw.yaml", line: "weight_decay: 0.01" },
  { path: "scheduler.warmup_ratio", file: "conf/scheduler/linear.yaml", line: "warmup_ratio: 0.1" },
  { path: "trainer.max_epochs", file: "conf/trainer/short.yaml", line: "max_epochs: 2" },
  { path: "trainer.precision", file: "conf/trainer/short.yaml", line: "precision: bf16-mixed" },
  { path: "trainer.gradient_clip_val", file: "conf/trainer/short.yaml", line: "gradient_clip_val: 1.0" },
  {
    path: "callbacks.early_stopping.monitor",
    file: "conf/callbacks/default.yaml",
    line: "  monitor: val_f1",
  },
  { path: "callbacks.early_stopping.mode", file: "conf/callbacks/default.yaml", line: "  mode: max" },
  { path: "callbacks.early_stopping.patience", file: "conf/callbacks/default.yaml", line: "  patience: 2" },
  { path: "tracking.backend", file: "conf/tracking/default.yaml", line: "backend: mlflow" },
  { path: "seed", file: "conf/config.yaml", line: "seed: 3" },
  { path: "champion.metric", file: "conf/config.yaml", line: "  metric: f1" },
  { path: "champion.min_delta", file: "conf/config.yaml", line: "  min_delta: 0.0" },
];

/** What no such setting may be, by what is said of it. */
const wrongValues: Readonly<Record<string, readonly [value: string, says: string][]>> = {
  "model.base_model": [
    ["[tiny]", "expected a folder or a model id, got"],
    ["/no/such/folder", 'there is no folder "/no/such/folder"'],
    ["3", "expected a folder or a model id, got 3"],
  ],
  "dataset.train": [
    ["Datasets/absent.csv", 'the file "Datasets/absent.csv" does not exist'],
    ["Datasets/empty.csv", "the file is empty"],
    ["Datasets", "a data file ends in .csv"],
    ["4", "expected the path of a data file, got 4"],
  ],
  "dataset.text_column": [
    ["txt", 'has no column "txt". Did you mean "text"?'],
    ["[text]", "expected the name of a column"],
  ],
  "dataset.max_length": [
    ["2", "expected an integer of at least 3, got 2"],
    ["long", 'got "long"'],
    ["1.5", "got 1.5"],
  ],
  "dataset.batch_size": [
    ["0", "expected an integer of at least 1, got 0"],
    ["-8", "got -8"],
    ["auto", 'got "auto"'],
    ["{a: 1}", "got {a: 1}"],
  ],
  "optimizer.lr": [
    ["0", "expected a number above 0, got 0"],
    ["fast", 'got "fast"'],
    ["-1e-3", "got -0.001"],
    ["true", "got true"],
    [".nan", "got NaN"],
    ["'1e-3'", 'got "1e-3"'],
  ],
  "optimizer.weight_decay": [
    ["-0.1", "expected a number of at least 0, got -0.1"],
    ["none", 'got "none"'],
  ],
  "scheduler.warmup_ratio": [
    ["6", "expected a number from 0 to 1, got 6"],
    ["10%", 'got "10%"'],
  ],
  "trainer.max_epochs": [
    ["2.5", "expected an integer of at least -1, got 2.5"],
    ["0", "training would take no step"],
    ["-1", "training would never end"],
    ["-2", "got -2"],
    ["many", 'got "many"'],
  ],
  "trainer.precision": [
    ["16-mixed", "half precision (float16) is not for processors"],
    ["fp16", "expected one of 32-true, bf16-mixed"],
    ["bf16-mxied", 'expected one of 32-true, bf16-mixed, bf16-true, 64-true, got "bf16-mxied"'],
  ],
  "trainer.gradient_clip_val": [
    ["-1", "expected a number of at least 0, got -1"],
    ["norm", 'got "norm"'],
  ],
  "callbacks.early_stopping.monitor": [
    ["val_f2", 'nothing logs "val_f2" during training. Did you mean "val_f1"?'],
    ["f1", 'Did you mean "val_f1"?'],
    ["val_acc", 'Did you mean "val_accuracy"?'],
    ["test_f1", "is logged only after training"],
    ["train_f1", 'nothing logs "train_f1"'],
    ["[val_f1]", "expected the name of a metric"],
  ],
  "callbacks.early_stopping.mode": [
    ["up", "expected one of min, max"],
    ["maximum", "expected one of min, max"],
  ],
  "callbacks.early_stopping.patience": [
    ["-1", "expected an integer of at least 0, got -1"],
    ["two", 'got "two"'],
  ],
  "tracking.backend": [
    ["mlflo", 'Did you mean "mlflow"?'],
    ["redis", "expected one of mlflow, sqlite"],
    ["mongodb", "it must fit mlops.tracking.uri"],
  ],
  seed: [
    ["-1", "expected an integer from 0 to 4294967295, got -1"],
    ["4294967296", "got 4294967296"],
    ["1.5", "got 1.5"],
    ["x", 'got "x"'],
  ],
  "champion.metric": [
    ["val_f1", 'Write "f1", which is measured on the test set.'],
    ["f2", 'nothing logs "f2". Did you mean "f1"?'],
    ["acuracy", 'Did you mean "accuracy"?'],
  ],
  "champion.min_delta": [["-0.1", "expected a number of at least 0, got -0.1"]],
};

/** Broken interpolations, which are so wherever they stand. */
const brokenInterpolations: readonly [text: string, says: string][] = [
  ["${nowhere}", 'leads nowhere: the config has no "nowhere"'],
  ["${model.nam}", 'model has no "nam". Did you mean "name"?'],
  ["${oc.evn:HOME}", 'calls the resolver "oc.evn", which is not registered. Did you mean "oc.env"?'],
];

/** Misspelt keys with the one that is meant. */
const misspeltKeys: readonly [path: string, key: string, meant: string][] = [
  ["model", "dropuot", "dropout"],
  ["model", "freze", "freeze"],
  ["dataset", "batchsize", "batch_size"],
  ["dataset", "shufle", "shuffle"],
  ["dataset", "validation_ration", "validation_ratio"],
  ["dataset", "label_colum", "label_column"],
  ["optimizer", "weigth_decay", "weight_decay"],
  ["optimizer", "beta", "betas"],
  ["optimizer", "no_deacy", "no_decay"],
  ["scheduler", "warmup_step", "warmup_steps"],
  ["trainer", "max_epoch", "max_epochs"],
  ["trainer", "max_setps", "max_steps"],
  ["trainer", "val_check_intervall", "val_check_interval"],
  ["trainer", "acumulate_grad_batches", "accumulate_grad_batches"],
  ["trainer", "determinstic", "deterministic"],
  ["callbacks.early_stopping", "patienc", "patience"],
  ["callbacks.early_stopping", "mindelta", "min_delta"],
  ["callbacks.lr_monitor", "loging_interval", "logging_interval"],
  ["champion", "mod", "mode"],
  ["champion", "metrics", "metric"],
  ["tracking", "url", "uri"],
];

const topKeys: readonly [key: string, meant: string][] = [
  ["sed", "seed"],
  ["optimiser", "optimizer"],
  ["trianer", "trainer"],
  ["callback", "callbacks"],
  ["champoin", "champion"],
  ["mlop", "mlops"],
  ["datasets", "dataset"],
  ["loger", "loggers"],
];

/** Keys of other trainers, and where they stand here. */
const foreignKeys: readonly [key: string, place: string][] = [
  ["learning_rate", "optimizer.lr"],
  ["num_train_epochs", "trainer.max_epochs"],
  ["per_device_train_batch_size", "dataset.batch_size"],
  ["gradient_accumulation_steps", "trainer.accumulate_grad_batches"],
  ["max_grad_norm", "trainer.gradient_clip_val"],
  ["model_name_or_path", "base_model"],
];

/** Components that do not exist, or not yet, by the section that names them. */
const unknownComponents: readonly [section: string, name: string, says: string][] = [
  ["optimizer", "adamm", 'unknown optimizer "adamm". Did you mean "adam"?'],
  ["optimizer", "sdg", 'unknown optimizer "sdg". Did you mean "sgd"?'],
  ["optimizer", "muon", 'the optimizer "muon" is not available yet'],
  ["scheduler", "linaer", 'unknown scheduler "linaer". Did you mean "linear"?'],
  ["scheduler", "cosin", 'unknown scheduler "cosin". Did you mean "cosine"?'],
  ["scheduler", "sequential_lr", "is not available yet"],
];

/** Options that users of the peers know and that are refused, each with its reason. */
const refused: readonly [setting: string, says: string][] = [
  ["trainer.strategy=ddp", "training runs in one process"],
  ["trainer.devices=2", "expected 1 or auto, got 2"],
  ["trainer.devices=0", "expected 1 or auto, got 0"],
  ["trainer.num_nodes=2", "training runs in one process"],
  ["trainer.accelerator=gpu", "training runs on the processor"],
  ["trainer.logger=true", 'loggers stand in the section "loggers"'],
  ["trainer.default_root_dir=x", "outputs stand under the project"],
  ["distributed.enabled=true", "training in several processes is not available yet"],
  ["distributed.devices=0", "expected an integer of at least 1, or auto"],
  ["dataset.num_workers=4", "batches are always prepared on other threads"],
  ["optimizer.maximize=true", "a loss is always minimised here"],
  ["callbacks.early_stopping.verbose=true", "what a callback does is always logged"],
  ["retrain={below:0.5,window:7}", "known, but not used here"],
  ["tune={sampler:cmaes,space:{seed:{type:int,low:1,high:2}}}", "it is not available yet"],
];

/** Settings that contradict others, as overrides; the last word is the one that is told of. */
const contradictions: readonly [words: readonly string[], says: string][] = [
  [["+trainer.min_epochs=5"], "must be at most max_epochs (2), got 5"],
  [["+trainer.max_steps=10", "+trainer.min_steps=20"], "must be at most max_steps (10), got 20"],
  [
    ["scheduler.warmup_ratio=null", "+trainer.max_steps=10", "+scheduler.warmup_steps=50"],
    "longer than training",
  ],
  [["+callbacks.model_checkpoint.save_top_k=3"], "keeping the best 3 needs a metric"],
  [
    ["+callbacks.model_checkpoint={every_n_epochs:1,every_n_train_steps:5}"],
    "every_n_epochs is set too. Delete one of the two.",
  ],
  [["+trainer.overfit_batches=1.0"], "a share must be below 1, got 1.0"],
  [["+dataset.label_column=text"], "text and label must be two columns"],
  [["+dataset.text_pair_column=text"], "must be a column of its own"],
  [["optimizer=sgd", "optimizer.momentum=0", "+optimizer.nesterov=true"], "needs momentum above 0"],
  [["+tracking.uri=ftp://x"], "it must be sqlite:///path"],
  [["+tracking.uri=sqlite:///use_cases"], "the store must be a file, got the folder"],
  [["+register=a/b"], "a model's name must not hold"],
  [["experiment.name=" + "x".repeat(250)], "must fit into 240 bytes"],
  [["+callbacks.x=val_loss"], '"val_loss" is a metric, not a callback'],
  [["callbacks.lr_monitor=true"], "expected a name, or a mapping of options, got true"],
  [["+callbacks.x.name=lr_monitro"], 'unknown callback "lr_monitro". Did you mean "lr_monitor"?'],
  [["+callbacks.early_stoping.patience=2"], 'Did you mean "early_stopping"?'],
  [["+callbacks.x._target_=lightning.pytorch.callbacks.EarlyStoping"], "no callback is known as"],
  [["+callbacks.x.class_path=evil.Callback"], "no callback is known as"],
  [["+loggers.tensorboard={}"], 'the logger "tensorboard" is not available yet'],
  [["+tune={}"], "nothing to search"],
  [["+tune={pruner:medain,space:{seed:{type:int,low:1,high:2}}}"], 'Did you mean "median"?'],
  [["+tune={metric:val_x,space:{seed:{type:int,low:1,high:2}}}"], 'nothing logs "val_x"'],
  [["+tune={space:{optimizer.l:{type:float,low:1e-5,high:1e-4}}}"], 'Did you mean "optimizer.lr"?'],
  [["+tune={space:{optimizer.lr:{type:float,low:1,high:0.1}}}"], "must be at least low (1)"],
  [["+tune={space:{optimizer.lr:{type:real,low:1,high:2}}}"], "expected one of float, int, categorical"],
  [["+tune={space:{dataset.batch_size:{type:categorical,choices:[8,big]}}}"], 'got "big"'],
  [["+retrain={metric:f3,below:0.5}"], 'nothing logs "f3"'],
  [["+retrain={metric:f1}"], "must be set: expected a number"],
  [["+experiment.nme=x"], 'unknown key. Did you mean "name"?'],
];

/** Command lines that cannot be read or applied; messages begin with the override that is at fault. */
const overrides: readonly [words: readonly string[], says: string][] = [
  [["optimizer.lrr=1"], 'there is no optimizer.lrr to set. Did you mean "lr"?'],
  [["optimzer=adamw"], 'there is no optimzer to set. Did you mean "optimizer"?'],
  [["+optimizer.lr=1"], "optimizer.lr is there already, as 0.00005"],
  [["~optimzer"], 'there is no optimzer to delete. Did you mean "optimizer"?'],
  [["~optimizer.lrr"], 'Did you mean "lr"?'],
  [["~seed=4"], "the value of seed is 3, not 4"],
  [["optimizer"], "a value must follow the key"],
  [["=3"], "a key such as trainer.max_epochs must stand before"],
  [["a..b=3"], "a key such as trainer.max_epochs must stand before"],
  [["optimizer.lr=[1,2"], 'Close it with "]"'],
  [["optimizer.lr={a:1"], 'Close it with "}"'],
  [["optimizer.lr='abc"], "has no closing '"],
  [["seed=${"], "has no closing }"],
  [["optimizer.lr=1e-3,1e-4"], "several values are a sweep, which needs --multirun"],
  [["optimizer.lr=chioce(1,2)"], 'Did you mean "choice"?'],
  [["optimizer.lr=int(x)"], "int"],
  [["seed.x=3"], 'which has no "x"'],
  [["trainer=[1"], 'Close it with "]"'],
  [["optimizer=adam_w"], 'there is no config "adam_w" in the group "optimizer". Did you mean "adamw"?'],
  [["model=tinny"], 'Did you mean "tiny"?'],
  [["+experiment=bgi"], 'Did you mean "big"?'],
  [["experiment=big"], "is not in the defaults list, so it cannot be overridden"],
  [["optimizer=3"], "is a config group, so its option is a text"],
  [["optimizer=null"], "is a config group, so its option is a text"],
  [["++optimizer=adamw"], "a choice cannot be forced"],
  [["optimizer@x=adamw"], 'Did you mean "optimizer"?'],
  [["optimizer=../model/tiny"], "a path stays inside the search path"],
  [["hydra.run.dirr=x"], 'Did you mean "dir"?'],
  [["hydra.job.num=x"], 'must be a whole number, got "x"'],
  [["hydra/launcher=joblib"], 'there is no config "joblib" in the group "hydra/launcher"'],
  [["hydra.searchpath=[ftp://x]"], "begins with file:// or pkg://"],
  [["hydra.searchpath=3"], "must be a list of places"],
  [["-m", "optimizer.lr=range(1,"], "a value must stand there"],
  [["-m", "hydra.sweep.dir=a,b"], "is the same for all jobs of a sweep"],
];

/** Jobs of a sweep that are wrong: the other words are those of the sweep, the place is that of the job. */
const sweeps: readonly [words: readonly string[], place: string, says: string][] = [
  [["-m", "optimizer.lr=1e-3,-1"], "optimizer.lr=-1", "expected a number above 0, got -1"],
  [["-m", "seed=1,2,x"], "seed=x", 'got "x"'],
  [["-m", "model=tiny,nett"], "model=nett", 'Did you mean "net"?'],
  [["-m", "trainer.max_epochs=range(0,3)"], "trainer.max_epochs=0", "training would take no step"],
  [["-m", "dataset.batch_size=8,16", "+champion.mod=max"], "+champion.mod=max", 'Did you mean "mode"?'],
  [
    ["-m", "callbacks.early_stopping.monitor=val_f1,val_f2"],
    "callbacks.early_stopping.monitor=val_f2",
    "nothing logs",
  ],
  [
    ["-m", "hydra.sweeper._target_=evil.Sweeper", "seed=1,2"],
    "hydra.sweeper._target_=evil.Sweeper",
    "cannot run jobs here",
  ],
  [["-m", "+experiment=big,bgi"], "+experiment=bgi", 'Did you mean "big"?'],
];

/** Replacements in conf/config.yaml. */
const inMain: readonly [from: string, to: string, place: string, says: string][] = [
  [
    "model: tiny",
    "model: tinny",
    "2:5",
    'there is no config "tinny" in the group "model". Did you mean "tiny"?',
  ],
  ["model: tiny", "modle: tiny", "2:5", 'there is no group "modle"'],
  ["model: tiny", "model: ???", "2:5", 'an option of "model" must be chosen: model=OPTION'],
  ["model: tiny", "model: [tiny, nope]", "2:5", 'there is no config "nope"'],
  ["model: tiny", "model: 3", "2:12", "an option is a text"],
  ["model: tiny", "model: {a: 1}", "2:12", "an option is a text"],
  ["model: tiny", "model: ../secret", "2:12", "a path stays inside the search path"],
  ["model: tiny", "model@a:b: tiny", "2:5", "renames a package"],
  ["model: tiny", "overide model: tiny", "2:5", 'got "overide" before "model"'],
  ["model: tiny", "override model: tiny", "3:5", '"override" items stand at the end'],
  ["- model: tiny", "- model: tiny\n  - model: net", "3:5", '"model" is chosen already, as "tiny"'],
  ["- model: tiny", "- model: tiny\n    dataset: x", "3:5", "an item of defaults has one key, got 2"],
  ["- model: tiny", "- 3", "2:5", "an item of defaults is a config"],
  ["- model: tiny", "- model: ${nope}", "2:5", "cannot be resolved"],
  ["- _self_", "- _self_\n  - _self_", "10:5", "a second time"],
  ["- _self_", "- _slef_", "9:5", 'there is no config "_slef_"'],
  ["- _self_", "- _self_@x", "9:5", "has no package of its own"],
  ["- _self_", "- _self_\n  - override /modle: net", "10:5", 'Did you mean "model"?'],
  ["- _self_", "- _self_\n  - override hydra/launcher: joblib", "10:5", 'no config "joblib"'],
  ["defaults:", "default:", "1:1", "unknown key. Valid"],
  ["defaults:", "defaults: tiny\nx:", "1:1", "defaults must be a list of configs"],
  ["seed: 3", "seed: 3\nseed: 4", "12:1", "the key stands here a second time (first in line 11)"],
  ["seed: 3", "seed: [1", "11:7", "the bracket that opens there is not closed"],
  ["seed: 3", "\tseed: 3", "11:1", "YAML is indented with spaces, got a tab"],
  ["seed: 3", "seed: 3\n  x: 1", "11:7", "correct the indentation"],
  ["seed: 3", "seed: a: b", "11:7", "cannot follow in one line"],
  ["seed: 3", "seed 3", "11:1", "Write KEY: VALUE"],
  ["seed: 3", "seed: 'x", "11:7", "has no closing quote"],
  ["seed: 3", "seed: }", "11:7", "unexpected flow-map-end token"],
  ["seed: 3", "seed: *a", "11:7", "the alias *a has no anchor"],
  ["seed: 3", "seed: !!python/object 3", "11:7", "unknown tag"],
  ["seed: 3", "seed: !!int x", "11:13", '"x" is no int of YAML'],
  ["seed: 3", "seed: @x", "11:7", "reserved character @"],
  ["seed: 3", "seed: &a [*a]", "11:11", "levels of nesting"],
  ["seed: 3", "__proto__: 3", "11:1", "is reserved"],
  ["seed: 3", "constructor: 3", "11:1", "is reserved"],
  ["seed: 3", "seed: 3\n---\nx: 1", "12:1", "holds one document"],
  ["seed: 3", "? [a]\n: 3", "11:3", "a key must be a word or a number"],
  ["seed: 3", "<<: 3", "11:1", '"<<" merges mappings'],
  ["seed: 3", "s\u0435ed: 3", "11:1", '"\u0435" (U+0435), which is no Latin letter. Did you mean "seed"?'],
  ["name: ${model.name}_${dataset.name}", "name: ${model.nam}", "13:9", 'Did you mean "name"?'],
  ["name: ${model.name}_${dataset.name}", "name: ${model.name", "13:9", "the interpolation cannot be read"],
  ["name: ${model.name}_${dataset.name}", "name: ${experiment.name}", "13:9", "lead in a circle"],
  ["name: ${model.name}_${dataset.name}", "name: ${...model.name}", "13:9", "climbs above the root"],
  ["name: ${model.name}_${dataset.name}", "name: ${model}", "13:9", "expected a string, got {"],
  ["name: ${model.name}_${dataset.name}", "name: ${oc.env:SCONCE_NOT_SET}", "13:9", "the environment has no"],
  ["name: ${model.name}_${dataset.name}", "name: ???", "13:9", "must be set"],
  ["name: ${model.name}_${dataset.name}", "nme: x", "13:3", 'Did you mean "name"?'],
];

/** Whole files, with the words that choose them. */
const wholeFiles: readonly [
  file: string,
  text: string | Buffer,
  words: readonly string[],
  place: string,
  says: string,
][] = [
  ["conf/trainer/short.yaml", "# @package trainer.x\nmax_epochs: 2\n", [], "1:1", "unknown key"],
  ["conf/trainer/short.yaml", "# @package\nmax_epochs: 2\n", [], "1:1", '"# @package NAME"'],
  ["conf/trainer/short.yaml", "# @package a b\nmax_epochs: 2\n", [], "1:1", '"# @package NAME"'],
  ["conf/trainer/short.yaml", "# @pakage trainer\nmax_epochs: 2\n", [], "1:1", 'Did you mean "@package"?'],
  ["conf/trainer/short.yaml", "# @package: trainer\nmax_epochs: 2\n", [], "1:1", 'Did you mean "@package"?'],
  ["conf/trainer/short.yaml", "# @package a..b\nmax_epochs: 2\n", [], "1:1", "holds an empty key"],
  ["conf/trainer/short.yaml", "# @package __proto__\nmax_epochs: 2\n", [], "1:1", "reserved key"],
  ["conf/trainer/short.yaml", "# @package ../x\nmax_epochs: 2\n", [], "1:1", "holds an empty key"],
  ["conf/trainer/short.yaml", "- 1\n", [], "1:1", "expected a mapping, got [1]"],
  ["conf/trainer/short.yaml", "3\n", [], "1:1", "a config is a mapping of keys to values, got 3"],
  ["conf/trainer/short.yaml", "trainer:\n  max_epochs: 3\n", [], "1:1", 'Write it as "trainer"'],
  [
    "conf/trainer/short.yaml",
    "defaults: [nope]\n",
    [],
    "1:12",
    'there is no config "nope" in the group "trainer"',
  ],
  ["conf/trainer/short.yaml", "defaults: [/nope/x]\n", [], "1:12", 'there is no group "nope"'],
  ["conf/trainer/short.yaml", "defaults:\n  - /optimizer: nope\n", [], "2:5", 'there is no config "nope"'],
  [
    "conf/trainer/short.yaml",
    "defaults:\n  - override /optimizr: sgd\n",
    [],
    "2:5",
    'Did you mean "optimizer"?',
  ],
  ["conf/trainer/short.yaml", "defaults:\n  - short\n", [], "2:5", "trainer/short -> trainer/short"],
  ["conf/trainer/short.yaml", "defaults: 3\n", [], "1:1", "defaults must be a list of configs"],
  [
    "conf/trainer/short.yaml",
    "# @package _global_\nhydra:\n  searchpath: [x]\n",
    [],
    "3:15",
    "in the primary config",
  ],
  ["conf/trainer/short.yaml", "max_time: 1:00:00:00\n", [], "1:11", "in quotes, got 216000"],
  [
    "conf/experiment/big.yaml",
    "# @package _global_\ndefaults:\n  - override /optimizer: sdg\n",
    ["+experiment=big"],
    "3:5",
    'Did you mean "sgd"?',
  ],
  [
    "conf/experiment/big.yaml",
    "# @package _global_\ndefaults:\n  - override optimizer: sgd\n",
    ["+experiment=big"],
    "3:5",
    'begins with "/": override /optimizer',
  ],
  [
    "conf/experiment/big.yaml",
    "# @package _global_\ndefaults:\n  - /optimizer: sgd\n",
    ["+experiment=big"],
    "3:5",
    'Write "override optimizer: sgd"',
  ],
  ["conf/experiment/big.yaml", "# @package _global\nseed: 3\n", ["+experiment=big"], "1:1", "unknown key"],
  ["conf/experiment/big.yaml", "seed: 3\n", ["+experiment=big"], "1:1", "unknown key. Valid: name"],
  [
    "conf/experiment/big.yaml",
    "# @package _global_\noptimizer: {momentum: 0.9}\n",
    ["+experiment=big"],
    "2:13",
    "unknown key",
  ],
  [
    "conf/experiment/big.yaml",
    "# @package _global_\ntrainer: [1]\n",
    ["+experiment=big"],
    "2:10",
    "a list cannot be merged over a mapping",
  ],
  [
    "conf/trainer/latin.yaml",
    Buffer.from([0x61, 0x3a, 0x20, 0xff]),
    ["trainer=latin"],
    "1:1",
    "the text must be UTF-8",
  ],
  ["conf/trainer/big.yaml", `a: ${"x".repeat(1 << 20)}`, ["trainer=big"], "", "has at most 1048576 bytes"],
  [
    "conf/trainer/deep.yaml",
    `a: ${"[".repeat(100)}${"]".repeat(100)}`,
    ["trainer=deep"],
    "1:68",
    "levels of nesting",
  ],
];

/** Mistakes in the training of a registered model, which are found before its plugin is loaded. */
const ofModules: readonly [words: readonly string[], place: string, says: string][] = [
  [["trainer.max_epochs=0"], "trainer.max_epochs=0", "training would take no step"],
  [["+trainer.min_epochs=9"], "+trainer.min_epochs=9", "must be at most max_epochs (2)"],
  [["+trainer.devices=4"], "+trainer.devices=4", "expected 1 or auto, got 4"],
  [["~optimizer"], "conf/scheduler/linear.yaml:1:1", "and there is none"],
  [["optimizer.lr=-1"], "optimizer.lr=-1", "expected a number above 0"],
  [["+scheduler.cycles=2"], "+scheduler.cycles=2", "unknown key"],
  [
    ["+callbacks.early_stopping.monitor=test_loss"],
    "+callbacks.early_stopping.monitor=test_loss",
    "is logged only after training",
  ],
  [
    ["+callbacks.early_stopping={}", "+trainer.limit_val_batches=0"],
    "+callbacks.early_stopping={}",
    "trainer.limit_val_batches is 0",
  ],
  [
    ["+callbacks.model_checkpoint.save_top_k=2"],
    "+callbacks.model_checkpoint.save_top_k=2",
    "needs a metric",
  ],
  [["+mlops.tracking.uri=ftp://x"], "+mlops.tracking.uri=ftp://x", "it must be sqlite:///path"],
  [["model.name=3"], "model.name=3", "expected the name of a model, got 3"],
  [["dataset.name=???"], "dataset.name=???", "must be set"],
  [["+plugins=plugins/a.ts"], "+plugins=plugins/a.ts", "expected a list of files and packages"],
  [["+loss.label_smoothing=0.1"], "+loss.label_smoothing=0.1", "unknown key"],
  [["+registr=x"], "+registr=x", "unknown key"],
  [["experiment.name=" + "y".repeat(250)], "experiment.name=" + "y".repeat(250), "must fit into 240 bytes"],
];

/** Lists all mistakes. */
export function plantedMistakes(): Planted[] {
  return [
    ...settings.flatMap(inSetting),
    ...misspeltKeys.flatMap(([path, key, meant]) => misspelt(path, key, meant)),
    ...topKeys.map(([key, meant]) =>
      inFile("conf/config.yaml", "seed: 3", `${key}: 3`, "11:1", `unknown key. Did you mean "${meant}"?`),
    ),
    ...foreignKeys.map(([key, place]) => byOverride([`+${key}=1`], `unknown key. Write it as "${place}".`)),
    ...unknownComponents.map(([section, name, says]) => byOverride([`${section}.name=${name}`], says)),
    ...refused.map(([setting, says]) => byOverride([`+${setting}`], says)),
    ...contradictions.map(([words, says]) => byOverride(words, says)),
    ...overrides.map(([words, says]) => byOverride(words, says)),
    ...sweeps.map(([words, place, says]) => ({ words, files: {}, place, says })),
    ...inMain.map(([from, to, place, says]) => inFile("conf/config.yaml", from, to, place, says)),
    ...wholeFiles.map(([file, text, words, at, says]) => ({
      words,
      files: { [file]: text },
      place: at === "" ? file : `${file}:${at}`,
      says,
    })),
    ...ofModules.map(([words, place, says]) => ({
      words: ["model=net", "dataset=points", "callbacks=none", "~champion", ...words],
      files: {},
      place,
      says,
    })),
  ];
}

/** Plants wrong values and broken interpolations into the file of a setting, each also as an override. */
function inSetting({ path, file, line }: Setting): Planted[] {
  const text = validFiles[file]!;
  const row = text.split("\n").indexOf(line) + 1;
  const [key] = /^ *[\w]+: /u.exec(line)!;
  const at = `${row}:${key.length + 1}`;
  const wrong = [
    ...wrongValues[path]!,
    ...(row % 2 === 1 ? brokenInterpolations : brokenInterpolations.slice(0, 1)),
  ];
  return [
    ...wrong.map(([value, says]) => inFile(file, line, `${key}${value}`, at, says)),
    inFile(file, line, `${key}???`, at, "must be set"),
    ...wrong.slice(0, 1).map(([value, says]) => byOverride([`${path}=${value}`], says)),
  ];
}

/** Plants a misspelt key by an override, as its first setting stands in a file that may end anywhere. */
function misspelt(path: string, key: string, meant: string): Planted[] {
  return [byOverride([`+${path}.${key}=1`], `unknown key. Did you mean "${meant}"?`)];
}

function byOverride(words: readonly string[], says: string): Planted {
  return { words, files: {}, place: words.at(-1)!, says };
}

function inFile(file: string, from: string, to: string, at: string, says: string): Planted {
  const text = validFiles[file]!;
  return { words: [], files: { [file]: text.replace(from, () => to) }, place: `${file}:${at}`, says };
}
