// The optimizers that a config may name, with PyTorch's options and defaults (torch 2.13).
import * as z from "zod";
import type { ComponentKind, ComponentNames } from "./components.ts";
import { expecting, flag, integer, number } from "./fields.ts";

const betas = expecting(
  "two numbers of at least 0 and below 1, [0.9, 0.999]",
  z.tuple([number({ min: 0, below: 1 }), number({ min: 0, below: 1 })]),
);

const share = () => number({ min: 0, below: 1 });
const positive = () => number({ min: 0 });

function common(lr: number, weightDecay = 0) {
  return {
    /** Step size. */
    lr: number({ above: 0 }).default(lr),
    weight_decay: positive().default(weightDecay),
    /** Leaves biases and LayerNorm weights out of weight decay, as Hugging Face does. */
    no_decay: flag().default(true),
  };
}

const fused = expecting("true, as every update runs in one fused kernel", z.literal(true)).optional();

function adam(lr: number, weightDecay = 0) {
  return { ...common(lr, weightDecay), betas: betas.default([0.9, 0.999]), eps: positive().default(1e-8) };
}

const decoupled = { decoupled_weight_decay: flag().default(false) };

const scheduleFree = {
  warmup_steps: integer({ min: 0 }).default(0),
  r: positive().default(0),
  weight_lr_power: positive().default(2),
};

/** Accepts an optimizer by name with its options. */
export const optimizerSchema = z.discriminatedUnion("name", [
  z.strictObject({ name: z.literal("adamw"), ...adam(1e-3, 0.01), amsgrad: flag().default(false), fused }),
  z.strictObject({ name: z.literal("adam"), ...adam(1e-3), amsgrad: flag().default(false), fused }),
  z.strictObject({
    name: z.literal("sgd"),
    ...common(1e-3),
    momentum: positive().default(0),
    dampening: number().default(0),
    nesterov: flag().default(false),
  }),
  z.strictObject({
    name: z.literal("rmsprop"),
    ...common(1e-2),
    alpha: number({ min: 0, max: 1 }).default(0.99),
    eps: positive().default(1e-8),
    momentum: positive().default(0),
    centered: flag().default(false),
  }),
  z.strictObject({
    name: z.literal("adagrad"),
    ...common(1e-2),
    lr_decay: positive().default(0),
    initial_accumulator_value: positive().default(0),
    eps: positive().default(1e-10),
    fused,
  }),
  z.strictObject({
    name: z.literal("adadelta"),
    ...common(1),
    rho: number({ min: 0, max: 1 }).default(0.9),
    eps: positive().default(1e-6),
  }),
  z.strictObject({ name: z.literal("adamax"), ...adam(2e-3) }),
  z.strictObject({
    name: z.literal("nadam"),
    ...adam(2e-3),
    ...decoupled,
    momentum_decay: positive().default(4e-3),
  }),
  z.strictObject({ name: z.literal("radam"), ...adam(1e-3), ...decoupled }),
  z.strictObject({
    name: z.literal("rprop"),
    lr: number({ above: 0 }).default(1e-2),
    etas: expecting(
      "two numbers, one between 0 and 1 and one above 1, [0.5, 1.2]",
      z.tuple([number({ above: 0, below: 1 }), number({ above: 1 })]),
    ).default([0.5, 1.2]),
    step_sizes: expecting(
      "the smallest and the largest step, [1.0e-6, 50]",
      z.tuple([positive(), positive()]).refine(([smallest, largest]) => smallest <= largest),
    ).default([1e-6, 50]),
  }),
  z.strictObject({
    name: z.literal("asgd"),
    ...common(1e-2),
    lambd: number().default(1e-4),
    alpha: number().default(0.75),
    t0: number().default(1e6),
  }),
  // Hugging Face's, with the settings of its Trainer: rate and schedule come from this config
  z.strictObject({
    name: z.literal("adafactor"),
    ...common(1e-3),
    eps: expecting("two numbers of at least 0, [1.0e-30, 1.0e-3]", z.tuple([positive(), positive()])).default(
      [1e-30, 1e-3],
    ),
    clip_threshold: number({ above: 0 }).default(1),
    decay_rate: number({ max: 0 }).default(-0.8),
    beta1: share().nullable().default(null),
    scale_parameter: flag().default(false),
  }),
  z.strictObject({
    name: z.literal("adafactor_torch"),
    ...common(1e-2),
    beta2_decay: number({ max: 0 }).default(-0.8),
    eps: expecting(
      "null or a number, and a number, [null, 1.0e-3]",
      z.tuple([positive().nullable(), positive()]),
    ).default([null, 1e-3]),
    d: number({ min: 1 }).default(1),
  }),
  z.strictObject({ name: z.literal("lion"), ...common(1e-4), betas: betas.default([0.9, 0.99]) }),
  z.strictObject({
    name: z.literal("lamb"),
    ...common(1e-3, 0.01),
    betas: betas.default([0.9, 0.999]),
    eps: positive().default(1e-6),
    bias_correction: flag().default(true),
  }),
  z.strictObject({
    name: z.literal("schedule_free_adamw"),
    ...adam(2.5e-3),
    ...scheduleFree,
  }),
  z.strictObject({
    name: z.literal("schedule_free_sgd"),
    ...common(1),
    momentum: number({ above: 0, below: 1 }).default(0.9),
    ...scheduleFree,
  }),
]);

const refusedOptions = {
  maximize: "a loss is always minimised here",
  foreach: "which kernel runs is chosen by fused",
  capturable: "it belongs to CUDA graphs",
  differentiable: "no gradient flows through the optimizer here",
};

/** What PyTorch's tools write out unless told otherwise; `decoupled_weight_decay` is an option of some. */
const neutralOptions = { maximize: [false], foreach: [false], capturable: [false], differentiable: [false] };

const ownRate = "the rate and its schedule come from this config";

/** Names the optimizers and their Python spellings. */
export const optimizerKind: ComponentKind = {
  kind: "optimizer",
  modules: ["torch.optim"],
  components: [
    torch("adamw", "AdamW", ["adamw_torch", "adamw_torch_fused"]),
    torch("adam", "Adam"),
    torch("sgd", "SGD"),
    torch("rmsprop", "RMSprop"),
    torch("adagrad", "Adagrad"),
    torch("adadelta", "Adadelta"),
    torch("adamax", "Adamax"),
    torch("nadam", "NAdam"),
    torch("radam", "RAdam"),
    torch("rprop", "Rprop"),
    torch("asgd", "ASGD"),
    {
      name: "adafactor",
      classes: ["Adafactor"],
      modules: ["transformers"],
      refusedOptions: { relative_step: ownRate, warmup_init: ownRate },
    },
    torch("adafactor_torch", "Adafactor"),
    { name: "lion", classes: ["Lion"], modules: ["lion_pytorch"], aliases: ["lion_32bit"] },
    { name: "lamb", classes: ["Lamb"], modules: ["torch_optimizer"] },
    { name: "schedule_free_adamw", classes: ["AdamWScheduleFree"], modules: ["schedulefree"] },
    { name: "schedule_free_sgd", classes: ["SGDScheduleFree"], modules: ["schedulefree"] },
  ],
  unavailable: ["lbfgs muon sparse_adam schedule_free_radam"].flatMap((names) => names.split(" ")),
};

function torch(name: string, className: string, aliases: readonly string[] = []): ComponentNames {
  return { name, classes: [className], aliases, neutralOptions, refusedOptions };
}
