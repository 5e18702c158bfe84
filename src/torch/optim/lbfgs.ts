// L-BFGS (Nocedal 1980; Liu and Nocedal 1989), after torch/optim/lbfgs.py: a closure is evaluated many times a step.
import { UsageError } from "../../base/index.ts";
import { cat, zeros } from "../functions.generated.ts";
import { enableGrad, noGrad } from "../grad-mode.ts";
import { keep, scope } from "../scope.ts";
import { Tensor } from "../tensor.ts";
import { checkChoice, checkNumber } from "./options.ts";
import { Optimizer } from "./optimizer.ts";
import type { OptimizerOptions, Params, ParamGroupInput } from "./param-groups.ts";
import type { OptimizerStateDict } from "./state-dict.ts";
import { strongWolfe } from "./strong-wolfe.ts";
import type { LinePoint } from "./strong-wolfe.ts";

/** Options of `LBFGS`. */
export interface LBFGSOptions extends OptimizerOptions {
  /** Updates in a step. @default 20 */
  maxIter: number;
  /** Evaluations of the closure in a step. @default maxIter * 5 / 4 */
  maxEval: number;
  /** Ends the step when no gradient is larger. @default 1e-7 */
  toleranceGrad: number;
  /** Ends the step when neither a weight nor the loss changes by more. @default 1e-9 */
  toleranceChange: number;
  /** Updates that are remembered to estimate the curvature. @default 100 */
  historySize: number;
  /** How far to go along a direction: by `lr`, or by a line search. @default null */
  lineSearchFn: "strong_wolfe" | null;
}

/** What is remembered between steps; PyTorch keeps it as the state of the first parameter. */
interface History {
  funcEvals: number;
  nIter: number;
  direction: Tensor;
  t: number;
  /** Differences of gradients, of weights, and the inverse of their product, for each update remembered. */
  oldDirs: Tensor[];
  oldStps: Tensor[];
  ro: number[];
  hDiag: number;
  prevFlatGrad: Tensor;
  prevLoss: number;
}

/**
 * Estimates the curvature from the last updates and goes along Newton's direction. For small problems whose
 * loss is that of all data. It wants a closure, which it calls several times in a step, and takes one group.
 * Defaults: `lr` 1, no line search.
 *
 * @example
 * const w = torch.tensor([4], { requiresGrad: true });
 * const optimizer = new optim.LBFGS([w], { lineSearchFn: "strong_wolfe" });
 * optimizer.step(() => {
 *   optimizer.zeroGrad();
 *   const loss = w.sub(3).pow(2).sum();
 *   loss.backward();
 *   return loss;
 * });
 * w.item().toFixed(4); // => "3.0000"
 */
export class LBFGS extends Optimizer<LBFGSOptions> {
  #history: History | undefined;

  constructor(params: Params<LBFGSOptions>, options: Partial<LBFGSOptions> = {}) {
    super(params, options, {
      lr: 1,
      maxIter: 20,
      maxEval: Math.floor(((options.maxIter ?? 20) * 5) / 4),
      toleranceGrad: 1e-7,
      toleranceChange: 1e-9,
      historySize: 100,
      lineSearchFn: null,
    });
  }

  override addParamGroup(input: ParamGroupInput<LBFGSOptions>): void {
    if (this.paramGroups.length > 0) {
      throw new UsageError(`${this.name}: takes one group of parameters, got another. Put them into one.`);
    }
    super.addParamGroup(input);
  }

