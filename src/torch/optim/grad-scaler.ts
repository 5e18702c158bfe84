// Loss scaling for float16, whose small gradients would round to zero. bfloat16 and float32 need none.
import { UsageError } from "../../base/index.ts";
import { wrap } from "../binding.ts";
import { noGrad } from "../grad-mode.ts";
import { native } from "../native.ts";
import { rawOp } from "../raw.ts";
import { keep, scope } from "../scope.ts";
import { Tensor } from "../tensor.ts";
import { checkNumber } from "./options.ts";
import type { Optimizer } from "./optimizer.ts";

const add = rawOp("add_", "Tensor");
const checkAndUnscale = rawOp("_amp_foreach_non_finite_check_and_unscale_");
const fill = rawOp("fill_", "Scalar");
const full = rawOp("full");
const mul = rawOp("mul", "Tensor");
const reciprocal = rawOp("reciprocal");
const toDtype = rawOp("to", "dtype");
const updateScale = rawOp("_amp_update_scale_");

const int32 = 3;
const float16 = 5;
const float32 = 6;
const float64 = 7;

/** Options of `GradScaler`. */
export interface GradScalerOptions {
  /** @default 65536 */
  initScale?: number;
  /** Multiplies the scale after `growthInterval` updates without overflow. @default 2 */
  growthFactor?: number;
  /** Multiplies the scale after an overflow. @default 0.5 */
  backoffFactor?: number;
  /** Updates without overflow before the scale grows. @default 2000 */
  growthInterval?: number;
  /** When false, every method passes its argument through. @default true */
  enabled?: boolean;
}

/** State of a scaler as PyTorch's `state_dict()` names it; empty when the scaler is disabled. */
export interface GradScalerStateDict {
  scale: number;
  growth_factor: number;
  backoff_factor: number;
  growth_interval: number;
  _growth_tracker: number;
}

interface Progress {
  stage: "unscaled" | "stepped";
  /** 1 where a gradient was infinite or not a number. */
  foundInf: Tensor;
}

/**
 * Multiplies the loss so that float16 gradients keep their small values, divides the gradients again before
 * the update, skips the update when they overflowed, and adapts the scale.
 *
 * @example
 * const scaler = new optim.GradScaler({ initScale: 4 });
 * scaler.scale(torch.ones([])).item(); // => 4
 */
export class GradScaler {
  readonly enabled: boolean;
  #growthFactor: number;
  #backoffFactor: number;
  #growthInterval: number;
  #initScale: number;
  #initGrowthTracker = 0;
  // made on the device of the first loss
  #tensors: { scale: Tensor; growthTracker: Tensor } | undefined;
  #progress = new Map<Optimizer, Progress>();

  constructor(options: GradScalerOptions = {}) {
    const {
      initScale = 65536,
      growthFactor = 2,
      backoffFactor = 0.5,
      growthInterval = 2000,
      enabled = true,
    } = options;
    checkNumber("GradScaler", "initScale", initScale, { above: 0 });
    checkNumber("GradScaler", "growthFactor", growthFactor, { above: 1 });
    checkNumber("GradScaler", "backoffFactor", backoffFactor, { above: 0, below: 1 });
    checkNumber("GradScaler", "growthInterval", growthInterval, { min: 1, integer: true });
    this.enabled = enabled;
    this.#initScale = initScale;
    this.#growthFactor = growthFactor;
    this.#backoffFactor = backoffFactor;
    this.#growthInterval = growthInterval;
  }

