// The callbacks and loggers that a config may name, with Lightning's options and defaults (2.6).
import * as z from "zod";
import type { ComponentKind } from "./components.ts";
import { choice, duration, expecting, flag, integer, number, text } from "./fields.ts";

/** Absent: the way in which the monitored metric improves; Lightning takes `min` for any metric. */
const mode = choice(["min", "max"]).default("min");

/** Levels of modules; -1: all, 0: none. */
const depth = () => integer({ min: -1 }).default(1);

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
    /** Judges what was logged by the end of an epoch, and not what a validation measured. */
    check_on_train_epoch_end: flag().optional(),
    /** False: waits for a metric that nothing logs yet. */
    strict: flag().default(true),
  }),
  z.strictObject({
    name: z.literal("model_checkpoint"),
    /** Absent: the newest checkpoint is kept, whatever its metrics. */
    monitor: text("the name of a metric").optional(),
    mode,
    /** How many of the best checkpoints to keep; -1 keeps all, 0 none. */
    save_top_k: integer({ min: -1 }).default(1),
    save_last: expecting('true, false or "link"', z.union([z.boolean(), z.literal("link")])).default(false),
    /** One of these three can be given. */
    every_n_train_steps: integer({ min: 1 }).optional(),
    every_n_epochs: integer({ min: 1 }).optional(),
    train_time_interval: duration().optional(),
    /** False: after validations; absent: at the end of epochs that have one validation. */
    save_on_train_epoch_end: flag().optional(),
    save_on_exception: flag().default(false),
  }),
  z.strictObject({
    name: z.literal("lr_monitor"),
    /** Absent: whenever the schedule moves on. */
    logging_interval: choice(["step", "epoch"]).optional(),
    log_momentum: flag().default(false),
    log_weight_decay: flag().default(false),
  }),
  z.strictObject({
    name: z.literal("on_exception_checkpoint"),
    /** Name of the checkpoint's folder. */
    filename: text("the name of a folder").default("on_exception"),
  }),
  z.strictObject({ name: z.literal("tqdm_progress_bar"), refresh_rate: integer({ min: 0 }).default(1) }),
  z.strictObject({ name: z.literal("rich_progress_bar"), refresh_rate: integer({ min: 0 }).default(100) }),
  z.strictObject({
    name: z.literal("backbone_finetuning"),
    /** Counted from 0. */
    unfreeze_backbone_at_epoch: integer({ min: 0 }).default(10),
    /** First rate of the backbone, as a share of the model's. */
    backbone_initial_ratio_lr: number({ above: 0 }).default(0.1),
    backbone_initial_lr: number({ above: 0 }).optional(),
    should_align: flag().default(true),
    train_bn: flag().default(true),
    verbose: flag().default(false),
  }),
  z.strictObject({
    name: z.literal("learning_rate_finder"),
    min_lr: number({ above: 0 }).default(1e-8),
    max_lr: number({ above: 0 }).default(1),
    /** Rates to try, one a step. */
    num_training_steps: integer({ min: 1 }).default(100),
    mode: choice(["exponential", "linear"]).default("exponential"),
    /** Ends the test when the loss is so many times the best; null: never. */
    early_stop_threshold: expecting(
      "a number above 0, or null for no end",
      z.number().gt(0).nullable(),
    ).default(4),
    update_attr: flag().default(true),
    /** Empty: lr or learning_rate, whichever the model has. */
    attr_name: expecting("a name", z.string()).default(""),
  }),
  z.strictObject({
    name: z.literal("batch_size_finder"),
    mode: choice(["power", "binsearch"]).default("power"),
    steps_per_trial: integer({ min: 1 }).default(3),
    init_val: integer({ min: 1 }).default(2),
    max_trials: integer({ min: 1 }).default(25),
    batch_arg_name: text("a name").default("batch_size"),
    /** Share by which `binsearch` stays below what fits. */
    margin: expecting("a number from 0 to below 1", z.number().min(0).lt(1)).default(0.05),
    max_val: integer({ min: 1 }).default(8192),
  }),
  z.strictObject({
    name: z.literal("gradient_accumulation_scheduler"),
    /** Batches of a step by the epoch, counted from 0, from which that holds. */
    scheduling: expecting(
      "a mapping of epochs from 0 to batches of at least 1, such as {4: 2}",
      z.record(z.string().regex(/^\d+$/u), z.int().min(1)).refine((map) => Object.keys(map).length > 0),
    ),
  }),
  z.strictObject({
    name: z.literal("weight_averaging"),
    use_buffers: flag().default(true),
  }),
  z.strictObject({
    name: z.literal("ema_weight_averaging"),
    use_buffers: flag().default(true),
    decay: number({ min: 0, max: 1 }).default(0.999),
    update_every_n_steps: integer({ min: 0 }).default(1),
    update_starting_at_step: integer({ min: 0 }).optional(),
    update_starting_at_epoch: integer({ min: 0 }).optional(),
  }),
  z.strictObject({
    name: z.literal("stochastic_weight_averaging"),
    /** Rate that the schedule comes to: of all parameter groups, or of each. */
    swa_lrs: expecting(
      "a rate above 0, or a list of them",
      z.union([z.number().gt(0), z.array(z.number().gt(0)).min(1)]),
    ),
    /** Counted from 1, or a share of `max_epochs`. */
    swa_epoch_start: expecting(
      "the number of an epoch (an integer of at least 1) or a share of max_epochs (below 1)",
      z.number().refine((value) => (value >= 1 && Number.isInteger(value)) || (value >= 0 && value < 1)),
    ).default(0.8),
    annealing_epochs: integer({ min: 0 }).default(10),
    annealing_strategy: choice(["cos", "linear"]).default("cos"),
  }),
  z.strictObject({
    name: z.literal("timer"),
    duration: duration().optional(),
    interval: choice(["step", "epoch"]).default("step"),
  }),
  z.strictObject({
    name: z.literal("spike_detection"),
    mode: choice(["min", "max"]).default("min"),
    window: integer({ min: 1 }).default(10),
    warmup: integer({ min: 0 }).default(1),
    atol: number({ min: 0 }).optional(),
    rtol: number({ min: 0 }).default(2),
    finite_only: flag().default(true),
  }),
  z.strictObject({ name: z.literal("model_summary"), max_depth: depth() }),
  z.strictObject({ name: z.literal("rich_model_summary"), max_depth: depth() }),
  z.strictObject({
    name: z.literal("device_stats_monitor"),
    cpu_stats: flag().default(true),
  }),
  z.strictObject({
    name: z.literal("throughput_monitor"),
    /** Steps over which rates are taken. */
    window_size: integer({ min: 2 }).default(100),
    separator: text().default("/"),
  }),
  z.strictObject({ name: z.literal("data_wait_monitor") }),
  z.strictObject({
    name: z.literal("grad_norm_monitor"),
    norm_type: expecting(
      'a number above 0, or "inf"',
      z.union([z.number().positive(), z.literal("inf")]),
    ).default(2),
    /** Beside the norm of all: those of the optimizer's groups, or of each parameter. */
    level: choice(["total", "group", "parameter"]).default("total"),
    group_separator: text().default("/"),
  }),
]);

