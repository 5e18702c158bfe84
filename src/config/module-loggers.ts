// The loggers that a training of registered parts may name, with Lightning's options. Such a run is always tracked: `mlflow`
// says where, the others write beside it.
import * as z from "zod";
import type { ComponentKind } from "./components.ts";
import { expecting, text } from "./fields.ts";

const files = {
  /** Begins at the project's root where it is relative. */
  save_dir: text("a folder"),
  /** The folder of all versions, in `save_dir`; Lightning calls it `name`. Absent: `lightning_logs`. */
  directory: expecting("the name of a folder", z.string()).optional(),
  /** Absent: the next free number. */
  version: expecting("a number or a name", z.union([z.int().min(0), z.string().min(1)])).optional(),
};

const tags = expecting(
  "a mapping of names to texts, numbers or flags",
  z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]).transform(String)),
);

/** Accepts a logger by name. */
export const moduleLoggerSchema = z.discriminatedUnion("name", [
  z.strictObject({
    name: z.literal("mlflow"),
    /** Absent: the config's use case and experiment. */
    experiment_name: text().optional(),
    run_name: text().optional(),
    /** Absent: the store of `mlops.tracking`. */
    tracking_uri: text("a store such as sqlite:///outputs/mlflow/mlflow.db").optional(),
    tags: tags.default({}),
  }),
  z.strictObject({ name: z.literal("csv"), ...files }),
  z.strictObject({
    name: z.literal("tensorboard"),
    ...files,
    /** Begins the names of metrics. */
    prefix: expecting("a text", z.string()).default(""),
  }),
  z.strictObject({
    name: z.literal("jsonl"),
    /** The file; begins at the project's root where it is relative. */
    path: text("a file"),
  }),
]);

const renamedOptions = { name: "directory" };
const metricNames = "metrics keep the names that the model gives them";

/** Names these loggers and their Python spellings. */
export const moduleLoggerKind: ComponentKind = {
  kind: "logger",
  modules: ["lightning.pytorch.loggers", "pytorch_lightning.loggers"],
  components: [
    {
      name: "mlflow",
      classes: ["MLFlowLogger"],
      aliases: ["mlflow_logger"],
      neutralOptions: {
        save_dir: ["./mlruns"],
        log_model: [true, false],
        prefix: [""],
        synchronous: [false],
      },
      refusedOptions: {
        save_dir: "the store is tracking_uri",
        log_model: "the trained model is always logged, and checkpoints stand in the run's folder",
        prefix: metricNames,
        artifact_location: "the store says where artifacts go",
        run_id: "a run is gone on with by --resume",
        synchronous: "what is logged goes through a journal, which loses nothing",
      },
    },
    {
      name: "csv",
      classes: ["CSVLogger"],
      aliases: ["csv_logger"],
      renamedOptions,
      neutralOptions: { prefix: [""], flush_logs_every_n_steps: [100] },
      refusedOptions: { prefix: metricNames, flush_logs_every_n_steps: "each row is written as it comes" },
    },
    {
      name: "tensorboard",
      classes: ["TensorBoardLogger"],
      aliases: ["tensorboard_logger"],
      renamedOptions,
      neutralOptions: { log_graph: [false], default_hp_metric: [true, false] },
      refusedOptions: {
        log_graph: "a model has no graph before it runs",
        default_hp_metric: "metrics are logged by their own names",
        sub_dir: "the folder is save_dir with the version",
      },
    },
    { name: "jsonl", classes: [] },
  ],
  unavailable: ["aim", "comet", "litlogger", "neptune", "wandb"].flatMap((name) => [name, `${name}_logger`]),
};
