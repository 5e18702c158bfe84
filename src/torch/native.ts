// Loads the addon, and libtorch with it, when something is first asked of it: whoever only names layers and operators, as
// registering a model does, waits for neither. Everything else in src/torch goes through ./binding.ts.
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { SetupError, TorchError, cpuLimit } from "../base/index.ts";

/** What native/src exports. Handles are numbers; 0 is "no tensor". */
export interface Native {
  defineOps(names: string): void;
  findOp(name: string, overload: string): number;
  call(op: number, ...args: unknown[]): unknown;
  schema(op: number): string;
  listSchemas(): string[];

  fromData(data: ArrayBufferView, shape: readonly number[], dtype: number): number;
  shareData(data: ArrayBufferView, shape: readonly number[], dtype: number): number;
  toData(handle: number): TensorData;
  viewData(handle: number): TensorData;
  writeData(handle: number, data: ArrayBufferView): void;
  setData(handle: number, other: number): void;
  item(handle: number): Scalar;
  shape(handle: number): number[];
  strides(handle: number): number[];
  dtype(handle: number): number;
  device(handle: number): string;
  numel(handle: number): number;
  nbytes(handle: number): number;
  itemsize(handle: number): number;
  layout(handle: number): number;
  gradFnName(handle: number): string;
  setDefaultDtype(dtype: number): void;
  isContiguous(handle: number): boolean;
  sameStorage(a: number, b: number): boolean;

  backward(
    roots: readonly number[],
    gradients: readonly number[],
    retainGraph: boolean,
    createGraph: boolean,
    inputs: readonly number[],
  ): void;
  gradOf(
    outputs: readonly number[],
    inputs: readonly number[],
    gradOutputs: readonly number[],
    retainGraph: boolean,
    createGraph: boolean,
    allowUnused: boolean,
  ): number[];
  /** Roots and inputs are handles, or edges as [node, number of its output]. */
  runEdges(
    roots: readonly (number | [NodeRef, number])[],
    gradients: readonly number[],
    inputs: readonly (number | [NodeRef, number])[],
    retainGraph: boolean,
    createGraph: boolean,
    accumulate: boolean,
  ): number[];
  grad(handle: number): number;
  grads(handles: readonly number[]): number[];
  setGrad(handle: number, gradient: number): void;
  clearGrads(handles: readonly number[]): void;
  requiresGrad(handle: number): boolean;
  setRequiresGrad(handle: number, flag: boolean): void;
  checkRequiresGradAllowed(): void;
  isLeaf(handle: number): boolean;
  retainGrad(handle: number): void;
  gradEnabled(): boolean;
  setGradEnabled(enabled: boolean): void;
  multithreading(): boolean;
  setMultithreading(enabled: boolean): void;
  setGradLayoutPolicy(enforced: boolean): boolean;
  enterInferenceMode(enabled: boolean): void;
  leaveInferenceMode(): void;
  inferenceMode(): boolean;
  autocastAvailable(device: string): boolean;
  autocastState(device: string): [enabled: boolean, dtype: number];
  enterAutocast(device: string, enabled: boolean, dtype: number): void;
  leaveAutocast(device: string, enabled: boolean, dtype: number): void;

  gradFn(handle: number): NodeRef | undefined;
  nodeName(node: NodeRef): string;
  nodeAddress(node: NodeRef): number;
  nextNodes(node: NodeRef): (NodeRef | undefined | number)[];
  registerNodePreHook(node: NodeRef, hook: (gradients: number[]) => number[] | undefined): HookRef;
  registerNodePostHook(
    node: NodeRef,
    hook: (gradients: number[], incoming: number[]) => number[] | undefined,
  ): HookRef;
  registerHook(handle: number, hook: (gradient: number) => number | undefined): HookRef;
  registerPostAccumulateGradHook(handle: number, hook: (handle: number) => void): HookRef;
  removeHook(hook: HookRef): void;
  gradientEdge(handle: number): [node: NodeRef, outputNr: number];
  graphTask(): number;
  willExecute(node: NodeRef): boolean;
  incrementVersion(handles: readonly number[]): void;
  tensorVersion(handle: number): number;

