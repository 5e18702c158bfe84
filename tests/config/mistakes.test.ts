// One mistake in a valid config: it is found, alone, at its place, with the way out.
import { mkdirSync, mkdtempSync, realpathSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { checkUseCase } from "sconce/config";

const root = realpathSync(mkdtempSync(join(tmpdir(), "sconce-mistakes-")));
const useCase = join(root, "use_cases", "x");
const datasets = join(useCase, "Datasets");
for (const folder of ["Configurations", "Datasets/folder.csv"])
  mkdirSync(join(useCase, folder), { recursive: true });
mkdirSync(join(root, "pretrained_models", "broken"), { recursive: true });
for (const [name, content] of Object.entries({
  "train.csv": "text,label\na,b\n",
  "test.csv": "text,label\na,b\n",
  "empty.csv": "",
  "header.csv": "text,label\n",
  "semi.csv": "text;label\nb;c\n",
  "rows.jsonl": '{"body":"x","y":1}\n',
  "latin.csv": Buffer.from([0xff, 0xfe, 0x61]),
  "zip.csv": "PK\u0003\u0004",
  "data.parquet": "PAR1",
})) {
  writeFileSync(join(datasets, name), content);
}

/** The text stands under a valid `dataset` in line 1, unless it begins with its own. */
// prettier-ignore
const mistakes: [text: string, issues: string[]][] = [
  ["trainer: {max_epoch: 3}", ['2:11 unknown_key trainer.max_epoch: unknown key. Did you mean "max_epochs"? Valid: ...']],
  ["optimiser: {name: adamw}", ['2:1 unknown_key optimiser: unknown key. Did you mean "optimizer"? Valid: ...']],
  ["optimizer: {name: adamw, learning_rate: 1.0e-5}", ['2:26 unknown_key optimizer.learning_rate: unknown key. Write it as "optimizer.lr".']],
  ["optimizer: {name: adamx}", ['2:19 value optimizer.name: unknown optimizer "adamx". Did you mean "adam"? Valid: ...']],
  ["optimizer: {name: muon}", ['2:19 value optimizer.name: the optimizer "muon" is not available yet. Available: ...']],
  ["optimizer: {lr: 1.0e-5}", ['2:12 missing optimizer: which optimizer is not said. Add "name", one of adadelta, adafactor, adafactor_torch, adagrad, adam, adamax, adamw, asgd, lamb, lion, nadam, radam, rmsprop, rprop, schedule_free_adamw, schedule_free_sgd, sgd.']],
  ["optimizer: {name: schedule_free_adamw}\nscheduler: {name: linear}", ["3:19 value scheduler.name: schedule_free_adamw needs no schedule and must have none, got linear. Set it to constant, and optimizer.warmup_steps where the rate is to rise first."]],
  ["optimizer: 3", ["2:12 type optimizer: expected a name, or a mapping of options, got 3."]],
  ["optimizer: {name: 3}", ["2:19 type optimizer.name: expected the name of the optimizer, got 3."]],
  ["optimizer: {name: adamw, lr: fast}", ['2:30 type optimizer.lr: expected a number above 0, got "fast".']],
  ["optimizer: {name: adamw, lr: 0}", ["2:30 value optimizer.lr: expected a number above 0, got 0."]],
  ["optimizer: {name: adamw, lr: .nan}", ["2:30 type optimizer.lr: expected a number above 0, got NaN."]],
  ["optimizer: {name: adamw, betas: [0.9]}", ["2:33 value optimizer.betas: expected two numbers of at least 0 and below 1, [0.9, 0.999], got [0.9]."]],
  ["optimizer: {name: adamw, betas: [0.9, 1.0]}", ["2:39 value optimizer.betas.1: expected a number of at least 0 and below 1, got 1."]],
  ["optimizer: {name: adamw, momentum: 0.9}", ["2:26 unknown_key optimizer.momentum: unknown key. Valid: ..."]],
  ["optimizer: {name: adamw, maximize: true}", ["2:36 value optimizer.maximize: known, but not used here: a loss is always minimised here. Delete it."]],
  ["optimizer: {name: sgd, nesterov: true}", ["2:34 value optimizer.nesterov: needs momentum above 0 and dampening 0, got 0 and 0."]],
  ["optimizer: {_target_: torch.optim.AdamX}", ['2:23 value optimizer._target_: no optimizer is known as "torch.optim.AdamX"; a config never imports code. Did you mean "AdamW"? Known: ...']],
  ["optimizer: {_target_: os.system, command: ls}", ['2:23 value optimizer._target_: no optimizer is known as "os.system"; a config never imports code. Known: ...']],
  ["optimizer: {class_path: torch.optim.AdamW, init_args: 3}", ["2:55 type optimizer.init_args: expected a mapping of options, got 3."]],
  ["optimizer: {class_path: torch.optim.AdamW, init_args: {lr: 0.1}, lr: 0.2}", ['2:60 value optimizer.init_args.lr: "lr" is set twice for this component. Delete one.']],
  ["optimizer: {module: torch.optim}", ['2:21 missing optimizer.module: "func" must stand beside "module" and name the class.']],
  ["optimizer: {module: torch.optim, func: LBFGS}", ['2:21 value optimizer.module: the optimizer "LBFGS" is not available yet. Available: ...']],
  ["optimizer: {_target_: torch.optim.AdamW, _args_: [1]}", ["2:42 unknown_key optimizer._args_: unknown key. Valid: ..."]],
  ["scheduler: linaer", ['2:12 value scheduler: unknown scheduler "linaer". Did you mean "linear"? Valid: ...']],
  ["scheduler: {name: linear, warmup_ratio: 6}", ["2:41 value scheduler.warmup_ratio: expected a number from 0 to 1, got 6."]],
  ["scheduler: {name: linear, warmup_steps: 0.1}", ["2:41 type scheduler.warmup_steps: expected an integer of at least 0, got 0.1."]],
  ["scheduler: {name: linear, warmup_steps: 5, warmup_ratio: 0.1}", ["2:58 value scheduler.warmup_ratio: warmup_steps is set too. Delete one of the two."]],
  ["scheduler: {name: linear, warmup_steps: 500}\ntrainer: {max_steps: 100}", ["2:41 value scheduler.warmup_steps: warm-up takes 500 steps, longer than training (trainer.max_steps 100). Lower it."]],
  ["scheduler: {name: step_lr}", ["2:12 missing scheduler.step_size: must be set: expected an integer of at least 1."]],
  ["scheduler: {name: cosine_with_min_lr}", ["2:12 value scheduler: exactly one of min_lr and min_lr_rate must be set."]],
  ["scheduler: {name: cosine_with_min_lr, min_lr: 1.0}", ["2:47 value scheduler.min_lr: must be at most optimizer.lr (0.00005), got 1."]],
  ["scheduler: {name: reduce_lr_on_plateau, monitor: val_acc}", ['2:50 value scheduler.monitor: nothing logs "val_acc" during training. Did you mean "val_accuracy"? Logged: ...']],
  ["scheduler: {_target_: transformers.get_linear_schedule_with_warmup, num_training_steps: 5}", ["2:89 value scheduler.num_training_steps: known, but not used here: it follows from the data and the trainer's flags. Delete it."]],
  ["scheduler: {name: multi_step_lr, milestones: 3}", ["2:46 type scheduler.milestones: expected a list of integers, [2, 4], got 3."]],
  ["scheduler: {name: warmup_stable_decay, num_decay_steps: 80, warmup_steps: 30}\ntrainer: {max_steps: 100}", ["2:75 value scheduler.warmup_steps: warm-up and decay take 110 steps, longer than training (trainer.max_steps 100). Lower it."]],
  ["scheduler: {name: sequential_lr}", ['2:19 value scheduler.name: the scheduler "sequential_lr" is not available yet. Available: ...']],
  ["task: ner", ['2:7 value task: "ner" is refused: it is not available yet. Available: text_classification.']],
  ["task: classification", ['2:7 value task: expected one of text_classification, got "classification".']],
  ["seed: -1", ["2:7 value seed: expected an integer from 0 to 4294967295, got -1."]],
  ["seed: 1.5", ["2:7 type seed: expected an integer from 0 to 4294967295, got 1.5."]],
  ['seed: "42"', ['2:7 type seed: expected an integer from 0 to 4294967295, got "42".']],
  ["seed: [1]", ["2:7 type seed: expected an integer from 0 to 4294967295, got [1]."]],
  ["use_case: 7", ["2:11 type use_case: expected a string, got 7."]],
  ['experiment: ""', ['2:13 value experiment: expected a string, got "".']],
  ["base_model: /no/such/folder", ['2:13 file base_model: there is no folder "/no/such/folder", and it is no id of the hub (OWNER/NAME). Check the path.']],
  ["base_model: broken", ["2:13 file base_model: ROOT/pretrained_models/broken holds no config.json. Name a folder that a model was saved to."]],
  ["base_model: a/b/c/d", ['2:13 file base_model: there is no folder "a/b/c/d", and it is no id of the hub (OWNER/NAME). Check the path.']],
  ['base_model: "a b"', ['2:13 file base_model: there is no folder "a b", and it is no id of the hub (OWNER/NAME). Check the path.']],
  ["model: {dropout: 1.0}", ["2:18 value model.dropout: expected a number of at least 0 and below 1, got 1."]],
  ["model: {freeze: head}", ['2:17 value model.freeze: expected one of none, embeddings, encoder, got "head".']],
  ["model: {hidden_size: 12}", ["2:9 unknown_key model.hidden_size: unknown key. Valid: ..."]],
  ["model: bert", ['2:8 type model: expected a mapping, got "bert".']],
  ["loss: {label_smoothing: 1}", ["2:25 value loss.label_smoothing: expected a number of at least 0 and below 1, got 1."]],
  ["learning_rate: 1", ['2:1 unknown_key learning_rate: unknown key. Write it as "optimizer.lr".']],
  ["epochs: 3", ['2:1 unknown_key epochs: unknown key. Write it as "trainer.max_epochs".']],
  ["batch_size: 3", ['2:1 unknown_key batch_size: unknown key. Write it as "dataset.batch_size".']],
  ["text_column: body", ['2:1 unknown_key text_column: unknown key. Write it as "dataset.text_column".']],
  ["trainer: {max_epochs: 0.5}", ["2:23 type trainer.max_epochs: expected an integer of at least -1, got 0.5."]],
  ["trainer: {max_epochs: -1}", ["2:23 value trainer.max_epochs: training would never end. Set max_epochs, max_steps or max_time."]],
  ["trainer: {max_epochs: 0}", ["2:23 value trainer.max_epochs: training would take no step. Set it to 1 or more, or to -1 for no limit."]],
  ["trainer: {max_steps: 0}", ["2:22 value trainer.max_steps: training would take no step. Set it to 1 or more, or to -1 for no limit."]],
  ["trainer: {max_epochs: 2, min_epochs: 3}", ["2:38 value trainer.min_epochs: must be at most max_epochs (2), got 3."]],
  ["trainer: {max_steps: 10, min_steps: 30}", ["2:37 value trainer.min_steps: must be at most max_steps (10), got 30."]],
  ["trainer: {max_time: 2h}", ['2:21 value trainer.max_time: expected a time as "DD:HH:MM:SS", in quotes, got "2h".']],
  ["trainer: {precision: 16-mixed}", ['2:22 value trainer.precision: "16-mixed" is refused: half precision (float16) is not for processors: it needs loss scaling and is slow there. Use bf16-mixed.']],
  ["trainer: {precision: fp16}", ['2:22 value trainer.precision: expected one of 32-true, bf16-mixed, bf16-true, 64-true, got "fp16".']],
  ["trainer: {precision: transformer-engine}", ['2:22 value trainer.precision: "transformer-engine" is refused: it needs an NVIDIA GPU. Use bf16-mixed.']],
  ["trainer: {accelerator: gpu}", ['2:24 value trainer.accelerator: "gpu" is refused: training runs on the processor. Use cpu or auto.']],
  ["trainer: {devices: 2}", ["2:20 value trainer.devices: expected 1 or auto, got 2."]],
  ["trainer: {strategy: ddp}", ['2:21 value trainer.strategy: expected auto or single_device, as training runs in one process, got "ddp".']],
  ["trainer: {profiler: xla}", ['2:21 value trainer.profiler: the profiler "xla" is not available yet. Available: ...']],
  ["trainer: {profiler: {name: simple, extend: true}}", ['2:36 unknown_key trainer.profiler.extend: unknown key. Did you mean "extended"? Valid: ...']],
  ["trainer: {profiler: {_target_: lightning.pytorch.profilers.AdvancedProfiler, line_count_restriction: 1.5}}", ["2:102 value trainer.profiler.line_count_restriction: expected a number of functions (an integer of at least 1) or a share of them (below 1; 1.0 means all), got 1.5."]],
  ["trainer: {profiler: {class_path: PyTorchProfiler, init_args: {emit_nvtx: true}}}", ["2:74 value trainer.profiler.init_args.emit_nvtx: known, but not used here: it marks the kernels of an NVIDIA GPU. Delete it."]],
  ["trainer: {profiler: {_target_: os.system}}", ['2:32 value trainer.profiler._target_: no profiler is known as "os.system"; a config never imports code. Known: ...']],
  ["trainer: {profiler: 3}", ["2:21 type trainer.profiler: expected a name, or a mapping of options, got 3."]],
  ["trainer: {deterministic: never}", ['2:26 value trainer.deterministic: expected true, false or warn, got "never".']],
  ["trainer: {accumulate_grad_batches: 0}", ["2:36 value trainer.accumulate_grad_batches: expected an integer of at least 1, got 0."]],
  ["trainer: {gradient_clip_algorithm: norms}", ['2:36 value trainer.gradient_clip_algorithm: expected one of norm, value, got "norms". Did you mean "norm"?']],
  ["trainer: {val_check_interval: 0}", ["2:31 value trainer.val_check_interval: expected a number of batches (an integer of at least 1) or a share of them (below 1; 1.0 means all), got 0."]],
  ["trainer: {val_check_interval: 1.5}", ["2:31 value trainer.val_check_interval: expected a number of batches (an integer of at least 1) or a share of them (below 1; 1.0 means all), got 1.5."]],
  ["trainer: {limit_train_batches: -1}", ["2:32 value trainer.limit_train_batches: expected a number of batches (an integer of at least 0) or a share of them (below 1; 1.0 means all), got -1."]],
  ["trainer: {overfit_batches: 1.0}", ["2:28 value trainer.overfit_batches: a share must be below 1, got 1.0. Write 1 for one batch."]],
  ["trainer: {check_val_every_n_epoch: null}", ["2:36 type trainer.check_val_every_n_epoch: expected an integer of at least 1, got null."]],
  ["trainer: {fast_dev_run: maybe}", ['2:25 value trainer.fast_dev_run: expected true, false or a number of batches, got "maybe".']],
  ["trainer: {enable_progress_bar: yes}", ['2:32 type trainer.enable_progress_bar: expected true or false, got "yes".']],
  ["trainer: {typo: null}", ["2:11 unknown_key trainer.typo: unknown key. Valid: ..."]],
  ["callbacks: early_stopping", ['2:12 type callbacks: expected a list of callbacks, got "early_stopping".']],
  ["callbacks: [{name: early_stoping}]", ['2:20 value callbacks.0.name: unknown callback "early_stoping". Did you mean "early_stopping"? Valid: ...']],
  ["callbacks: [lr_monitor, {name: early_stopping, monitor: val_f2}]", ['2:57 value callbacks.1.monitor: nothing logs "val_f2" during training. Did you mean "val_f1"? Logged: ...']],
  ["callbacks: [{name: early_stopping, monitor: f1}]", ['2:45 value callbacks.0.monitor: nothing logs "f1" during training. Did you mean "val_f1"? Logged: ...']],
  ["callbacks: [{name: early_stopping, monitor: test_f1}]", ['2:45 value callbacks.0.monitor: "test_f1" is logged only after training. Monitor "val_f1".']],
  ["callbacks: [{name: early_stopping, mode: up}]", ['2:42 value callbacks.0.mode: expected one of min, max, got "up".']],
  ["callbacks: [{name: early_stopping, patience: two}]", ['2:46 type callbacks.0.patience: expected an integer of at least 0, got "two".']],
  ["callbacks: [{name: early_stopping, verbose: true}]", ["2:45 value callbacks.0.verbose: known, but not used here: what a callback does is always logged. Delete it."]],
  ["callbacks: [{name: lambda_callback}]", ['2:20 value callbacks.0.name: the callback "lambda_callback" is refused: it is made of code, which a config never names. Instead, register a callback of your own in a plugin (registerCallback), and name that.']],
  ["callbacks: [tqdm_progress_bar, RichProgressBar]", ["2:32 value callbacks.1: one progress bar can be drawn. Delete this one."]],
  ["callbacks: [tqdm_progress_bar]\ntrainer: {enable_progress_bar: false}", ["2:13 value callbacks.0: trainer.enable_progress_bar is false. Delete this callback, or set it to true."]],
  ["callbacks: [{monitor: val_loss}]", ['2:13 missing callbacks.0: which callback is not said. Add "name", one of backbone_finetuning, batch_size_finder, data_wait_monitor, device_stats_monitor, early_stopping, ema_weight_averaging, grad_norm_monitor, gradient_accumulation_scheduler, learning_rate_finder, lr_monitor, model_checkpoint, model_summary, on_exception_checkpoint, rich_model_summary, rich_progress_bar, spike_detection, stochastic_weight_averaging, throughput_monitor, timer, tqdm_progress_bar, weight_averaging.']],
  ["callbacks: [7]", ["2:13 type callbacks.0: expected a name, or a mapping of options, got 7."]],
  ["callbacks: [{name: model_checkpoint, dirpath: x}]", ["2:47 value callbacks.0.dirpath: known, but not used here: checkpoints stand in the run's folder under outputs/TrainedModels. Delete it."]],
  ["callbacks: [{name: model_checkpoint, save_top_k: 3}]", ["2:50 value callbacks.0.save_top_k: keeping the best 3 needs a metric. Set monitor, or use -1, 0 or 1."]],
  ["callbacks: [{name: model_checkpoint, every_n_epochs: 1, every_n_train_steps: 5}]", ["2:78 value callbacks.0.every_n_train_steps: every_n_epochs is set too. Delete one of the two."]],
  ["callbacks: [model_checkpoint]\ntrainer: {enable_checkpointing: false}", ["2:13 value callbacks.0: trainer.enable_checkpointing is false. Delete this callback, or set it to true."]],
  ["callbacks: [{module: pytorch_lightning.callbacks.early_stopping, func: EarlyStopping, kwargs: {monitor: val_los}}]", ['2:105 value callbacks.0.kwargs.monitor: nothing logs "val_los" during training. Did you mean "val_loss"? Logged: ...']],
  ["callbacks: [{class_path: lightning.pytorch.callbacks.Checkpoint}]", ['2:26 value callbacks.0.class_path: the callback "Checkpoint" is refused: it is the base of those that save checkpoints. Use model_checkpoint.']],
  ["callbacks: [{_target_: evil.EarlyStopping}]", ['2:24 value callbacks.0._target_: no callback is known as "evil.EarlyStopping"; a config never imports code. Known: ...']],
  ["loggers: [tensorboard]", ['2:11 value loggers.0: the logger "tensorboard" is not available yet. Available: mlflow.']],
  ["loggers: [mlflow, mlflow]", ['2:19 value loggers.1: the logger "mlflow" stands here a second time. Delete one.']],
  ["loggers: [{name: mlflow, experiment_name: x}]", ["2:43 value loggers.0.experiment_name: known, but not used here: the experiment is the config's \"experiment\". Delete it."]],
  ['mlops: {tracking: {uri: "ftp://me:secret@x"}}', ['2:25 value mlops.tracking.uri: it must be sqlite:///path, postgresql://user@host/database, mongodb://host/database, http://host:port, databricks or a folder (./name, file:///absolute/path), got "ftp://x".']],
  ['mlops: {tracking: {backend: mongodb, uri: "http://me:secret@x"}}', ['2:29 value mlops.tracking.backend: it must fit mlops.tracking.uri, and "http://x" is of kind rest, got "mongodb". Correct one of them.']],
  ["mlops: {tracking: {backend: mlflo}}", ['2:29 value mlops.tracking.backend: expected one of mlflow, sqlite, postgresql, mongodb, rest, databricks, file, got "mlflo". Did you mean "mlflow"?']],
  ["tracking: {url: x}", ['2:12 unknown_key tracking.url: unknown key. Did you mean "uri"? Valid: ...']],
  ["tracking: {uri: \"sqlite:///a.db\"}\nmlops: {tracking: {uri: \"sqlite:///b.db\"}}", ['2:17 value tracking.uri: the same setting is "sqlite:///b.db" in mlops.tracking.uri. Delete one.']],
  ['mlops: {tracking: {uri: "sqlite:///use_cases"}}', ["2:25 file mlops.tracking.uri: the store must be a file, got the folder ROOT/use_cases. Name a file in it."]],
  ["champion: {metric: val_f1}", ['2:20 value champion.metric: "val_f1" is not a metric of the final evaluation. Write "f1", which is measured on the test set.']],
  ["champion: {metric: f2}", ['2:20 value champion.metric: nothing logs "f2". Did you mean "f1"? Logged: ...']],
  ["champion: {metric: f1, mode: high}", ['2:30 value champion.mode: expected one of min, max, got "high".']],
  ["champion: {min_delta: -1}", ["2:23 value champion.min_delta: expected a number of at least 0, got -1."]],
  ["champion: f1", ['2:11 type champion: expected a mapping, got "f1".']],
  ["register: ..", ["2:11 value register: a model's name must not hold \"/\" or \":\", nor be \".\" or \"..\", got \"..\". Rename it."]],
  ["register: a/b", ["2:11 value register: a model's name must not hold \"/\" or \":\", nor be \".\" or \"..\", got \"a/b\". Rename it."]],
  ["retrain: {metric: f1}", ["2:10 missing retrain.below: must be set: expected a number."]],
  ["retrain: {metric: f3, below: 0.5}", ['2:19 value retrain.metric: nothing logs "f3". Did you mean "f1"? Logged: ...']],
  ["retrain: {below: 0.5, window: 7}", ["2:31 value retrain.window: known, but not used here: it is not available yet. Delete it."]],
  ["distributed: {enabled: true}", ['2:24 value distributed.enabled: "true" is refused: training in several processes is not available yet. Use false.']],
  ["distributed: {devices: 0}", ['2:24 value distributed.devices: expected an integer of at least 1, or auto, got 0.']],
  ["tune: {n_trials: 0, space: {seed: {type: int, low: 1, high: 2}}}", ["2:18 value tune.n_trials: expected an integer of at least 1, got 0."]],
  ["tune: {}", ['2:7 missing tune.space: nothing to search. Add a key such as "optimizer.lr".']],
  ["tune: {sampler: cmaes, space: {seed: {type: int, low: 1, high: 2}}}", ['2:17 value tune.sampler: "cmaes" is refused: it is not available yet. Available: ...']],
  ["tune: {sampler: tpee, space: {seed: {type: int, low: 1, high: 2}}}", ['2:17 value tune.sampler: expected one of tpe, random, grid, got "tpee". Did you mean "tpe"?']],
  ["tune: {metric: val_x, space: {seed: {type: int, low: 1, high: 2}}}", ['2:16 value tune.metric: nothing logs "val_x" during training. Did you mean "val_f1"? Logged: ...']],
  ["tune: {space: {optimizer.l: {type: float, low: 1.0e-5, high: 1.0e-4}}}", ['2:16 unknown_key tune.space["optimizer.l"]: the config has no key "optimizer.l" to search. Did you mean "optimizer.lr"?']],
  ["tune: {space: {optimizer.lr: {type: float, low: 1.0e-4, high: 1.0e-5}}}", ['2:63 value tune.space["optimizer.lr"].high: must be at least low (0.0001), got 0.00001.']],
  ["tune: {space: {optimizer.lr: {type: float, low: 0.0, high: 1.0, log: true}}}", ['2:49 value tune.space["optimizer.lr"].low: must be above 0 where log is true, got 0.']],
  ["tune: {space: {optimizer.lr: {type: real, low: 0.1, high: 1.0}}}", ['2:37 value tune.space["optimizer.lr"].type: expected one of float, int, categorical, got "real".']],
  ["tune: {space: {optimizer.lr: {low: 0.1, high: 1.0}}}", ['2:30 missing tune.space["optimizer.lr"].type: must be set: expected one of float, int, categorical.']],
  ["tune: {space: {dataset.batch_size: {type: float, low: 1.5, high: 4}}}", ['2:55 type tune.space["dataset.batch_size"].low: dataset.batch_size: expected an integer of at least 1, got 1.5.']],
  ["tune: {space: {dataset.batch_size: {type: categorical, choices: [16, big]}}}", ['2:65 type tune.space["dataset.batch_size"].choices: dataset.batch_size: expected an integer of at least 1, got "big".']],
  ["tune: {space: {dataset.batch_size: {type: categorical, choices: []}}}", ['2:65 value tune.space["dataset.batch_size"].choices: expected a list of values, got [].']],
  ["tune: {space: {callbacks.0.patience: {type: int, low: 1, high: 3}}}", ['2:16 unknown_key tune.space["callbacks.0.patience"]: the config has no key "callbacks.0.patience" to search.']],
  ["tune: {space: {tune.n_trials: {type: int, low: 1, high: 3}}}", ['2:31 value tune.space["tune.n_trials"]: "tune" cannot be searched. Name a setting of the training.']],
  ["defaults: [model: bert]", ["2:11 value defaults: known, but not used here: a config in JSON is one whole file; those in YAML are composed. Delete it."]],
  ["hydra: {}", ["2:8 value hydra: known, but not used here: it belongs to configs with a defaults list, which are composed. Delete it."]],
  ["base_model: ${oc.env:MODEL}", ["2:13 value base_model: an interpolation works in YAML with a defaults list alone, got \"${oc.env:MODEL}\". Write the value itself."]],
  ["base_model: ???", ['2:13 missing base_model: must be set: "???" stands for a value that is still to be given.']],
  ["5: x", ["2:1 unknown_key 5: unknown key. Valid: ..."]],
  ["dataset:", ["1:9 missing dataset: must be set: expected a mapping."]],
  ["dataset: {}", ["1:10 missing dataset.train: must be set: expected the path of a data file."]],
  ["dataset: {train: null}", ["1:18 missing dataset.train: must be set: expected the path of a data file."]],
  ["dataset: {train: no.csv}", ['1:18 file dataset.train: the file "no.csv" does not exist; looked in ROOT/use_cases/x and in ROOT. Put it there, or correct the path.']],
  ["dataset: {train: Datasets/empty.csv}", ['1:18 file dataset.train: "Datasets/empty.csv": the file is empty. Fill it.']],
  ["dataset: {train: Datasets/header.csv}", ['1:18 file dataset.train: "Datasets/header.csv": the file has a header and no rows. Add rows.']],
  ["dataset: {train: Datasets/latin.csv}", ['1:18 file dataset.train: "Datasets/latin.csv": the text must be UTF-8. Save the file in that encoding.']],
  ["dataset: {train: Datasets/zip.csv}", ['1:18 file dataset.train: "Datasets/zip.csv": the file is compressed with zip. Unpack it.']],
  ["dataset: {train: Datasets/data.parquet}", ['1:18 file dataset.train: "Datasets/data.parquet": it is not a valid Parquet file (its footer is missing, or claims more bytes than there are). Write or download it again.']],
  ["dataset: {train: Datasets/folder.csv}", ['1:18 file dataset.train: "Datasets/folder.csv": a data file must be a file, got a folder.']],
  ["dataset: {train: Datasets/rows.jsonl}", ['1:10 file dataset.text_column: "Datasets/rows.jsonl" has no column "text". It has: body, y.', '1:10 file dataset.label_column: "Datasets/rows.jsonl" has no column "label". It has: body, y.']],
  ["dataset: {train: Datasets/train.csv, text_column: txt}", ['1:51 file dataset.text_column: "Datasets/train.csv" has no column "txt". Did you mean "text"? It has: text, label.']],
  ['dataset: {train: Datasets/semi.csv, delimiter: ","}', ['1:10 file dataset.text_column: "Datasets/semi.csv" has no column "text". It has: text;label.', '1:10 file dataset.label_column: "Datasets/semi.csv" has no column "label". It has: text;label.']],
  ["dataset: {train: Datasets/train.csv, label_column: text}", ['1:52 value dataset.label_column: text and label must be two columns, got "text" for both.']],
  ["dataset: {train: Datasets/train.csv, text_pair_column: text}", ['1:56 value dataset.text_pair_column: must be a column of its own, got "text" a second time.']],
  ['dataset: {train: Datasets/train.csv, delimiter: ";;"}', ['1:49 value dataset.delimiter: expected one character, got ";;".']],
  ["dataset: {train: Datasets/train.csv, max_length: 2}", ["1:50 value dataset.max_length: expected an integer of at least 3, got 2."]],
  ["dataset: {train: Datasets/train.csv, validation_ratio: 1.0}", ["1:56 value dataset.validation_ratio: expected a number of at least 0 and below 1, got 1."]],
  ["dataset: {train: Datasets/train.csv, batch_size: 0}", ["1:50 value dataset.batch_size: expected an integer of at least 1, got 0."]],
  ["dataset: {train: Datasets/train.csv, batch_size: auto}", ['1:50 type dataset.batch_size: expected an integer of at least 1, got "auto".']],
  ["dataset: {train: Datasets/train.csv, labels: [a]}", ['1:46 value dataset.labels: expected a list of two labels or more, got ["a"].']],
  ["dataset: {train: Datasets/train.csv, labels: [a, b, a]}", ['1:46 value dataset.labels: labels must differ, got "a" twice.']],
  ["dataset: {train: Datasets/train.csv, labels: [1, [2]]}", ["1:50 type dataset.labels.1: expected a string or a number, got [2]."]],
  ["dataset: {train: Datasets/train.csv, class_weights: inverse}", ['1:53 value dataset.class_weights: expected one of none, inverse_frequency, effective_number, sqrt, got "inverse".']],
  ["dataset: {train: Datasets/train.csv, bucketing: true}", ["1:49 value dataset.bucketing: expected one of length, none, got true."]],
  ["dataset: {train: Datasets/train.csv, shufle: true}", ['1:38 unknown_key dataset.shufle: unknown key. Did you mean "shuffle"? Valid: ...']],
  ["dataset: {train: [a, b]}", ['1:18 type dataset.train: expected the path of a data file, got ["a", "b"].']],
  ["dataset: Datasets/train.csv", ['1:10 type dataset: expected a mapping, got "Datasets/train.csv".']],
  ["dataset: {train: Datasets/train.csv, validation_ratio: 0}\ncallbacks: [early_stopping]", ['2:13 value callbacks.0.monitor: nothing logs "val_loss": there are no validation rows. Set dataset.validation, or dataset.validation_ratio above 0.']],
  ["dataset: {train: Datasets/train.csv}\ncallbacks: [early_stopping]\ntrainer: {limit_val_batches: 0}", ['2:13 value callbacks.0.monitor: nothing logs "val_loss": trainer.limit_val_batches is 0. Set dataset.validation, or dataset.validation_ratio above 0.']],
  ["scheduler: {name: linear, warmup_ratio: .inf}", ["2:41 type scheduler.warmup_ratio: expected a number from 0 to 1, got Infinity."]],
  ["optimizer: {name: adamw, lr: true}", ["2:30 type optimizer.lr: expected a number above 0, got true."]],
  ['dataset: {train: ""}', ['1:18 value dataset.train: expected the path of a data file, got "".']],
  ["trainer: 3", ["2:10 type trainer: expected a mapping, got 3."]],
  ["trainer: []", ["2:10 type trainer: expected a mapping, got []."]],
  ["callbacks: [{name: early_stopping, stopping_threshold: high}]", ['2:56 type callbacks.0.stopping_threshold: expected a number, got "high".']],
  ["tune: {space: [1]}", ["2:15 type tune.space: expected a mapping of config keys to ranges, got [1]."]],
  ["tune: {space: {optimizer.lr: 3}}", ['2:30 type tune.space["optimizer.lr"]: expected a mapping, got 3.']],
  ["tune: {direction: up, space: {seed: {type: int, low: 1, high: 2}}}", ['2:19 value tune.direction: expected one of maximize, minimize, got "up".']],
  ["mlops: 3", ["2:8 type mlops: expected a mapping, got 3."]],
  ["mlops: {trackin: {}}", ['2:9 unknown_key mlops.trackin: unknown key. Did you mean "tracking"? Valid: ...']],
  ["champion: {metrik: f1}", ['2:12 unknown_key champion.metrik: unknown key. Did you mean "metric"? Valid: ...']],
  ["loss: {name: focal}", ["2:8 unknown_key loss.name: unknown key. Valid: label_smoothing."]],
  ["experiment: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", ['2:13 value experiment: a name must fit into 240 bytes as a folder name, got 241 for "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"... Shorten it.']],
  ['dataset: {train: Datasets/rows.jsonl, text_column: body, label_column: y, delimiter: ","}', ["1:86 value dataset.delimiter: JSON has no delimiter, and dataset.train is JSON. Delete it."]],
  ["scheduler: {name: cosine_annealing_lr}", ["2:12 missing scheduler.T_max: must be set: expected an integer of at least 1."]],
  ["optimizer: {name: rprop, weight_decay: 0.1}", ["2:26 unknown_key optimizer.weight_decay: unknown key. Valid: ..."]],
  ["optimizer: {_target_: transformers.optimization.Adafactor, relative_step: true}", ["2:75 value optimizer.relative_step: known, but not used here: the rate and its schedule come from this config. Delete it."]],
  ["optimizer: {name: rmsprop, alpha: 2}", ["2:35 value optimizer.alpha: expected a number from 0 to 1, got 2."]],
  ["optimizer: adagrad\nscheduler: {name: one_cycle}", ["3:12 value scheduler.cycle_momentum: needs an optimizer with momentum or betas, got adagrad. Set it to false."]],
  ["scheduler: {name: cyclic_lr, base_lr: 1, max_lr: 0.1}", ["2:39 value scheduler.base_lr: must be at most max_lr (0.1), got 1."]],
  ["scheduler: {name: greedy, monitor: val_nothing}", ['2:36 value scheduler.monitor: nothing logs "val_nothing" during training. Logged: ...']],
];

async function issuesOf(text: string): Promise<string[]> {
  const path = join(useCase, "Configurations", "config.yaml");
  const valid = "dataset: {train: Datasets/train.csv, test: Datasets/test.csv}";
  writeFileSync(path, text.startsWith("dataset") ? text : `${valid}\n${text}`);
  const { issues } = await checkUseCase(path);
  return issues.map(({ line, column, code, path: where, message }) =>
    `${line}:${column} ${code} ${where}: ${message}`
      .replaceAll(root, "ROOT")
      .replace(/(Valid|Logged|Available|Known): (?!sqlite)[^,]*,.*$/u, "$1: ..."),
  );
}

test.each(mistakes)("%j", async (text, expected) => {
  expect(await issuesOf(text)).toEqual(expected);
});

test("a valid config has no issues", async () => {
  expect(await issuesOf("seed: 1")).toEqual([]);
});

test("all mistakes of one config are found at once", async () => {
  // those that stand alone in the first section they touch, all in one file
  const sections = new Set<string>();
  const chosen = mistakes.filter(([text, issues]) => {
    const section = /^[\w.]+/u.exec(text)![0];
    const fresh =
      !text.includes("\n") && issues.length === 1 && !sections.has(section) && section !== "dataset";
    if (fresh) sections.add(section);
    return fresh;
  });
  expect(chosen.length).toBeGreaterThan(20);
  const found = await issuesOf(chosen.map(([text]) => text).join("\n"));
  const expected = chosen.map(([, [issue]], index) => issue!.replace(/^\d+/u, String(index + 2)));
  expect(found).toEqual(expected);
});