  /** Throws without a closure. Returns what the first call of it gave. */
  protected override takeStep<Loss>(closure?: () => Loss): Loss {
    if (closure === undefined) {
      throw new UsageError(
        `${this.name}.step: a closure must be given, got none. Write optimizer.step(() => { optimizer.zeroGrad(); ...; return loss; }).`,
      );
    }
    const first = enableGrad(closure);
    const evaluate = () => scope(() => lossOf(enableGrad(closure)));
    scope(() => noGrad(() => this.#iterate(lossOf(first), evaluate)));
    return first;
  }

  #iterate(firstLoss: number, evaluate: () => number): void {
    const group = this.paramGroups[0]!;
    const { lr, maxIter, maxEval, toleranceGrad, toleranceChange, historySize, lineSearchFn } = group;
    // PyTorch computes with tensors of the parameters' precision
    const round = group.params[0]!.dtype === "float64" ? (value: number) => value : Math.fround;
    let evaluations = 1;
    let loss = firstLoss;
    let gradient = this.#flatGradient();
    let history = this.#history;
    if (history !== undefined) history.funcEvals++;
    if (largest(gradient) <= toleranceGrad) return;
    for (let i = 1; i <= maxIter; i++) {
      if (history === undefined) {
        history = this.#history = startOf(gradient);
      } else {
        remember(history, gradient, { historySize, round });
        const next = keep(directionOf(history, gradient, round));
        history.direction.dispose();
        history.direction = next;
      }
      history.nIter++;
      history.prevFlatGrad.copy_(gradient);
      history.prevLoss = loss;
      const { direction } = history;
      history.t = history.nIter === 1 ? round(Math.min(1, round(1 / gradient.abs().sum().item())) * lr) : lr;
      const slope = gradient.dot(direction).item();
      if (slope > -toleranceChange) break;

      let isOptimal = false;
      if (lineSearchFn === "strong_wolfe") {
        const start = { t: 0, loss, gradient, slope };
        const origins = group.params.map((param) => param.clone());
        const found = strongWolfe((t) => this.#evaluateAt(t, origins, evaluate), {
          start,
          t: history.t,
          reach: largest(direction),
          maxSearch: maxEval - evaluations,
          toleranceChange,
        });
        ({ loss, gradient, t: history.t } = found.point);
        evaluations += found.evaluations;
        history.funcEvals += found.evaluations;
        this.#move(history.t);
        isOptimal = largest(gradient) <= toleranceGrad;
      } else {
        this.#move(history.t);
        // the last point is for the next step to look at
        if (i < maxIter) {
          loss = evaluate();
          gradient = this.#flatGradient();
          evaluations++;
          history.funcEvals++;
          isOptimal = largest(gradient) <= toleranceGrad;
        }
      }
      if (evaluations >= maxEval || isOptimal) break;
      if (largest(direction.mul(history.t)) <= toleranceChange) break;
      if (Math.abs(loss - history.prevLoss) < toleranceChange) break;
    }
  }

  /** Evaluates the closure `t` along the direction, and comes back. */
  #evaluateAt(t: number, origins: readonly Tensor[], evaluate: () => number): LinePoint {
    this.#move(t);
    const loss = evaluate();
    const gradient = this.#flatGradient();
    this.paramGroups[0]!.params.forEach((param, i) => param.copy_(origins[i]!));
    return { t, loss, gradient, slope: gradient.dot(this.#history!.direction).item() };
  }

  #move(t: number): void {
    const { direction } = this.#history!;
    let offset = 0;
    for (const param of this.paramGroups[0]!.params) {
      param.add_(direction.narrow(0, offset, param.numel).view(param.shape), { alpha: t });
      offset += param.numel;
    }
  }

  #flatGradient(): Tensor {
    const parts = this.paramGroups[0]!.params.map(({ grad, numel, dtype, device }) => {
      if (grad === null) return zeros([numel], { dtype, device });
      return (grad.isSparse ? grad.toDense() : grad).flatten();
    });
    return cat(parts);
  }

  /** Returns the memory of past updates in PyTorch's shape, as the state of the first parameter. */
  override stateDict(): OptimizerStateDict {
    const groups = super.stateDict().param_groups;
    if (this.#history === undefined) return { state: {}, param_groups: groups };
    const { prevLoss, hDiag, t, direction, ...rest } = this.#history;
    const state = {
      func_evals: rest.funcEvals,
      n_iter: rest.nIter,
      d: direction,
      t,
      old_dirs: [...rest.oldDirs],
      old_stps: [...rest.oldStps],
      ro: [...rest.ro],
      H_diag: hDiag,
      prev_flat_grad: rest.prevFlatGrad,
      prev_loss: prevLoss,
    };
    return { state: { 0: state as unknown as Record<string, Tensor> }, param_groups: groups };
  }

  override loadStateDict(saved: OptimizerStateDict): void {
    const history = historyOf(saved.state[0], this.paramGroups[0]!.params);
    super.loadStateDict({ ...saved, state: {} });
    if (this.#history !== undefined) {
      const { direction, prevFlatGrad, oldDirs, oldStps } = this.#history;
      for (const tensor of [direction, prevFlatGrad, ...oldDirs, ...oldStps]) tensor.dispose();
    }
    this.#history = history;
  }

  protected override stateNames(): string[] {
    return [];
  }

  protected override checkOptions(options: LBFGSOptions): void {
    checkNumber(this.name, "maxIter", options.maxIter, { min: 1, integer: true });
    checkNumber(this.name, "maxEval", options.maxEval, { min: 1, integer: true });
    checkNumber(this.name, "toleranceGrad", options.toleranceGrad, { min: 0 });
    checkNumber(this.name, "toleranceChange", options.toleranceChange, { min: 0 });
    checkNumber(this.name, "historySize", options.historySize, { min: 1, integer: true });
    if (options.lineSearchFn !== null) {
      checkChoice(this.name, "lineSearchFn", options.lineSearchFn, ["strong_wolfe"]);
    }
  }

  protected override torchOptions(): Readonly<Record<string, unknown>> {
    return {};
  }
}