  applyFunction(
    name: string,
    inputs: readonly number[],
    outputs: readonly number[],
    nonDifferentiable: readonly number[],
    dirty: readonly number[],
    saved: readonly number[],
    materializeGrads: boolean,
    backward: (id: number, gradients: number[]) => void,
  ): number[];
  savedTensors(id: number): number[];
  nodeSavedTensors(node: NodeRef): number[];
  reachesEveryLeaf(): boolean;
  deliver(handles: readonly number[]): void;
  pushSavedHooks(
    pack: (handle: number) => [packed: unknown],
    unpack: (box: [packed: unknown], handles: number[]) => void,
  ): void;
  popSavedHooks(): void;
  allowMutation(): MutationRef;
  endMutation(region: MutationRef): void;

  pushVmap(batchSize: number, randomness: string): number;
  pushGrad(): number;
  pushJvp(): number;
  pushFunctionalize(addBackViews: boolean): number;
  popTransform(): void;
  addBatchDim(handle: number, dim: number, level: number): number;
  removeBatchDim(handle: number, level: number, batchSize: number, dim: number): number;
  isBatched(handle: number): boolean;
  wrapForLevel(handle: number, level: number): number;
  unwrapEnded(handle: number): number;
  wrapFunctional(handle: number, level: number): number;
  unwrapFunctional(handle: number, addBackViews: boolean): number;
  returnChanges(handle: number, wrapped: number): void;
  unwrapOnce(handle: number): number;
  enterDualLevel(): number;
  leaveDualLevel(level: number): void;
  setForwardGradEnabled(enabled: boolean): boolean;

  setAnomalyDetection(
    enabled: boolean,
    checkNan: boolean,
    describe: ((module: string, made: Error) => string) | null,
  ): void;
  anomalyDetection(): [enabled: boolean, checkNan: boolean];
  setCurrentModule(path: string): void;

  track(owner: object, handle: number): void;
  dispose(handle: number): void;
  isDisposed(handle: number): boolean;
  enterScope(): number;
  leaveScope(mark: number, kept: readonly number[]): void;
  memoryStats(): [live: number, openScopes: number, scoped: number, allocated: number];
  heldBytes(): [device: string, bytes: number][];
  fromShared(bytes: Uint8Array, shape: readonly number[], dtype: number): number;
  trimMemory(): void;
  setMemoryLimit(bytes: number): boolean;

  setNumThreads(threads: number): void;
  numThreads(): number;
  setNumInteropThreads(threads: number): void;
  numInteropThreads(): number;
  manualSeed(seed: number | bigint): void;
  newGenerator(seed: number | bigint): number;
  /** A generator is the index of one of ours, or the device of a default one. */
  generatorState(generator: number | string): number;
  setGeneratorState(generator: number | string, state: number): void;
  seedGenerator(generator: number | string, seed: number | bigint): void;
  generatorSeed(generator: number | string): number | bigint;
  setDeterministic(enabled: boolean, warnOnly: boolean, fillUninitializedMemory: boolean): void;
  deterministic(): [enabled: boolean, warnOnly: boolean, fillUninitializedMemory: boolean];
  setFlashAttention(enabled: boolean): void;
  flashAttention(): boolean;
  setFloat32MatmulPrecision(precision: string): void;
  float32MatmulPrecision(): "highest" | "high" | "medium";
  setFlushDenormal(enabled: boolean): boolean;
  /** Spells a device as libtorch does, and refuses what is none. */
  deviceName(device: string): string;
  version(): string;
  cpuCapability(): string;
  setErrorClass(errorClass: typeof TorchError): void;

  mapFile(fd: number): number;
  mapTensor(mapping: number, offset: number, shape: readonly number[], dtype: number): number;
  mapBytes(mapping: number, offset: number, length: number, alignment: number): number;
  unmapFile(mapping: number): void;

  scaledDotProductAttention(
    q: number,
    k: number,
    v: number,
    mask: number | null,
    dropoutP: number,
    isCausal: boolean,
    scale: number | undefined,
  ): number;

  isSparse(handle: number): boolean;
  holdsRows(handle: number): boolean;
  gradValues(handles: readonly number[]): number[];
  zerosOnDemand(shape: readonly number[]): number;
  adamRows(
    param: number,
    expAvg: number,
    expAvgSq: number,
    moved: number,
    step: number,
    lr: number,
    beta1: number,
    beta2: number,
    weightDecay: number,
    eps: number,
    maximize: boolean,
  ): void;
  tensorOver(
    handle: number,
    offset: number,
    shape: readonly number[],
    strides: readonly number[],
    dtype: number,
  ): number;
  storageOf(handle: number): [id: number, bytes: number, offset: number];

