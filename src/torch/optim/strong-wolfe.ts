// The line search of L-BFGS: finds a step that meets the strong Wolfe conditions, as torch/optim/lbfgs.py does.
import type { Tensor } from "../tensor.ts";

/** What is known at a point of the line. */
export interface LinePoint {
  /** How far along the direction. */
  t: number;
  loss: number;
  gradient: Tensor;
  /** Derivative of the loss along the direction. */
  slope: number;
}

/** Options of `strongWolfe`. */
export interface StrongWolfeOptions {
  /** Where the line begins: `t` is 0. */
  start: LinePoint;
  /** First step to try. */
  t: number;
  /** Largest change of a weight for `t` of 1. */
  reach: number;
  /** Evaluations that may be spent. */
  maxSearch: number;
  toleranceChange: number;
}

const sufficientDecrease = 1e-4;
const curvature = 0.9;

/** Returns a point that lowers the loss enough and where the slope has flattened, or the best one found. */
export function strongWolfe(
  evaluate: (t: number) => LinePoint,
  { start, t, reach, maxSearch, toleranceChange }: StrongWolfeOptions,
): { point: LinePoint; evaluations: number } {
  const isTooHigh = (point: LinePoint) =>
    point.loss > start.loss + sufficientDecrease * point.t * start.slope;
  const isFlat = (point: LinePoint) => Math.abs(point.slope) <= -curvature * start.slope;

  // go on until a point is good, or two of them have one between them
  let previous = start;
  let point = evaluate(t);
  let evaluations = 1;
  let searched = 0;
  let bracket: [LinePoint, LinePoint] | undefined;
  while (searched < maxSearch) {
    if (isTooHigh(point) || (searched > 1 && point.loss >= previous.loss)) {
      bracket = [previous, point];
      break;
    }
    if (isFlat(point)) return { point, evaluations };
    if (point.slope >= 0) {
      bracket = [previous, point];
      break;
    }
    const lowest = point.t + 0.01 * (point.t - previous.t);
    const next = cubicMinimum(previous, point, [lowest, point.t * 10]);
    previous = point;
    point = evaluate(next);
    evaluations++;
    searched++;
  }
  bracket ??= [start, point];

  // narrow the bracket down; of two equal ends the first is the low one
  let low: 0 | 1 = bracket[0].loss <= bracket[1].loss ? 0 : 1;
  let isSlow = false;
  let isDone = false;
  while (!isDone && searched < maxSearch) {
    const [left, right] = [Math.min(bracket[0].t, bracket[1].t), Math.max(bracket[0].t, bracket[1].t)];
    if ((right - left) * reach < toleranceChange) break;
    let next = cubicMinimum(bracket[0], bracket[1], [left, right]);
    // a step that stays near an end twice is moved inwards
    const margin = 0.1 * (right - left);
    const isNear = Math.min(right - next, next - left) < margin;
    if (isNear && (isSlow || next >= right || next <= left)) {
      next = Math.abs(next - right) < Math.abs(next - left) ? right - margin : left + margin;
      isSlow = false;
    } else {
      isSlow = isNear;
    }
    point = evaluate(next);
    evaluations++;
    searched++;
    const high = low === 0 ? 1 : 0;
    if (isTooHigh(point) || point.loss >= bracket[low].loss) {
      bracket[high] = point;
      low = bracket[0].loss <= bracket[1].loss ? 0 : 1;
      continue;
    }
    isDone = isFlat(point);
    if (!isDone && point.slope * (bracket[high].t - bracket[low].t) >= 0) bracket[high] = bracket[low];
    bracket[low] = point;
  }
  return { point: bracket[low], evaluations };
}

/** Returns where the cubic through two points and their slopes is lowest, within bounds. */
function cubicMinimum(a: LinePoint, b: LinePoint, [lowest, highest]: readonly [number, number]): number {
  const [left, right] = a.t <= b.t ? [a, b] : [b, a];
  const d1 = left.slope + right.slope - (3 * (left.loss - right.loss)) / (left.t - right.t);
  const square = d1 ** 2 - left.slope * right.slope;
  if (!(square >= 0)) return (lowest + highest) / 2;
  const d2 = Math.sqrt(square);
  const share = (right.slope + d2 - d1) / (right.slope - left.slope + 2 * d2);
  return Math.min(Math.max(right.t - (right.t - left.t) * share, lowest), highest);
}
