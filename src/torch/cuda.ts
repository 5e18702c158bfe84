// NVIDIA GPUs: how many there are, which is used, and what their allocator holds.
import { SetupError, UsageError } from "../base/index.ts";
import type { Device } from "./dtype.ts";
import { native } from "./native.ts";

/** A device by its number or its name; without one, the current device is meant. */
export type CudaDevice = number | Device;

/** What a GPU says of itself. */
export interface CudaDeviceProperties {
  name: string;
  /** Bytes. */
  totalMemory: number;
  major: number;
  minor: number;
  multiProcessorCount: number;
}

/** Whether tensors can be put on a GPU: libtorch is built with CUDA, and a GPU is found. Never throws. */
export function isAvailable(): boolean {
  return native.hasCuda() && deviceCount() > 0;
}

/** Returns how many GPUs there are; 0 without CUDA. Never throws. */
export function deviceCount(): number {
  return native.cudaDeviceCount?.() ?? 0;
}

/** Returns the number of the device that `cuda` means. */
export function currentDevice(): number {
  return cuda("currentDevice").cudaCurrentDevice();
}

/** Sets which device `cuda` means on this thread. */
export function setDevice(device: CudaDevice): void {
  cuda("setDevice").cudaSetDevice(indexOf("setDevice", device));
}

/** Returns the name of a GPU. */
export function getDeviceName(device?: CudaDevice): string {
  return getDeviceProperties(device).name;
}

/** Returns the major and minor number of a GPU's compute capability. */
export function getDeviceCapability(device?: CudaDevice): [major: number, minor: number] {
  const { major, minor } = getDeviceProperties(device);
  return [major, minor];
}

/** Returns what a GPU says of itself. */
export function getDeviceProperties(device?: CudaDevice): CudaDeviceProperties {
  const addon = cuda("getDeviceProperties");
  const [name, totalMemory, major, minor, multiProcessorCount] = addon.cudaProperties(
    indexOf("getDeviceProperties", device),
  );
  return { name, totalMemory, major, minor, multiProcessorCount };
}

/** Waits until a GPU has done all that it was given. */
export function synchronize(device?: CudaDevice): void {
  cuda("synchronize").cudaSynchronize(indexOf("synchronize", device));
}

/** Gives memory that no tensor uses back to the GPU, for other programs; does nothing without CUDA, as Python's. */
export function emptyCache(): void {
  if (isAvailable()) native.cudaEmptyCache();
}

/** Returns the allocator's counters by PyTorch's keys, `allocated_bytes.all.peak`. */
export function memoryStats(device?: CudaDevice): Record<string, number> {
  return cuda("memoryStats").cudaMemoryStats(indexOf("memoryStats", device));
}

/** Returns the bytes that tensors hold. */
export function memoryAllocated(device?: CudaDevice): number {
  return memoryStats(device)["allocated_bytes.all.current"]!;
}

/** Returns the most bytes that tensors have held since the start or `resetPeakMemoryStats`. */
export function maxMemoryAllocated(device?: CudaDevice): number {
  return memoryStats(device)["allocated_bytes.all.peak"]!;
}

/** Returns the bytes that the allocator holds, used or not. */
export function memoryReserved(device?: CudaDevice): number {
  return memoryStats(device)["reserved_bytes.all.current"]!;
}

/** Returns the most bytes that the allocator has held since the start or `resetPeakMemoryStats`. */
export function maxMemoryReserved(device?: CudaDevice): number {
  return memoryStats(device)["reserved_bytes.all.peak"]!;
}

/** Starts the peaks of `memoryStats` anew. */
export function resetPeakMemoryStats(device?: CudaDevice): void {
  cuda("resetPeakMemoryStats").cudaResetPeak(indexOf("resetPeakMemoryStats", device));
}

/** Seeds the current GPU's generator. */
export function manualSeed(seed: number | bigint): void {
  if (isAvailable()) native.seedGenerator(`cuda:${currentDevice()}`, seed);
}

/** Seeds every GPU's generator. Does nothing without CUDA, as Python's. */
export function manualSeedAll(seed: number | bigint): void {
  for (let i = 0; i < deviceCount(); i++) native.seedGenerator(`cuda:${i}`, seed);
}

function cuda(name: string): typeof native {
  if (!native.hasCuda()) {
    throw new SetupError(
      `cuda.${name}: needs a build with CUDA, and the linked libtorch ${native.version()} has none. ` +
        `Ask torch.cuda.isAvailable() first.`,
    );
  }
  if (deviceCount() === 0) {
    throw new SetupError(
      `cuda.${name}: no GPU is found. Check nvidia-smi, or ask torch.cuda.isAvailable() first.`,
    );
  }
  return native;
}

function indexOf(name: string, device: CudaDevice | undefined): number {
  const text = typeof device === "string" ? /^cuda(?::(\d+))?$/.exec(device) : undefined;
  if (text === null) throw new UsageError(`cuda.${name}: expects a CUDA device, got "${device}".`);
  if (device === undefined || device === "cuda") return native.cudaCurrentDevice();
  const index = typeof device === "number" ? device : Number(text![1]);
  if (!Number.isInteger(index) || index < 0 || index >= deviceCount()) {
    throw new UsageError(`cuda.${name}: device must be in [0, ${deviceCount() - 1}], got ${index}.`);
  }
  return index;
}
