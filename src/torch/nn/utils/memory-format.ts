// The layout in memory of the weights of convolutions.
import type { MemoryFormat } from "../../dtype.ts";
import { Conv2d, Conv3d, ConvTranspose2d, ConvTranspose3d } from "../convolution.ts";
import type { Module } from "../module.ts";

/** Lays out the weights of all two-dimensional convolutions of a module, in place. */
export function convertConv2dWeightMemoryFormat<M extends Module>(module: M, memoryFormat: MemoryFormat): M {
  return convert(module, memoryFormat, (each) => each instanceof Conv2d || each instanceof ConvTranspose2d);
}

/** Lays out the weights of all three-dimensional convolutions of a module, in place. */
export function convertConv3dWeightMemoryFormat<M extends Module>(module: M, memoryFormat: MemoryFormat): M {
  return convert(module, memoryFormat, (each) => each instanceof Conv3d || each instanceof ConvTranspose3d);
}

function convert<M extends Module>(
  module: M,
  memoryFormat: MemoryFormat,
  isWanted: (each: Module) => boolean,
): M {
  for (const each of module.modules()) if (isWanted(each)) each.to({ memoryFormat });
  return module;
}
