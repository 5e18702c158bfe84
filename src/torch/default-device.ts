// Where factories make tensors; after torch/utils/_device.py.
import { UsageError } from "../base/index.ts";
import type { Device } from "./dtype.ts";
import { native } from "./native.ts";

let chosen: Device | undefined;
let empty: number | undefined; // looked up late: the numbers of the generated operators begin at 0

/**
 * Returns the device on which factories make tensors: "cpu" unless set, with the number of the current one for a kind
 * of which there are several.
 */
export function getDefaultDevice(): Device {
  if (chosen === undefined || ["cpu", "meta"].includes(chosen) || chosen.includes(":"))
    return chosen ?? "cpu";
  empty ??= native.findOp("aten::empty", "memory_format");
  const handle = native.call(empty, [0], undefined, undefined, chosen) as number;
  try {
    return native.device(handle);
  } finally {
    native.dispose(handle);
  }
}

/**
 * Sets the device on which factories without a `device` make tensors, from here on or while `run` runs; null is the CPU
 * again. Modules make their weights there too. What takes tensors keeps to their device: `zerosLike`, `x.newZeros`,
 * `sparseCooTensor`. What shares memory stays on the CPU: `fromTypedArray`, `frombuffer`. Of this thread.
 *
 * @example
 * torch.setDefaultDevice("meta", () => new torch.nn.Linear(2, 3).weight.device); // => "meta"
 * torch.getDefaultDevice(); // => "cpu"
 */
export function setDefaultDevice(device: Device | null): void;
export function setDefaultDevice<T>(device: Device | null, run: () => T): T;
export function setDefaultDevice<T>(device: Device | null, run?: () => T): T | void {
  if (device !== null && typeof device !== "string") {
    throw new UsageError(
      `setDefaultDevice: device must be a name such as "cuda" or null, got ${typeof device}.`,
    );
  }
  const before = chosen;
  chosen = device === null ? undefined : native.deviceName(device);
  if (run === undefined) return;
  try {
    return run();
  } finally {
    chosen = before;
  }
}

/** Returns the device that a factory was given, else the default one; undefined for the CPU. */
export function deviceOr(device: Device | null | undefined): Device | undefined {
  return device ?? chosen;
}
