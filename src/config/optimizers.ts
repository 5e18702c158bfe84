// The optimizers that a config may name, with PyTorch's options and defaults (torch 2.13).
import * as z from "zod";
import type { ComponentKind } from "./components.ts";
import { expecting, flag, number } from "./fields.ts";

const betas = expecting(
  "two numbers of at least 0 and below 1, [0.9, 0.999]",
  z.tuple([number({ min: 0, below: 1 }), number({ min: 0, below: 1 })]),
);

const common = {
  /** Step size. */
  lr: number({ above: 0 }).default(1e-3),
  /** Leaves biases and LayerNorm weights out of weight decay, as Hugging Face does. */
  no_decay: flag().default(true),
};

const adam = {
  ...common,
  betas: betas.default([0.9, 0.999]),
  eps: number({ min: 0 }).default(1e-8),
  amsgrad: flag().default(false),
  fused: expecting("true, as every update runs in one fused kernel", z.literal(true)).optional(),
};

/** Accepts an optimizer by name with its options. */
export const optimizerSchema = z.discriminatedUnion("name", [
  z.strictObject({ name: z.literal("adamw"), ...adam, weight_decay: number({ min: 0 }).default(0.01) }),
  z.strictObject({ name: z.literal("adam"), ...adam, weight_decay: number({ min: 0 }).default(0) }),
  z.strictObject({
    name: z.literal("sgd"),
    ...common,
    momentum: number({ min: 0 }).default(0),
    dampening: number().default(0),
    nesterov: flag().default(false),
    weight_decay: number({ min: 0 }).default(0),
  }),
]);

const refusedOptions = {
  maximize: "a loss is always minimised here",
  foreach: "which kernel runs is chosen by fused",
  capturable: "it belongs to CUDA graphs",
  differentiable: "no gradient flows through the optimizer here",
};

/** Names the optimizers and their Python spellings. */
export const optimizerKind: ComponentKind = {
  kind: "optimizer",
  modules: ["torch.optim"],
  components: [
    { name: "adamw", classes: ["AdamW"], aliases: ["adamw_torch", "adamw_torch_fused"], refusedOptions },
    { name: "adam", classes: ["Adam"], refusedOptions },
    { name: "sgd", classes: ["SGD"], refusedOptions },
  ],
  unavailable: [
    "adafactor adagrad adadelta adamax asgd lamb lbfgs lion muon nadam radam rmsprop rprop",
    "sparse_adam schedule_free_adamw",
  ].flatMap((names) => names.split(" ")),
};
