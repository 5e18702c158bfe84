// The learning-rate schedules that a config may name: Hugging Face's by its names, PyTorch's by theirs.
import * as z from "zod";
import type { ComponentKind, ComponentNames } from "./components.ts";
import { choice, expecting, flag, integer, number, text } from "./fields.ts";

const warmup = {
  /** Optimizer steps during which the rate rises from 0; at most one of the two may be set. */
  warmup_steps: integer({ min: 0 }).optional(),
  /** The same as a share of all optimizer steps. */
  warmup_ratio: number({ min: 0, max: 1 }).optional(),
};

const ratio = () => number({ min: 0, max: 1 });
/** How often a schedule of PyTorch's moves on; Lightning's default is the epoch. */
const interval = (usual: "epoch" | "step") => choice(["epoch", "step"]).default(usual);

/** Accepts a schedule by name with its options. */
export const schedulerSchema = z.discriminatedUnion("name", [
  z.strictObject({ name: z.literal("linear"), ...warmup }),
  z.strictObject({ name: z.literal("cosine"), ...warmup, num_cycles: number({ above: 0 }).default(0.5) }),
  z.strictObject({
    name: z.literal("cosine_with_restarts"),
    ...warmup,
    num_cycles: integer({ min: 1 }).default(1),
  }),
  z.strictObject({
    name: z.literal("polynomial"),
    ...warmup,
    lr_end: number({ min: 0 }).default(1e-7),
    power: number({ above: 0 }).default(1),
  }),
  z.strictObject({ name: z.literal("constant") }),
  z.strictObject({ name: z.literal("constant_with_warmup"), ...warmup }),
  z.strictObject({ name: z.literal("inverse_sqrt"), ...warmup, timescale: integer({ min: 1 }).optional() }),
  z.strictObject({
    name: z.literal("cosine_with_min_lr"),
    ...warmup,
    num_cycles: number({ above: 0 }).default(0.5),
    min_lr: number({ min: 0 }).optional(),
    min_lr_rate: ratio().optional(),
  }),
  z.strictObject({
    name: z.literal("cosine_warmup_with_min_lr"),
    ...warmup,
    num_cycles: number({ above: 0 }).default(0.5),
    min_lr: number({ min: 0 }).optional(),
    min_lr_rate: ratio().optional(),
    warmup_lr_rate: ratio().optional(),
  }),
  z.strictObject({
    name: z.literal("warmup_stable_decay"),
    ...warmup,
    num_decay_steps: integer({ min: 1 }),
    num_stable_steps: integer({ min: 0 }).optional(),
    warmup_type: choice(["linear", "cosine", "1-sqrt"]).default("linear"),
    decay_type: choice(["linear", "cosine", "1-sqrt"]).default("cosine"),
    min_lr_ratio: ratio().default(0),
    num_cycles: number({ above: 0 }).default(0.5),
  }),
  z.strictObject({
    name: z.literal("reduce_lr_on_plateau"),
    monitor: text("the name of a metric").default("val_loss"),
    /** Absent: the way in which the monitored metric improves. */
    mode: choice(["min", "max"]).default("min"),
    factor: number({ above: 0, below: 1 }).default(0.1),
    patience: integer({ min: 0 }).default(10),
    threshold: number({ min: 0 }).default(1e-4),
    threshold_mode: choice(["rel", "abs"]).default("rel"),
    cooldown: integer({ min: 0 }).default(0),
    min_lr: number({ min: 0 }).default(0),
    eps: number({ min: 0 }).default(1e-8),
  }),
  z.strictObject({
    name: z.literal("greedy"),
    monitor: text("the name of a metric").default("val_loss"),
    mode: choice(["min", "max"]).default("min"),
    factor: number({ above: 0, below: 1 }).default(0.95),
    patience: integer({ min: 0 }).default(10),
    threshold: number({ min: 0 }).default(1e-6),
    threshold_mode: choice(["rel", "abs"]).default("abs"),
    cooldown: integer({ min: 0 }).default(0),
    warmup: integer({ min: 0 }).default(0),
    min_lr: number({ min: 0 }).default(1e-3),
    max_lr: number({ min: 0 }).default(1),
    eps: number({ min: 0 }).default(1e-8),
    smooth: flag().default(false),
    window_size: integer({ min: 1 }).default(50),
    reset_start: integer({ min: 1 }).default(500),
  }),
  z.strictObject({
    name: z.literal("constant_lr"),
    factor: number({ above: 0, max: 1 }).default(1 / 3),
    total_iters: integer({ min: 0 }).default(5),
    interval: interval("epoch"),
  }),
  z.strictObject({
    name: z.literal("linear_lr"),
    start_factor: number({ above: 0, max: 1 }).default(1 / 3),
    end_factor: ratio().default(1),
    total_iters: integer({ min: 1 }).default(5),
    interval: interval("epoch"),
  }),
  z.strictObject({
    name: z.literal("polynomial_lr"),
    total_iters: integer({ min: 1 }).default(5),
    power: number().default(1),
    interval: interval("epoch"),
  }),
  z.strictObject({
    name: z.literal("cosine_annealing_lr"),
    T_max: integer({ min: 1 }),
    eta_min: number({ min: 0 }).default(0),
    interval: interval("epoch"),
  }),
  z.strictObject({
    name: z.literal("cosine_annealing_warm_restarts"),
    T_0: integer({ min: 1 }),
    T_mult: integer({ min: 1 }).default(1),
    eta_min: number({ min: 0 }).default(0),
    interval: interval("epoch"),
  }),
  z.strictObject({
    name: z.literal("cyclic_lr"),
    base_lr: number({ min: 0 }),
    max_lr: number({ min: 0 }),
    step_size_up: integer({ min: 1 }).default(2000),
    step_size_down: integer({ min: 1 }).optional(),
    mode: choice(["triangular", "triangular2", "exp_range"]).default("triangular"),
    gamma: number({ above: 0 }).default(1),
    cycle_momentum: flag().default(true),
    base_momentum: ratio().default(0.8),
    max_momentum: ratio().default(0.9),
  }),
  z.strictObject({
    name: z.literal("step_lr"),
    step_size: integer({ min: 1 }),
    gamma: number({ above: 0 }).default(0.1),
    interval: interval("epoch"),
  }),
  z.strictObject({
    name: z.literal("multi_step_lr"),
    milestones: expecting("a list of integers, [2, 4]", z.array(integer({ min: 1 })).min(1)),
    gamma: number({ above: 0 }).default(0.1),
    interval: interval("epoch"),
  }),
  z.strictObject({
    name: z.literal("exponential_lr"),
    gamma: number({ above: 0 }),
    interval: interval("epoch"),
  }),
  z.strictObject({
    name: z.literal("one_cycle"),
    /** The highest rate; absent: that of the optimizer. */
    max_lr: number({ above: 0 }).optional(),
    pct_start: ratio().default(0.3),
    anneal_strategy: choice(["cos", "linear"]).default("cos"),
    cycle_momentum: flag().default(true),
    base_momentum: ratio().default(0.85),
    max_momentum: ratio().default(0.95),
    div_factor: number({ above: 0 }).default(25),
    final_div_factor: number({ above: 0 }).default(1e4),
    three_phase: flag().default(false),
  }),
]);

