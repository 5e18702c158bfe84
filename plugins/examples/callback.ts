// A callback: ends the training as soon as a metric is good enough.
import { type Callback, registerCallback } from "sconce";
import type { Run } from "sconce/trainer";
import * as z from "zod";

const schema = z.strictObject({ monitor: z.string(), value: z.number() });

/** Ends the training at the first validation where `monitor` is at least `value`. */
export class StopAt implements Callback {
  static readonly schema = schema;
  readonly name = "stop_at";
  readonly config: z.output<typeof schema>;

  constructor(config: z.output<typeof schema>) {
    this.config = config;
  }

  onValidationEnd(run: Run, metrics: Readonly<Record<string, number>>): void {
    const { monitor, value } = this.config;
    if (run.stage !== "fit" || run.isSanityChecking || !(metrics[monitor]! >= value)) return;
    run.stop ??= "early_stopping";
  }
}

registerCallback("stop_at", StopAt);