  hasCuda(): boolean;
  // only in a build with CUDA
  cudaDeviceCount?(): number;
  cudaCurrentDevice(): number;
  cudaSetDevice(device: number): void;
  cudaSynchronize(device: number): void;
  cudaEmptyCache(): void;
  cudaResetPeak(device: number): void;
  cudaProperties(
    device: number,
  ): [name: string, totalMemory: number, major: number, minor: number, multiProcessors: number];
  cudaMemoryStats(device: number): Record<string, number>;

  prepareProfiler(cuda: boolean, recordShapes: boolean, profileMemory: boolean, withFlops: boolean): void;
  startProfiler(): void;
  stopProfiler(): Recorded;
  saveTrace(recorded: Recorded, path: string): void;
  profilerEvents(recorded: Recorded): RecordedEvent[];
  enterRecord(name: string): void;
  leaveRecord(): void;
  startFlops(): void;
  takeFlops(): [operator: string, flops: number][];
  stopFlops(): [operator: string, flops: number][];
}

/** A node of a graph, the registration of a hook, a region of changes: values that only the addon can read. */
export type NodeRef = { readonly kind: "node" };
export type HookRef = { readonly kind: "hook" };
export type MutationRef = { readonly kind: "mutation" };

/** A complex number. */
export interface Complex {
  re: number;
  im: number;
}

/** A number as operators take it; a whole number is an integer, as JavaScript has no 1.0. */
export type Scalar = number | boolean | bigint | Complex;

/** A whole profile: a value that only the addon can read. */
export type Recorded = { readonly kind: "profile" };

/** What the profiler recorded of one operator, scope or allocation; times are since the start of the trace. */
export type RecordedEvent = [
  name: string,
  startNs: number,
  durationNs: number,
  thread: number,
  isAsync: boolean,
  device: string,
  flops: number,
  bytes: number,
  isHidden: boolean,
  shapes: number[][],
];

/** The typed arrays that hold a tensor's elements: bits for floats of 8 and 16 bits, pairs for complex. */
export type TensorData =
  | Float32Array
  | Float64Array
  | BigInt64Array
  | Int32Array
  | Int16Array
  | Int8Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array;

/** The addon; until something is asked of it, what loads it. */
export let native: Native = new Proxy({} as Native, {
  get: (_, name) => Reflect.get(loadNative(), name) as unknown,
});

let isLoaded = false;
const waiting: ((addon: Native) => void)[] = [];

/** Runs `use` as soon as the addon is loaded: now, or when something is first asked of it. */
export function whenLoaded(use: (addon: Native) => void): void {
  if (isLoaded) use(native);
  else waiting.push(use);
}

/** Loads the addon where it is not loaded yet. */
export function loadNative(): Native {
  if (isLoaded) return native;
  native = load();
  isLoaded = true;
  for (const use of waiting.splice(0)) use(native);
  return native;
}

/** Returns the version of the libtorch that the addon was built against, without loading it where that is written down. */
export function libtorchVersion(): string {
  const path = addonPath();
  try {
    const built = readFileSync(join(dirname(path), "addon.json"), "utf8");
    return (JSON.parse(built) as { libtorch: { version: string } }).libtorch.version;
  } catch {
    return existsSync(path) ? native.version() : "unknown"; // built by other means
  }
}

function addonPath(): string {
  return process.env["SCONCE_ADDON"] ?? join(packageRoot(), "native", "build", "sconce.node");
}

function load(): Native {
  const path = addonPath();
  if (!existsSync(path)) {
    throw new SetupError(`sconce/torch: the addon is not built, looked for ${path}. Run: npx sconce setup`);
  }
  let addon: Native;
  try {
    addon = createRequire(import.meta.url)(path) as Native;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SetupError(`sconce/torch: ${path} does not load: ${reason}. Run: npx sconce setup`, {
      cause: error,
    });
  }
  addon.setErrorClass(TorchError);
  addon.setNumThreads(defaultThreads());
  return addon;
}

/** Returns `SCONCE_NUM_THREADS`, else the cores that the container grants (libtorch would count the machine's). */
function defaultThreads(): number {
  const wanted = Number(process.env["SCONCE_NUM_THREADS"]);
  return Number.isInteger(wanted) && wanted > 0 ? wanted : Math.max(1, Math.floor(cpuLimit()));
}

function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "native", "package.json")) && dirname(folder) !== folder)
    folder = dirname(folder);
  return folder;
}
