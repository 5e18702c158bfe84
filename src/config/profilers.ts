// The profilers that the trainer's flag may name, with Lightning's options (2.6).
import * as z from "zod";
import type { ComponentKind } from "./components.ts";
import { choice, expecting, flag, integer, text } from "./fields.ts";

const files = {
  /** Absent: the run's folder, or that of its logs. */
  dirpath: text("a folder").optional(),
  /** The report is appended to `<stage>-<filename>.txt` there, and not logged. */
  filename: text("the name of a file, without an ending").optional(),
};

const restriction = () =>
  expecting(
    "a number of functions (an integer of at least 1) or a share of them (below 1; 1.0 means all)",
    z.number().refine((value) => (value >= 1 && Number.isInteger(value)) || (value > 0 && value < 1)),
  );

const sortKeys = [
  "count",
  "cpu_time",
  "cpu_time_total",
  "self_cpu_time_total",
  "cpu_memory_usage",
  "self_cpu_memory_usage",
  "flops",
] as const;

const profilers = z.discriminatedUnion("name", [
  z.strictObject({
    name: z.literal("simple"),
    ...files,
    /** Also tells the calls and the share of the time. */
    extended: flag().default(true),
  }),
  z.strictObject({
    name: z.literal("advanced"),
    ...files,
    /** Functions that a table lists: a number of them, or a share. Absent: all. */
    line_count_restriction: restriction().optional(),
    /** Writes `<stage>.cpuprofile` into the folder. */
    dump_stats: flag().default(true),
  }),
  z.strictObject({
    name: z.literal("pytorch"),
    ...files,
    group_by_input_shapes: flag().default(false),
    /** Writes a trace of each kind of step into the folder. */
    export_to_chrome: flag().default(true),
    /** Rows of the table; -1: all. */
    row_limit: integer({ min: -1 }).default(20),
    sort_by_key: choice(sortKeys).default("cpu_time_total"),
    record_module_names: flag().default(true),
    record_shapes: flag().default(false),
    profile_memory: flag().default(false),
    with_flops: flag().default(false),
  }),
  z.strictObject({ name: z.literal("pass_through"), ...files }),
]);

/** Accepts a profiler by name, with or without its options. */
export const profilerSchema = z.preprocess(
  (value) => (typeof value === "string" ? { name: value } : value),
  profilers,
);

/** Is a profiler by name with its options, as a config says it. */
export type ProfilerOptions = z.input<typeof profilers>;

/** Is a profiler with its options, every default filled in. */
export type ProfilerSettings = z.output<typeof profilers>;

/** The profilers by name, each without its options where it has the usual ones. */
export type ProfilerName = ProfilerSettings["name"];

/** Names the profilers and their Python spellings. */
export const profilerKind: ComponentKind = {
  kind: "profiler",
  modules: ["lightning.pytorch.profilers", "pytorch_lightning.profilers"],
  components: [
    { name: "simple", classes: ["SimpleProfiler"] },
    { name: "advanced", classes: ["AdvancedProfiler"] },
    {
      name: "pytorch",
      classes: ["PyTorchProfiler"],
      neutralOptions: { emit_nvtx: [false] },
      refusedOptions: {
        emit_nvtx: "it marks the kernels of an NVIDIA GPU",
        schedule: "a config never names code; three steps after two are recorded",
        on_trace_ready: "a config never names code; the trace is written into the folder",
        with_stack: "operators are called from TypeScript, whose functions the advanced profiler tells",
        table_kwargs: "the table has no further options in a config",
      },
    },
    { name: "pass_through", classes: ["PassThroughProfiler"] },
  ],
  unavailable: ["xla", "xla_profiler"],
};
