// Logs norms of the gradients, by the names of Lightning's grad_norm.
import { UsageError, pythonFloat } from "../../base/index.ts";
import { optim, scope } from "../../torch/index.ts";
import type { Tensor, nn } from "../../torch/index.ts";
import type { Run } from "../run.ts";
import type { Callback } from "./callback.ts";

/** Options of `GradNormMonitor`. */
export interface GradNormMonitorConfig {
  /** Which p-norm: a number above 0, or "inf". @default 2 */
  normType?: number | "inf";
  /**
   * Beside the norm of all gradients, `grad_2.0_norm_total`: those of each group of the optimizer, `grad_2.0_norm/pg1`, or
   * of each parameter, `grad_2.0_norm/<name>`. @default "total"
   */
  level?: "total" | "group" | "parameter";
  /** Stands between the norm and the name. @default "/" */
  groupSeparator?: string;
}

/** Logs norms of the gradients before they are clipped, whenever metrics are logged. */
export class GradNormMonitor implements Callback {
  readonly name = "grad_norm_monitor";
  readonly #normType: number;
  readonly #level: NonNullable<GradNormMonitorConfig["level"]>;
  readonly #separator: string;
  #norms: Record<string, number> | undefined;

  constructor({ normType = 2, level = "total", groupSeparator = "/" }: GradNormMonitorConfig = {}) {
    this.#normType = checkNormType(normType);
    this.#level = level;
    this.#separator = groupSeparator;
  }

  onBeforeOptimizerStep(run: Run, optimizer: optim.Optimizer): void {
    if ((run.state.step + 1) % run.config.logEveryNSteps !== 0) return;
    const normType = this.#normType;
    const { model } = run.task;
    if (this.#level === "parameter") {
      this.#norms = gradNorm(model, normType, { groupSeparator: this.#separator });
      return;
    }
    const prefix = prefixOf(normType);
    const groups = this.#level === "group" ? optimizer.paramGroups : [];
    const norms = new Map(
      groups.map(({ params }, i) => [`${prefix}${this.#separator}pg${i + 1}`, normOf(params, normType)]),
    );
    norms.set(`${prefix}_total`, normOf(model.parameters(), normType));
    const known = [...norms].filter((entry): entry is [string, number] => entry[1] !== undefined);
    this.#norms = Object.fromEntries(known);
  }

  onTrainBatchEnd(run: Run): void {
    if (this.#norms !== undefined) run.log(this.#norms);
    this.#norms = undefined;
  }
}

/**
 * Returns the norm of each parameter's gradient, `grad_2.0_norm/<name>`, and of all of them as one vector,
 * `grad_2.0_norm_total`; nothing where there are no gradients.
 *
 * @throws UsageError unless `normType` is above 0 or "inf"
 */
export function gradNorm(
  module: nn.Module,
  normType: number | "inf",
  { groupSeparator = "/" }: { groupSeparator?: string } = {},
): Record<string, number> {
  const p = checkNormType(normType);
  const prefix = prefixOf(p);
  const norms: Record<string, number> = {};
  for (const [name, parameter] of module.namedParameters()) {
    const norm = normOf([parameter], p);
    if (norm !== undefined) norms[`${prefix}${groupSeparator}${name}`] = norm;
  }
  const total = normOf(module.parameters(), p);
  return total === undefined ? norms : { ...norms, [`${prefix}_total`]: total };
}

/** Returns the norm of the parameters' gradients as one vector; undefined where none has one. */
function normOf(params: readonly Tensor[], normType: number): number | undefined {
  return scope(() => {
    const gradients = params.flatMap(({ grad }) => (grad === null ? [] : [grad]));
    return gradients.length === 0 ? undefined : optim.getTotalNorm(gradients, { normType }).item();
  });
}

function prefixOf(normType: number): string {
  return `grad_${pythonFloat(normType)}_norm`;
}

function checkNormType(normType: number | "inf"): number {
  const value = normType === "inf" ? Infinity : normType;
  if (typeof value === "number" && value > 0) return value;
  throw new UsageError(`gradNorm: normType must be a number above 0 or "inf", got ${String(normType)}.`);
}
