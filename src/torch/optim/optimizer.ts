// The base of every optimizer: parameter groups, state per parameter, state dicts. The rules of the update
// itself are in the subclasses.
import { UsageError, invariant } from "../../base/index.ts";
import { wrap } from "../binding.ts";
import { dtypeCode } from "../dtype.ts";
import type { Dtype } from "../dtype.ts";
import { enableGrad, noGrad } from "../grad-mode.ts";
import { native } from "../native.ts";
import { rawOp } from "../raw.ts";
import { keep, scope } from "../scope.ts";
import { Tensor } from "../tensor.ts";
import { foreach } from "./foreach.ts";
import { checkBoolean, checkNames, checkNumber } from "./options.ts";
import { checkParameter, groupsOf, splitNames } from "./param-groups.ts";
import type { OptimizerOptions, ParamGroup, ParamGroupInput, Params } from "./param-groups.ts";
import { packStateDict, unpackStateDict } from "./state-dict.ts";
import type { OptimizerStateDict } from "./state-dict.ts";

const emptyLike = rawOp("empty_like");
const zerosLike = rawOp("zeros_like");
const fill = rawOp("fill_", "Scalar");
const zeros = rawOp("zeros");
const copyInto = rawOp("copy_");
const toDense = rawOp("to_dense");

const float32 = 6;

/** What an optimizer remembers of one parameter: `step`, `expAvg`, `momentumBuffer`. */
export type ParamState = Record<string, Tensor>;

/** How an entry of the state lies in memory: as its parameter, as one float32 number, or in a shape of its own. */
export type StateLayout = "parameter" | "scalar" | { shape: readonly number[]; dtype?: Dtype };

/** Is called with the optimizer before or after each step. */
export type StepHook = (optimizer: Optimizer<any>) => void;

/**
 * Updates parameters from their gradients.
 *
 * State is made at a parameter's first gradient and outlives scopes; a parameter without gradient is skipped.
 * Subclasses give the rule (`update`), what it remembers (`stateNames`) and the ranges of its options.
 */
export abstract class Optimizer<Options extends OptimizerOptions = OptimizerOptions> {
  readonly defaults: Options;
  readonly paramGroups: ParamGroup<Options>[] = [];
  readonly state = new Map<Tensor, ParamState>();
  readonly #preHooks = new Set<StepHook>();
  readonly #postHooks = new Set<StepHook>();

  protected constructor(params: Params<Options>, options: Partial<Options>, defaults: Options) {
    checkNames(this.name, options, Object.keys(defaults));
    this.defaults = { ...defaults, ...options };
    this.#check(this.defaults);
    for (const group of groupsOf<Options>(this.name, params)) this.addParamGroup(group);
  }

  /** Name of the class, for messages. */
  get name(): string {
    return this.constructor.name;
  }

  /** Whether the optimizer sets the rates of its groups, which leaves nothing to a schedule. */
  get setsOwnLr(): boolean {
    return false;
  }

  /** Adds parameters with options of their own, as unfreezing layers during training needs. */
  addParamGroup(input: ParamGroupInput<Options>): void {
    const { params: given, ...options } = input;
    checkNames(this.name, options, [...Object.keys(this.defaults), "initialLr"]);
    const { params, paramNames } = splitNames(this.name, given);
    const group = {
      ...this.defaults,
      ...options,
      params,
      ...(paramNames !== undefined && { paramNames }),
    } as ParamGroup<Options>;
    this.#check(group);
    const taken = new Set(this.paramGroups.flatMap((other) => other.params));
    params.forEach((param, i) => {
      const label = paramNames?.[i] ?? `parameter ${i}`;
      checkParameter(this.name, label, param);
      if (taken.has(param)) {
        throw new UsageError(`${this.name}: ${label} must be in one group once, got it twice. Remove one.`);
      }
      taken.add(param);
    });
    const first = this.paramGroups[0];
    if (first !== undefined && (first.paramNames === undefined) !== (paramNames === undefined)) {
      throw new UsageError(
        `${this.name}: parameters must be named in all groups or in none, got both. Pass namedParameters() to each.`,
      );
    }
    this.paramGroups.push(group);
  }

