// Custom functions under autocast; after custom_fwd and custom_bwd of torch/amp/autocast_mode.py.
import { UsageError } from "../../base/index.ts";
import { dtypeName, isFloatingPoint } from "../dtype.ts";
import type { Device, Dtype } from "../dtype.ts";
import { mapTensors } from "../func/tree.ts";
import { autocast } from "../grad-mode.ts";
import { native } from "../native.ts";

/** Options of `customFwd`. */
export interface CustomForwardOptions {
  /** The kind of device whose autocast counts: "cpu", "cuda". */
  device: Device;
  /**
   * Under autocast, casts the floating-point tensors of this device among the inputs (float64 excepted) and runs the
   * forward with autocast off. Left out, the forward runs under autocast as it is.
   */
  castInputs?: Dtype;
}

interface AutocastState {
  enabled: boolean;
  dtype: number;
}

// by the context of one call
const states = new WeakMap<object, AutocastState>();

/**
 * Wraps the `forward` of a custom function so that `customBwd` can run its backward under the same autocast, with
 * `castInputs` in one precision. Outside of autocast it changes nothing.
 *
 * @example
 * class Square extends torch.autograd.Function {
 *   static override forward = torch.amp.customFwd(
 *     (ctx: torch.autograd.FunctionContext, x: torch.Tensor) => {
 *       ctx.saveForBackward(x);
 *       return x.mul(x);
 *     },
 *     { device: "cpu", castInputs: "float32" },
 *   );
 *   static override backward = torch.amp.customBwd(
 *     (ctx: torch.autograd.FunctionContext, gradient: torch.Tensor) => gradient.mul(ctx.savedTensors[0]!).mul(2),
 *     { device: "cpu" },
 *   );
 * }
 * const x = torch.ones([2], { dtype: "bfloat16" });
 * torch.autocast({ device: "cpu" }, () => Square.apply(x)).dtype; // => "float32"
 */
export function customFwd<Context extends object, Inputs extends unknown[], Output>(
  forward: (ctx: Context, ...inputs: Inputs) => Output,
  { device, castInputs }: CustomForwardOptions,
): (ctx: Context, ...inputs: Inputs) => Output {
  checkDevice("customFwd", device);
  return (ctx, ...inputs) => {
    const [enabled, dtype] = native.autocastState(device);
    states.set(ctx, { enabled: enabled && castInputs === undefined, dtype });
    if (!enabled || castInputs === undefined) return forward(ctx, ...inputs);
    const cast = mapTensors(inputs, (tensor) =>
      isFloatingPoint(tensor.dtype) && tensor.dtype !== "float64" && isOn(tensor.device, device)
        ? tensor.to(castInputs)
        : tensor,
    );
    return autocast({ device, enabled: false }, () => forward(ctx, ...cast));
  };
}

/** Wraps the `backward` of a custom function to run under the autocast that its forward, wrapped by `customFwd`, had. */
export function customBwd<Context extends object, Gradients extends unknown[], Output>(
  backward: (ctx: Context, ...gradients: Gradients) => Output,
  { device }: { device: Device },
): (ctx: Context, ...gradients: Gradients) => Output {
  checkDevice("customBwd", device);
  return (ctx, ...gradients) => {
    const state = states.get(ctx);
    if (state === undefined) {
      throw new UsageError("customBwd: the forward must be wrapped by customFwd, got one that is not.");
    }
    const dtype = dtypeName(state.dtype) as "bfloat16" | "float16";
    return autocast({ device, dtype, enabled: state.enabled }, () => backward(ctx, ...gradients));
  };
}

/**
 * Tells whether libtorch has autocast for a kind of device.
 *
 * @example
 * [torch.amp.isAutocastAvailable("cpu"), torch.amp.isAutocastAvailable("meta")]; // => [true, false]
 */
export function isAutocastAvailable(device: Device): boolean {
  return native.autocastAvailable(device);
}

function checkDevice(where: string, device: unknown): void {
  if (typeof device === "string") return;
  throw new UsageError(`${where}: device must name a kind of device, "cpu" or "cuda", got ${typeof device}.`);
}

function isOn(device: Device, kind: Device): boolean {
  return device.split(":")[0] === kind.split(":")[0];
}
