// The callbacks and loggers that a config may name, with Lightning's options and defaults (2.6).
import * as z from "zod";
import type { ComponentKind } from "./components.ts";
import { choice, flag, integer, number, text } from "./fields.ts";

/** Absent: the way in which the monitored metric improves; Lightning takes `min` for any metric. */
const mode = choice(["min", "max"]).default("min");

/** Accepts a callback by name with its options. */
export const callbackSchema = z.discriminatedUnion("name", [
  z.strictObject({
    name: z.literal("early_stopping"),
    monitor: text("the name of a metric").default("val_loss"),
    mode,
    /** Checks without improvement before training stops. */
    patience: integer({ min: 0 }).default(3),
    min_delta: number({ min: 0 }).default(0),
    /** Stops when the monitored metric is NaN or infinite. */
    check_finite: flag().default(true),
    stopping_threshold: number().optional(),
    divergence_threshold: number().optional(),
  }),
  z.strictObject({
    name: z.literal("model_checkpoint"),
    /** Absent: the newest checkpoint is kept, whatever its metrics. */
    monitor: text("the name of a metric").optional(),
    mode,
    /** How many of the best checkpoints to keep; -1 keeps all, 0 none. */
    save_top_k: integer({ min: -1 }).default(1),
    save_last: flag().default(false),
    every_n_train_steps: integer({ min: 1 }).optional(),
    every_n_epochs: integer({ min: 1 }).optional(),
  }),
  z.strictObject({
    name: z.literal("lr_monitor"),
    /** Absent: whenever the schedule moves on. */
    logging_interval: choice(["step", "epoch"]).optional(),
  }),
]);

/** Accepts a logger by name. */
export const loggerSchema = z.discriminatedUnion("name", [z.strictObject({ name: z.literal("mlflow") })]);

const verbose = "what a callback does is always logged";

/** Names the callbacks and their Python spellings. */
export const callbackKind: ComponentKind = {
  kind: "callback",
  modules: ["lightning.pytorch.callbacks", "pytorch_lightning.callbacks"],
  components: [
    {
      name: "early_stopping",
      classes: ["EarlyStopping"],
      refusedOptions: {
        verbose,
        strict: "a metric that nothing logs is always an error",
        check_on_train_epoch_end: "it is checked after each validation",
        log_rank_zero_only: "there is one process",
      },
    },
    {
      name: "model_checkpoint",
      classes: ["ModelCheckpoint"],
      aliases: ["checkpoint"],
      refusedOptions: {
        verbose,
        save_weights_only:
          "a checkpoint holds all that a run needs to go on; the model alone stands in the run's folder",
        dirpath: "checkpoints stand in the run's folder under outputs/TrainedModels",
        filename: "checkpoints are named by epoch and step",
        auto_insert_metric_name: "checkpoints are named by epoch and step",
        train_time_interval: "it is not available yet; use every_n_train_steps",
        save_on_exception: "it is not available yet",
        save_on_train_epoch_end: "it is not available yet",
        enable_version_counter: "each run has a folder of its own",
      },
    },
    {
      name: "lr_monitor",
      classes: ["LearningRateMonitor"],
      refusedOptions: {
        log_momentum: "it is not available yet",
        log_weight_decay: "it is not available yet",
      },
    },
  ],
  unavailable: [
    "backbone_finetuning batch_size_finder device_stats_monitor ema_weight_averaging",
    "gradient_accumulation_scheduler lambda_callback learning_rate_finder model_pruning",
    "model_summary rich_model_summary on_exception_checkpoint spike_detection",
    "stochastic_weight_averaging throughput_monitor timer weight_averaging base_prediction_writer",
    "tqdm_progress_bar rich_progress_bar",
  ].flatMap((names) => names.split(" ")),
};

/** Names the loggers and their Python spellings. */
export const loggerKind: ComponentKind = {
  kind: "logger",
  modules: ["lightning.pytorch.loggers", "pytorch_lightning.loggers"],
  components: [
    {
      name: "mlflow",
      classes: ["MLFlowLogger"],
      refusedOptions: {
        experiment_name: 'the experiment is the config\'s "experiment"',
        tracking_uri: 'the store is "mlops.tracking.uri"',
        save_dir: 'the store is "mlops.tracking.uri"',
      },
    },
  ],
  unavailable: "comet csv jsonl neptune tensorboard tensor_board_logger csv_logger wandb wandb_logger".split(
    " ",
  ),
};
