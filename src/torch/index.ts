// libtorch in TypeScript: `import * as torch from "sconce/torch"`.
export * from "./ops.generated.ts";
export * as amp from "./amp/index.ts";
export * as autograd from "./autograd/index.ts";
export { grad, setDetectAnomaly } from "./autograd/index.ts";
export type { BackwardOptions, GradOptions } from "./autograd/index.ts";
export {
  autocast,
  enableGrad,
  inferenceMode,
  isGradEnabled,
  isInferenceModeEnabled,
  noGrad,
  setGradEnabled,
} from "./grad-mode.ts";
export type { AutocastOptions } from "./grad-mode.ts";
export {
  areDeterministicAlgorithmsEnabled,
  backends,
  getDeterministicDebugMode,
  getNumInteropThreads,
  getNumThreads,
  isDeterministicAlgorithmsWarnOnlyEnabled,
  setDeterministicDebugMode,
  getFloat32MatmulPrecision,
  setFloat32MatmulPrecision,
  setFlushDenormal,
  setNumInteropThreads,
  setNumThreads,
  useDeterministicAlgorithms,
  version,
} from "./context.ts";
export type { DeterministicOptions, MatmulPrecision } from "./context.ts";
export * as cuda from "./cuda.ts";
export * as func from "./func/index.ts";
export { vmap } from "./func/index.ts";
export {
  blockDiag,
  broadcastShapes,
  broadcastTensors,
  cartesianProd,
  cdist,
  chainMatmul,
  einsum,
  getDevice,
  isTensor,
  meshgrid,
  norm,
  numel,
  tensordot,
  unique,
  uniqueConsecutive,
  unravelIndex,
} from "./composites.ts";
export type { NormOptions, UniqueOptions } from "./composites.ts";
export { getDefaultDevice, setDefaultDevice } from "./default-device.ts";
export { getDefaultDtype, isFloatingPoint, setDefaultDtype } from "./dtype.ts";
export {
  bfloat16,
  bool,
  cdouble,
  cfloat,
  chalf,
  channelsLast,
  channelsLast3d,
  complex128,
  complex32,
  complex64,
  contiguousFormat,
  double,
  float,
  float16,
  float32,
  float64,
  float8_e4m3fn,
  float8_e4m3fnuz,
  float8_e5m2,
  float8_e5m2fnuz,
  float8_e8m0fnu,
  half,
  int,
  int16,
  int32,
  int64,
  int8,
  jagged,
  long,
  preserveFormat,
  short,
  sparseBsc,
  sparseBsr,
  sparseCoo,
  sparseCsc,
  sparseCsr,
  strided,
  uint16,
  uint32,
  uint64,
  uint8,
} from "./dtype-constants.ts";
export {
  dropShared,
  hashTensors,
  load,
  loadModel,
  loadNpy,
  loadNpz,
  loadSafetensors,
  loadShardedSafetensors,
  loadShardedTorchWeights,
  loadTorchWeights,
  readSafetensorsHeader,
  safeOpen,
  save,
  saveModel,
  saveNpy,
  saveNpz,
  saveSafetensors,
  saveShardedSafetensors,
} from "./io/index.ts";
export type {
  LoadNpzOptions,
  LoadOptions,
  SafetensorsFile,
  SafetensorsHeader,
  SaveNpzOptions,
  SaveShardedOptions,
  SelectOptions,
  SliceRange,
  TensorEntry,
  Unshared,
} from "./io/index.ts";
export { leakCheck } from "./leak-check.ts";
export { lobpcg } from "./lobpcg.ts";
export type { LobpcgOptions, LobpcgProgress, OrthoOptions } from "./lobpcg.ts";
export { pcaLowrank, svdLowrank } from "./low-rank.ts";
export type { PcaLowrankOptions, SvdLowrankOptions } from "./low-rank.ts";
export type { DefaultDtype, Device, Dtype, Layout, MemoryFormat } from "./dtype.ts";
export { canCast, finfo, iinfo, promoteTypes, resultType } from "./dtype-info.ts";
export type { FloatInfo, IntegerInfo } from "./dtype-info.ts";
export type { Complex, Scalar, TensorLike } from "./binding.ts";
export { asTensor, asarray, frombuffer, fromTypedArray, tensor } from "./factories.ts";
export type { TensorOptions, TensorValues } from "./factories.ts";
export type { Out } from "./operator-arguments.ts";
export { getPrintOptions, setPrintOptions } from "./format.ts";
export type { PrintOptions } from "./format.ts";
export { ellipsis, slice } from "./indexing.ts";
export type { Index, Slice } from "./indexing.ts";
export type { TensorData } from "./native.ts";
export * as nn from "./nn/index.ts";
export * as optim from "./optim/index.ts";
export * as profiler from "./profiler/index.ts";
export { Generator, getRngState, initialSeed, manualSeed, seed, setRngState } from "./random.ts";
export * as random from "./random.ts";
export { ops } from "./raw.ts";
export { isOutOfMemory, setMemoryLimit } from "./memory-limit.ts";
export { dispose, keep, memoryStats, scope, trimMemory } from "./scope.ts";
export type { MemoryStats } from "./scope.ts";
export { tensorsIn } from "./tensors-in.ts";
export { fromShared, shareMemory } from "./shared-memory.ts";
export type { SharedTensor } from "./shared-memory.ts";
export { Tensor } from "./tensor.ts";
export * as utils from "./utils/index.ts";
export type { ConversionOptions, NestedNumbers } from "./tensor.ts";
