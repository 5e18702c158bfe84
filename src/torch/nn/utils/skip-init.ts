// Modules without their first values.
import type { Device } from "../../dtype.ts";
import type { Module } from "../module.ts";

/**
 * Makes a module whose weights have memory of unknown content: for weights that are loaded right afterwards. The class
 * must take `device` among its last options and compute nothing from its weights in the constructor.
 *
 * @example
 * nn.utils.skipInit(nn.Linear, 3, 2).weight.shape; // => [2, 3]
 */
export function skipInit<M extends Module, Args extends unknown[]>(
  moduleClass: new (...args: Args) => M,
  ...args: Args
): M {
  const options = isOptions(args.at(-1)) ? (args.pop() as { device?: Device }) : {};
  const { device = "cpu", ...rest } = options;
  const module = new moduleClass(...([...args, { ...rest, device: "meta" }] as unknown as Args));
  return module.toEmpty({ device });
}

function isOptions(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