const refusedOptions = {
  num_training_steps: "it follows from the data and the trainer's flags",
  total_steps: "it follows from the data and the trainer's flags",
  epochs: "it follows from trainer.max_epochs",
  steps_per_epoch: "it follows from the data",
  last_epoch: "resuming restores the position",
  optimizer: "the schedule always drives the configured optimizer",
};

function huggingFace(name: string, getter: string): ComponentNames {
  return {
    name,
    classes: [`get_${getter}`],
    renamedOptions: { num_warmup_steps: "warmup_steps" },
    refusedOptions,
  };
}

function torch(name: string, className: string, aliases: readonly string[] = []): ComponentNames {
  return { name, classes: [className], aliases, neutralOptions: { last_epoch: [-1] }, refusedOptions };
}

/** Names the schedules and their Python spellings. */
export const schedulerKind: ComponentKind = {
  kind: "scheduler",
  modules: ["torch.optim.lr_scheduler", "lightning.pytorch.cli", "pytorch_lightning.cli", "transformers"],
  components: [
    huggingFace("linear", "linear_schedule_with_warmup"),
    huggingFace("cosine", "cosine_schedule_with_warmup"),
    huggingFace("cosine_with_restarts", "cosine_with_hard_restarts_schedule_with_warmup"),
    huggingFace("polynomial", "polynomial_decay_schedule_with_warmup"),
    huggingFace("constant", "constant_schedule"),
    huggingFace("constant_with_warmup", "constant_schedule_with_warmup"),
    huggingFace("inverse_sqrt", "inverse_sqrt_schedule"),
    huggingFace("cosine_with_min_lr", "cosine_with_min_lr_schedule_with_warmup"),
    huggingFace("cosine_warmup_with_min_lr", "cosine_with_min_lr_schedule_with_warmup_lr_rate"),
    huggingFace("warmup_stable_decay", "wsd_schedule"),
    torch("reduce_lr_on_plateau", "ReduceLROnPlateau"),
    { ...huggingFace("greedy", "greedy_schedule"), aliases: ["greedy_lr"] },
    torch("constant_lr", "ConstantLR"),
    torch("linear_lr", "LinearLR"),
    torch("polynomial_lr", "PolynomialLR"),
    torch("cosine_annealing_lr", "CosineAnnealingLR"),
    torch("cosine_annealing_warm_restarts", "CosineAnnealingWarmRestarts"),
    torch("cyclic_lr", "CyclicLR"),
    torch("step_lr", "StepLR", ["step"]),
    torch("multi_step_lr", "MultiStepLR", ["multi_step"]),
    torch("exponential_lr", "ExponentialLR", ["exponential"]),
    torch("one_cycle", "OneCycleLR", ["one_cycle_lr"]),
  ],
  unavailable: ["chained_scheduler", "lambda_lr", "multiplicative_lr", "sequential_lr", "swalr"],
};
