// Muon (Jordan et al. 2024): momentum whose matrices are made orthogonal, for the hidden layers of a network.
import { UsageError } from "../../base/index.ts";
import { dtypeCode } from "../dtype.ts";
import { rawOp } from "../raw.ts";
import type { Tensor } from "../tensor.ts";
import { foreach } from "./foreach.ts";
import { checkBoolean, checkChoice, checkNumber, checkNumbers } from "./options.ts";
import { Optimizer, column, handleOf } from "./optimizer.ts";
import type { OptimizerOptions, ParamGroup, ParamGroupInput, Params } from "./param-groups.ts";

const add = rawOp("add_", "Tensor");
const addmm = rawOp("addmm");
const clampMin = rawOp("clamp_min");
const div = rawOp("div_", "Tensor");
const lerp = rawOp("lerp", "Scalar");
const matmul = rawOp("matmul");
const norm = rawOp("linalg_vector_norm");
const toDtype = rawOp("to", "dtype");
const transpose = rawOp("t");

/** Options of `Muon`. */
export interface MuonOptions extends OptimizerOptions {
  weightDecay: number;
  /** Share of the running average of gradients that is kept. @default 0.95 */
  momentum: number;
  /** Looks ahead along the momentum. @default true */
  nesterov: boolean;
  /** Coefficients of the quintic polynomial that makes a matrix orthogonal. @default [3.4445, -4.775, 2.0315] */
  nsCoefficients: readonly [number, number, number];
  /** Keeps the norm from zero. @default 1e-7 */
  eps: number;
  /** How often the polynomial is applied. @default 5 */
  nsSteps: number;
  /**
   * How the rate follows the shape of a matrix: `"original"` (null is the same) multiplies it by
   * `sqrt(max(1, rows / columns))`, `"match_rms_adamw"` by `0.2 * sqrt(max(rows, columns))`. @default null
   */
  adjustLrFn: "original" | "match_rms_adamw" | null;
}

const defaults: MuonOptions = {
  lr: 1e-3,
  weightDecay: 0.1,
  momentum: 0.95,
  nesterov: true,
  nsCoefficients: [3.4445, -4.775, 2.0315],
  eps: 1e-7,
  nsSteps: 5,
  adjustLrFn: null,
};

/**
 * Moves matrices along their momentum with all singular values near 1. Embeddings, biases and the output layer
 * are for another optimizer, AdamW. Defaults: `lr` 1e-3, `weightDecay` 0.1.
 *
 * @example
 * const w = torch.zeros([2, 2], { requiresGrad: true });
 * const optimizer = new optim.Muon([w], { lr: 0.1 });
 * w.mul(torch.eye(2)).sum().backward();
 * optimizer.step();
 * Math.abs(w.sum().item() + 0.2) < 0.1; // => true
 */
export class Muon extends Optimizer<MuonOptions> {
  constructor(params: Params<MuonOptions>, options: Partial<MuonOptions> = {}) {
    super(params, options, defaults);
  }

  override addParamGroup(input: ParamGroupInput<MuonOptions>): void {
    super.addParamGroup(input);
    const { params, paramNames } = this.paramGroups.at(-1)!;
    const i = params.findIndex((param) => param.shape.length !== 2);
    if (i < 0) return;
    this.paramGroups.pop();
    throw new UsageError(
      `${this.name}: ${paramNames?.[i] ?? `parameter ${i}`} must be a matrix, got the shape ` +
        `[${params[i]!.shape.join(", ")}]. Give it to another optimizer, AdamW.`,
    );
  }

  protected override update(
    group: ParamGroup<MuonOptions>,
    params: readonly Tensor[],
    gradients: readonly number[],
  ): void {
    const { lr, weightDecay, momentum, nesterov } = group;
    const buffers = column(this.statesOf(group, params), "momentumBuffer");
    foreach.lerp_(buffers, gradients, 1 - momentum);
    foreach.mulScalar_(params.map(handleOf), 1 - lr * weightDecay);
    params.forEach((param, i) => {
      const direction = nesterov ? (lerp(gradients[i], buffers[i], momentum) as number) : buffers[i]!;
      const [rows, columns] = param.shape as [number, number];
      const update = orthogonal(direction, rows > columns, group);
      add(param.handle, update, -lr * lrFactor(rows, columns, group));
    });
  }

  protected override stateNames(): string[] {
    return ["momentumBuffer"];
  }

  protected override checkOptions(options: MuonOptions): void {
    checkNumber(this.name, "momentum", options.momentum, { min: 0, max: 1 });
    checkBoolean(this.name, "nesterov", options.nesterov);
    checkNumbers(
      this.name,
      "nsCoefficients",
      options.nsCoefficients,
      [{}, {}, {}],
      "[3.4445, -4.775, 2.0315]",
    );
    checkNumber(this.name, "eps", options.eps, { min: 0 });
    checkNumber(this.name, "nsSteps", options.nsSteps, { min: 0, below: 100, integer: true });
    if (options.adjustLrFn !== null) {
      checkChoice(this.name, "adjustLrFn", options.adjustLrFn, ["original", "match_rms_adamw"]);
    }
  }

  protected override torchOptions(): Readonly<Record<string, unknown>> {
    return {};
  }
}

/** Brings the singular values of a matrix near 1 by Newton and Schulz's iteration, in bfloat16. */
function orthogonal(matrix: number, isTall: boolean, { nsCoefficients, nsSteps, eps }: MuonOptions): number {
  const [a, b, c] = nsCoefficients;
  const copied = toDtype(matrix, dtypeCode("bfloat16"), false, true) as number;
  let x = isTall ? (transpose(copied) as number) : copied;
  div(x, clampMin(norm(x, 2), eps)); // no singular value above 1
  for (let step = 0; step < nsSteps; step++) {
    const gram = matmul(x, transpose(x)) as number;
    const polynomial = addmm(gram, gram, gram, b, c) as number;
    x = addmm(x, polynomial, x, a) as number;
  }
  return isTall ? (transpose(x) as number) : x;
}

function lrFactor(rows: number, columns: number, { adjustLrFn }: MuonOptions): number {
  if (adjustLrFn === "match_rms_adamw") return 0.2 * Math.sqrt(Math.max(rows, columns));
  return Math.sqrt(Math.max(1, rows / columns));
}