/** Accepts a logger by name. */
export const loggerSchema = z.discriminatedUnion("name", [z.strictObject({ name: z.literal("mlflow") })]);

const verbose = "what a callback does is always logged";
const anyVerbosity = { verbose: [true, false] };
const leave = [true, false];
const lineStays = "a line of each epoch stays";
const ownCallback = "register a callback of your own in a plugin (registerCallback), and name that";
const device = "the average is kept where the model is";

/** Names the callbacks and their Python spellings. */
export const callbackKind: ComponentKind = {
  kind: "callback",
  modules: ["lightning.pytorch.callbacks", "pytorch_lightning.callbacks"],
  components: [
    {
      name: "early_stopping",
      classes: ["EarlyStopping"],
      neutralOptions: { ...anyVerbosity, log_rank_zero_only: [true, false] },
      refusedOptions: {
        verbose,
        log_rank_zero_only: "there is one process",
      },
    },
    {
      name: "model_checkpoint",
      classes: ["ModelCheckpoint"],
      aliases: ["checkpoint"],
      neutralOptions: anyVerbosity,
      refusedOptions: {
        verbose,
        save_weights_only:
          "a checkpoint holds all that a run needs to go on; the model alone stands in the run's folder",
        dirpath: "checkpoints stand in the run's folder under outputs/TrainedModels",
        filename: "checkpoints are named by epoch and step",
        auto_insert_metric_name: "checkpoints are named by epoch and step",
        enable_version_counter: "each run has a folder of its own",
      },
    },
    {
      name: "lr_monitor",
      classes: ["LearningRateMonitor"],
    },
    { name: "learning_rate_finder", classes: ["LearningRateFinder"] },
    { name: "batch_size_finder", classes: ["BatchSizeFinder"] },
    {
      name: "on_exception_checkpoint",
      classes: ["OnExceptionCheckpoint"],
      refusedOptions: { dirpath: "the checkpoint stands among those of the run" },
    },
    {
      name: "tqdm_progress_bar",
      classes: ["TQDMProgressBar"],
      neutralOptions: { leave, process_position: [0] },
      refusedOptions: { leave: lineStays, process_position: "the bar is the only one" },
    },
    {
      name: "rich_progress_bar",
      classes: ["RichProgressBar"],
      neutralOptions: { leave },
      refusedOptions: {
        leave: lineStays,
        theme: "the bar has no colours",
        console_kwargs: "the bar is drawn to standard error",
      },
    },
    {
      name: "backbone_finetuning",
      classes: ["BackboneFinetuning"],
      neutralOptions: { initial_denom_lr: [10], rounding: [12] },
      refusedOptions: {
        lambda_func: "a config never names code; the backbone's rate doubles each epoch",
        initial_denom_lr: "the backbone's first rate is backbone_initial_lr, or a share of the model's",
        rounding: "rates are told as they are",
      },
    },
    { name: "gradient_accumulation_scheduler", classes: ["GradientAccumulationScheduler"] },
    { name: "weight_averaging", classes: ["WeightAveraging"], refusedOptions: { device } },
    { name: "ema_weight_averaging", classes: ["EMAWeightAveraging"], refusedOptions: { device } },
    {
      name: "stochastic_weight_averaging",
      classes: ["StochasticWeightAveraging"],
      refusedOptions: { device, avg_fn: "a config never names code; the average is equal" },
    },
    { name: "timer", classes: ["Timer"], neutralOptions: anyVerbosity, refusedOptions: { verbose } },
    {
      name: "spike_detection",
      classes: ["SpikeDetection"],
      refusedOptions: { exclude_batches_path: "the file stands beside the run's checkpoints" },
    },
    { name: "device_stats_monitor", classes: ["DeviceStatsMonitor"] },
    {
      name: "throughput_monitor",
      classes: ["ThroughputMonitor"],
      refusedOptions: {
        batch_size_fn: "the rows of a batch are counted",
        length_fn: "the tokens or other positions of a batch are counted",
      },
    },
    { name: "data_wait_monitor", classes: [] },
    { name: "grad_norm_monitor", classes: [] },
    {
      name: "model_summary",
      classes: ["ModelSummary"],
      refusedOptions: { summarize_kwargs: "the table has no further options" },
    },
    {
      name: "rich_model_summary",
      classes: ["RichModelSummary"],
      refusedOptions: { summarize_kwargs: "the log is plain text" },
    },
  ],
  unavailable: [],
  refused: {
    callback: `it is the base of all callbacks and does nothing. Instead, ${ownCallback}`,
    checkpoint: "it is the base of those that save checkpoints. Use model_checkpoint",
    progress_bar: "it is the base of progress bars. Use tqdm_progress_bar",
    lambda_callback: `it is made of code, which a config never names. Instead, ${ownCallback}`,
    base_finetuning: `it is the base of those that freeze parts of a model. Use backbone_finetuning, or ${ownCallback}`,
    model_pruning: `torch.nn.utils.prune is not there, and fewer weights make nothing faster without sparse kernels. To keep weights at 0, ${ownCallback}, which multiplies them by a mask in onBeforeZeroGrad`,
    base_prediction_writer:
      "it is the base of those that write predictions, which the run of a config does not make. Use sconce predict, or in code new Trainer({ callbacks }).predict()",
  },
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