interface Rounding {
  round(value: number): number;
}

function startOf(gradient: Tensor): History {
  return {
    funcEvals: 1,
    nIter: 0,
    direction: keep(gradient.neg()),
    t: 0,
    oldDirs: [],
    oldStps: [],
    ro: [],
    hDiag: 1,
    prevFlatGrad: keep(gradient.clone()),
    prevLoss: 0,
  };
}

/** Adds the last update to the history, unless the loss curved the wrong way. */
function remember(
  history: History,
  gradient: Tensor,
  { historySize, round }: Rounding & { historySize: number },
): void {
  const { oldDirs, oldStps, ro } = history;
  const y = gradient.sub(history.prevFlatGrad);
  const s = history.direction.mul(history.t);
  const ys = y.dot(s).item();
  if (!(ys > 1e-10)) return;
  if (oldDirs.length === historySize) {
    oldDirs.shift()!.dispose();
    oldStps.shift()!.dispose();
    ro.shift();
  }
  oldDirs.push(keep(y));
  oldStps.push(keep(s));
  ro.push(round(1 / ys));
  history.hDiag = round(ys / y.dot(y).item());
}

/** Multiplies the gradient by the estimated inverse of the curvature, in two loops over the history. */
function directionOf(
  { oldDirs, oldStps, ro, hDiag }: History,
  gradient: Tensor,
  round: Rounding["round"],
): Tensor {
  const factors: number[] = [];
  const q = gradient.neg();
  for (let i = oldDirs.length - 1; i >= 0; i--) {
    factors[i] = round(oldStps[i]!.dot(q).item() * ro[i]!);
    q.add_(oldDirs[i]!, { alpha: -factors[i]! });
  }
  const direction = q.mul(hDiag);
  oldDirs.forEach((y, i) => {
    const factor = round(y.dot(direction).item() * ro[i]!);
    direction.add_(oldStps[i]!, { alpha: round(factors[i]! - factor) });
  });
  return direction;
}

function largest(tensor: Tensor): number {
  return tensor.abs().max().item();
}

function lossOf(loss: unknown): number {
  if (loss instanceof Tensor) return loss.item();
  if (typeof loss === "number") return loss;
  throw new UsageError(
    `LBFGS.step: the closure must return the loss, got ${typeof loss}. Write return loss.`,
  );
}

/** Reads what `stateDict` gave, here or in PyTorch, where numbers may be tensors; tensors are copied. */
function historyOf(
  saved: Record<string, unknown> | undefined,
  params: readonly Tensor[],
): History | undefined {
  if (saved === undefined || saved["d"] === undefined) return undefined;
  const length = params.reduce((sum, param) => sum + param.numel, 0);
  const where = "LBFGS.loadStateDict";
  const vector = (name: string, value: unknown): Tensor => {
    if (value instanceof Tensor && value.shape.length === 1 && value.shape[0] === length) {
      return keep(value.detach().clone());
    }
    throw new UsageError(
      `${where}: ${name} must be a vector of ${length}, the number of all weights. Load the state of an optimizer over the same model.`,
    );
  };
  const number = (name: string, value: unknown): number => {
    const read = value instanceof Tensor ? value.item() : value;
    checkNumber(where, name, read);
    return read;
  };
  const list = <T>(name: string, read: (name: string, value: unknown) => T): T[] =>
    (saved[name] as unknown[]).map((value, i) => read(`${name}[${i}]`, value));
  return scope(() => ({
    funcEvals: number("func_evals", saved["func_evals"]),
    nIter: number("n_iter", saved["n_iter"]),
    direction: vector("d", saved["d"]),
    t: number("t", saved["t"]),
    oldDirs: list("old_dirs", vector),
    oldStps: list("old_stps", vector),
    ro: list("ro", number),
    hDiag: number("H_diag", saved["H_diag"]),
    prevFlatGrad: vector("prev_flat_grad", saved["prev_flat_grad"]),
    prevLoss: number("prev_loss", saved["prev_loss"]),
  }));
}