  /**
   * Updates every parameter that has a gradient. With a closure, calls it first, recording gradients, and
   * returns what it returned: it forgets the old gradients, computes the loss and goes backward.
   */
  step(): undefined;
  step<Loss>(closure: () => Loss): Loss;
  step<Loss>(closure?: () => Loss): Loss | undefined {
    for (const hook of this.#preHooks) hook(this);
    const loss = this.takeStep(closure);
    for (const hook of this.#postHooks) hook(this);
    return loss;
  }

  /** Whether the weights that count are an average of those that are trained: see `train` and `eval`. */
  get averagesWeights(): boolean {
    return false;
  }

  /** Makes ready for training; some optimizers train other weights than those that they evaluate. */
  train(): void {}

  /** Makes ready for anything but training; `train` takes it back. */
  eval(): void {}

  /** Calls `hook` before each step, before its closure too. Returns what takes it off again. */
  registerStepPreHook(hook: StepHook): { remove(): void } {
    this.#preHooks.add(hook);
    return { remove: () => this.#preHooks.delete(hook) };
  }

  /** Calls `hook` after each step. Returns what takes it off again. */
  registerStepPostHook(hook: StepHook): { remove(): void } {
    this.#postHooks.add(hook);
    return { remove: () => this.#postHooks.delete(hook) };
  }

  /** Forgets the gradients; with `setToNone: false` fills them with zeros instead, which is slower. */
  zeroGrad({ setToNone = true }: { setToNone?: boolean } = {}): void {
    const params = this.paramGroups.flatMap((group) => group.params);
    if (setToNone) {
      native.clearGrads(params.map(handleOf));
      return;
    }
    scope(() =>
      noGrad(() => {
        const gradients = native.gradValues(params.map(handleOf)).filter((gradient) => gradient !== 0);
        if (gradients.length > 0) foreach.zero_(gradients);
      }),
    );
  }

  /** Returns state and options in PyTorch's shape and names. The tensors are the optimizer's own, not copies. */
  stateDict(): OptimizerStateDict {
    return packStateDict(this.paramGroups, this.state, this.torchOptions());
  }

  /**
   * Restores what `stateDict` gave, here or in PyTorch: tensors are copied in, options are taken over.
   * Throws, and changes nothing, unless the groups, the shapes and the kind of optimizer fit.
   */
  loadStateDict(saved: OptimizerStateDict): void {
    const loaded = unpackStateDict(saved, {
      name: this.name,
      groups: this.paramGroups,
      optionNames: Object.keys(this.defaults),
      torchOptions: this.torchOptions(),
      stateNames: (options, param) => this.stateNames(options as Options, param),
      stateLayout: (name, param) => this.stateLayout(name, param),
    });
    for (const options of loaded.options) this.#check({ ...this.defaults, ...options });
    const state = scope(() =>
      noGrad(() => loaded.state.map(({ param, values }) => [param, this.#copyState(param, values)] as const)),
    );
    for (const old of this.state.values()) for (const tensor of Object.values(old)) tensor.dispose();
    this.state.clear();
    for (const [param, tensors] of state) this.state.set(param, tensors);
    this.paramGroups.forEach((group, i) => Object.assign(group, loaded.options[i]));
  }

  /** Takes one step. Makes and frees its temporaries in a scope of its own. */
  protected takeStep<Loss>(closure?: () => Loss): Loss | undefined {
    const loss = closure === undefined ? undefined : enableGrad(closure);
    scope(() =>
      noGrad(() => {
        for (const group of this.paramGroups) this.updateGroup(group);
      }),
    );
    return loss;
  }

  /** Updates the parameters of a group that have gradients. */
  protected updateGroup(group: ParamGroup<Options>): void {
    const byRows = this.updatesRows(group) ? (param: Tensor) => this.updateRows(group, param) : undefined;
    for (const { params, gradients } of withGradients(group.params, byRows))
      this.update(group, params, gradients);
  }

  /** Whether `updateRows` takes the sparse gradients of this group; otherwise they are made dense. */
  updatesRows(_group: ParamGroup<Options>): boolean {
    return false;
  }

  /** Applies the rule by a sparse gradient, which holds the rows that a step has touched. */
  protected updateRows(_group: ParamGroup<Options>, _param: Tensor): void {
    invariant(false, `${this.name} says that it updates rows, but has no rule for them`);
  }

  /**
   * Applies the rule to parameters of one device and dtype; `gradients` are handles, one for each.
   * A subclass gives this, or `takeStep` where a step is more than one update.
   */
  protected update(
    _group: ParamGroup<Options>,
    _params: readonly Tensor[],
    _gradients: readonly number[],
  ): void {
    throw new UsageError(`${this.name}: a subclass must give update() or takeStep(), got neither.`);
  }

  /** Names what the state of a parameter must hold under these options. */
  protected abstract stateNames(options: Options, param: Tensor): string[];

  /** Says how an entry of the state lies in memory. */
  protected stateLayout(name: string, _param: Tensor): StateLayout {
    return name === "step" ? "scalar" : "parameter";
  }

  /** Whether kernels read the scalars of the state where the parameter is; else they stay on the CPU, cheap to read. */
  protected get scalarsOnDevice(): boolean {
    return false;
  }

  /** Returns the value that an entry of the state starts from. */
  protected initialState(_name: string, _group: ParamGroup<Options>, _param: Tensor): number | Tensor {
    return 0;
  }

  /** Throws when an option beyond `OptimizerOptions` is out of range. */
  protected abstract checkOptions(options: Options): void;

  /** Options that PyTorch's state dict has beside ours, with the values that describe what is done here. */
  protected torchOptions(): Readonly<Record<string, unknown>> {
    return { foreach: null, differentiable: false, capturable: false };
  }

  /** Returns the state of each parameter, by `stateNames`; what is not there yet starts from its initial value. */
  protected statesOf(group: ParamGroup<Options>, params: readonly Tensor[]): ParamState[] {
    return params.map((param) => {
      const state = this.stateOf(param);
      for (const name of this.stateNames(group, param)) state[name] ??= this.#start(name, group, param);
      return state;
    });
  }

  /** Returns the state of a parameter, empty at first. */
  protected stateOf(param: Tensor): ParamState {
    let state = this.state.get(param);
    if (state === undefined) {
      state = {};
      this.state.set(param, state);
    }
    return state;
  }

  #check(options: Options): void {
    checkNumber(this.name, "lr", options.lr, { min: 0 });
    if ("weightDecay" in options) checkNumber(this.name, "weightDecay", options.weightDecay, { min: 0 });
    if ("maximize" in options) checkBoolean(this.name, "maximize", options.maximize);
    this.checkOptions(options);
  }

  #start(name: string, group: ParamGroup<Options>, param: Tensor): Tensor {
    const entry = this.#blank(name, param);
    const initial = this.initialState(name, group, param);
    if (initial instanceof Tensor) copyInto(entry.handle, initial.handle);
    else if (initial !== 0) fill(entry.handle, initial);
    return entry;
  }

  #copyState(param: Tensor, values: Readonly<Record<string, Tensor | number>>): ParamState {
    return Object.fromEntries(
      Object.entries(values).map(([name, value]) => {
        const entry = this.#blank(name, param);
        if (value instanceof Tensor) copyInto(entry.handle, value.handle);
        else fill(entry.handle, value);
        return [name, entry];
      }),
    );
  }

  /** Returns zeros for an entry of the state, which outlive scopes. */
  #blank(name: string, param: Tensor): Tensor {
    const layout = this.stateLayout(name, param);
    if (layout === "parameter") {
      // state of rows that no gradient touches takes no memory
      const byRows = takesRows(param, native.grad(param.handle));
      const blank = byRows ? native.zerosOnDemand(param.shape) : (zerosLike(param.handle) as number);
      return keep(wrap(blank));
    }
    const made =
      layout === "scalar"
        ? zeros([], float32, undefined, this.scalarsOnDevice ? param.device : "cpu")
        : zeros(layout.shape, dtypeCode(layout.dtype ?? param.dtype), undefined, param.device);
    return keep(wrap(made as number));
  }
}

/** Returns the handles of one entry of several states. */
export function column(states: readonly ParamState[], name: string): number[] {
  return states.map((state) => state[name]!.handle);
}

/** Adds one to the step counters of these states, which are on the CPU, and returns them. */
export function countSteps(states: readonly ParamState[]): number[] {
  foreach.addScalar_(column(states, "step"), 1);
  return states.map((state) => state["step"]!.item());
}

/** Returns a tensor's handle. */
export function handleOf(tensor: Tensor): number {
  return tensor.handle;
}

/**
 * Picks the parameters that have a gradient, apart by device and dtype: a fused CUDA kernel takes one of each.
 * Those with a sparse gradient go to `byRows`, where there is one.
 */
function withGradients(
  params: readonly Tensor[],
  byRows: ((param: Tensor) => void) | undefined,
): { params: Tensor[]; gradients: number[] }[] {
  const gradients = native.grads(params.map(handleOf));
  const pairs: { param: Tensor; gradient: number }[] = [];
  params.forEach((param, i) => {
    const gradient = gradients[i]!;
    if (gradient === 0) return;
    if (byRows !== undefined && takesRows(param, gradient)) {
      byRows(param);
      return;
    }
    const dense = native.isSparse(gradient) ? (toDense(gradient) as number) : gradient;
    pairs.push({ param, gradient: sameLayout(param.handle, dense) });
  });
  return bucketsOf(pairs, ({ param }) => param).map((alike) => ({
    params: alike.map(({ param }) => param),
    gradients: alike.map(({ gradient }) => gradient),
  }));
}

/** Puts items apart by the device and dtype of their tensors. */
export function bucketsOf<T>(items: readonly T[], tensorOf: (item: T) => Tensor): T[][] {
  const buckets = new Map<string, T[]>();
  for (const item of items) {
    const { handle } = tensorOf(item);
    const key = `${native.device(handle)} ${native.dtype(handle)}`;
    const bucket = buckets.get(key);
    if (bucket === undefined) buckets.set(key, [item]);
    else bucket.push(item);
  }
  return [...buckets.values()];
}

/** Whether the kernels for rows take a parameter with this gradient, 0 where it has none. */
function takesRows(param: Tensor, gradient: number): boolean {
  return (
    gradient !== 0 &&
    native.holdsRows(gradient) &&
    param.dtype === "float32" &&
    param.device === "cpu" &&
    param.isContiguous &&
    param.numel > 0
  );
}

/** Returns the gradient laid out as its parameter: the fused kernels walk both by address, not by strides. */
function sameLayout(param: number, gradient: number): number {
  if (native.isContiguous(param) && native.isContiguous(gradient)) return gradient;
  if (String(native.strides(param)) === String(native.strides(gradient))) return gradient;
  const copy = emptyLike(param) as number;
  copyInto(copy, gradient);
  return copy;
}
