// The section on training in several processes. It is checked here; what it asks for, no training does yet.
import * as z from "zod";
import { choice, expecting, integer } from "./fields.ts";

/** Accepts the section; the other keys take effect where `enabled` is true. */
export const distributedSchema = z.strictObject({
  enabled: z.literal(false).default(false),
  /** Processes of a machine, each with a device; `auto`: as many as there are devices. */
  devices: expecting(
    "an integer of at least 1, or auto",
    z.union([z.int().min(1), z.literal("auto")]),
  ).default("auto"),
  num_nodes: integer({ min: 1 }).default(1),
  /** How weights and gradients are divided. */
  strategy: choice(["ddp", "fsdp", "zero"]).default("ddp"),
  /** What carries the gradients; `auto`: nccl between GPUs, else gloo. */
  backend: choice(["auto", "gloo", "nccl"]).default("auto"),
});