  /** Returns the loss times the scale, or each of several losses. */
  scale(loss: Tensor): Tensor;
  scale(losses: readonly Tensor[]): Tensor[];
  scale(given: Tensor | readonly Tensor[]): Tensor | Tensor[] {
    if (!(given instanceof Tensor)) return given.map((loss) => this.scale(loss));
    if (!this.enabled) return given;
    this.#tensors ??= this.#makeTensors(given.device);
    return wrap(mul(given.handle, this.#tensors.scale.handle) as number);
  }

  /** Divides the gradients by the scale, in place; call it before clipping, at most once an update. */
  unscale_(optimizer: Optimizer): void {
    if (!this.enabled) return;
    const { scale } = this.#started("unscale_");
    const progress = this.#progress.get(optimizer);
    if (progress !== undefined) {
      throw new UsageError(
        `GradScaler.unscale_: must be called once before step(), got a call after ${progress.stage === "stepped" ? "step()" : "another"}. ` +
          `Call update() at the end of each iteration.`,
      );
    }
    const foundInf = scope(() =>
      noGrad(() => {
        // through float64, as PyTorch does: a float32 reciprocal of a large scale would lose bits
        const inverse = toDtype(reciprocal(toDtype(scale.handle, float64)), float32) as number;
        const found = wrap(full([], 0, float32, undefined, scale.device) as number);
        for (const gradients of gradientsByDtype(optimizer))
          checkAndUnscale(gradients, found.handle, inverse);
        return found;
      }),
    );
    this.#progress.set(optimizer, { stage: "unscaled", foundInf: keep(foundInf) });
  }

  /** Updates the parameters unless a gradient overflowed; returns whether it did. */
  step(optimizer: Optimizer): boolean {
    if (!this.enabled) {
      optimizer.step();
      return true;
    }
    this.#started("step");
    if (!this.#progress.has(optimizer)) this.unscale_(optimizer);
    const progress = this.#progress.get(optimizer)!;
    if (progress.stage === "stepped") {
      throw new UsageError(
        "GradScaler.step: must be called once for each update(), got a second call. Call update().",
      );
    }
    progress.stage = "stepped";
    if (progress.foundInf.item() !== 0) return false;
    optimizer.step();
    return true;
  }

  /**
   * Adapts the scale to whether gradients overflowed; call it at the end of each iteration. With `newScale` it
   * sets the scale to that instead.
   */
  update(newScale?: number): void {
    if (!this.enabled) return;
    const { scale, growthTracker } = this.#started("update");
    const found = [...this.#progress.values()].map(({ foundInf }) => foundInf);
    if (newScale !== undefined) {
      checkNumber("GradScaler.update", "newScale", newScale, { above: 0 });
      fill(scale.handle, newScale);
    } else if (found.length === 0) {
      throw new UsageError(
        "GradScaler.update: gradients must have been checked, got none. Call step(optimizer) first.",
      );
    }
    if (newScale === undefined) this.#adapt(scale, growthTracker, found);
    for (const tensor of found) tensor.dispose();
    this.#progress.clear();
  }

  /** Returns the present scale, 1 when disabled. Waits for the device. */
  getScale(): number {
    if (!this.enabled) return 1;
    return this.#tensors?.scale.item() ?? this.#initScale;
  }

  getGrowthFactor(): number {
    return this.#growthFactor;
  }

  setGrowthFactor(factor: number): void {
    checkNumber("GradScaler.setGrowthFactor", "factor", factor, { above: 1 });
    this.#growthFactor = factor;
  }

  getBackoffFactor(): number {
    return this.#backoffFactor;
  }

  setBackoffFactor(factor: number): void {
    checkNumber("GradScaler.setBackoffFactor", "factor", factor, { above: 0, below: 1 });
    this.#backoffFactor = factor;
  }

  getGrowthInterval(): number {
    return this.#growthInterval;
  }

  setGrowthInterval(interval: number): void {
    checkNumber("GradScaler.setGrowthInterval", "interval", interval, { min: 1, integer: true });
    this.#growthInterval = interval;
  }

  /** Whether it scales at all, as PyTorch's `is_enabled()`. */
  isEnabled(): boolean {
    return this.enabled;
  }

  /** Returns the state in PyTorch's names; call it after `update`. */
  stateDict(): GradScalerStateDict | Record<string, never> {
    if (!this.enabled) return {};
    return {
      scale: this.getScale(),
      growth_factor: this.#growthFactor,
      backoff_factor: this.#backoffFactor,
      growth_interval: this.#growthInterval,
      _growth_tracker: this.#tensors?.growthTracker.item() ?? this.#initGrowthTracker,
    };
  }

  /** Restores what `stateDict` gave; does nothing when disabled. */
  loadStateDict(saved: GradScalerStateDict | Record<string, never>): void {
    if (!this.enabled) return;
    const { scale, growth_factor, backoff_factor, growth_interval, _growth_tracker } =
      saved as GradScalerStateDict;
    const where = "GradScaler.loadStateDict";
    if (scale === undefined) {
      throw new UsageError(
        `${where}: the state must have scale, got an empty one. It was saved by a disabled scaler: train with the precision that it was saved with.`,
      );
    }
    checkNumber(where, "scale", scale, { above: 0 });
    checkNumber(where, "growth_factor", growth_factor, { above: 1 });
    checkNumber(where, "backoff_factor", backoff_factor, { above: 0, below: 1 });
    checkNumber(where, "growth_interval", growth_interval, { min: 1, integer: true });
    checkNumber(where, "_growth_tracker", _growth_tracker, { min: 0, integer: true });
    this.#initScale = scale;
    this.#growthFactor = growth_factor;
    this.#backoffFactor = backoff_factor;
    this.#growthInterval = growth_interval;
    this.#initGrowthTracker = _growth_tracker;
    if (this.#tensors === undefined) return;
    const { scale: scaleTensor, growthTracker } = this.#tensors;
    scope(() => {
      fill(scaleTensor.handle, scale);
      fill(growthTracker.handle, _growth_tracker);
    });
  }

  #adapt(scale: Tensor, growthTracker: Tensor, found: readonly Tensor[]): void {
    scope(() =>
      noGrad(() => {
        const combined = found[0]!.handle;
        for (const other of found.slice(1)) add(combined, other.handle);
        updateScale(
          scale.handle,
          growthTracker.handle,
          combined,
          this.#growthFactor,
          this.#backoffFactor,
          this.#growthInterval,
        );
      }),
    );
  }

  #makeTensors(device: string) {
    return {
      scale: keep(wrap(full([], this.#initScale, float32, undefined, device) as number)),
      growthTracker: keep(wrap(full([], this.#initGrowthTracker, int32, undefined, device) as number)),
    };
  }

  #started(method: string) {
    if (this.#tensors === undefined) {
      throw new UsageError(
        `GradScaler.${method}: the loss must have been scaled, got no call of scale(). Write scaler.scale(loss).backward().`,
      );
    }
    return this.#tensors;
  }
}

/** Returns handles of the gradients, apart by dtype as the kernel takes them. */
function gradientsByDtype(optimizer: Optimizer): Iterable<number[]> {
  const params = optimizer.paramGroups.flatMap((group) => group.params);
  const byDtype = new Map<number, number[]>();
  for (const gradient of native.gradValues(params.map((param) => param.handle))) {
    if (gradient === 0) continue;
    const dtype = native.dtype(gradient);
    if (dtype === float16) {
      throw new UsageError(
        "GradScaler: parameters must be float32 with float16 used in autocast alone, got float16 gradients. Keep the model in float32.",
      );
    }
    const list = byDtype.get(dtype);
    if (list === undefined) byDtype.set(dtype, [gradient]);
    else list.push(gradient);
  }
  return byDtype.values();
}
