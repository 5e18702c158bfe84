// The base of every optimizer: parameter groups, state per parameter, state dicts. The rules of the update
// itself are in the subclasses.
import { UsageError } from "../../base/index.ts";
import { wrap } from "../binding.ts";
import { noGrad } from "../grad-mode.ts";
import { native } from "../native.ts";
import { rawOp } from "../raw.ts";
import { keep, scope } from "../scope.ts";
import { Tensor } from "../tensor.ts";
import { checkBoolean, checkNames, checkNumber } from "./options.ts";
import { checkParameter, groupsOf, splitNames } from "./param-groups.ts";
import type { OptimizerOptions, ParamGroup, ParamGroupInput, Params } from "./param-groups.ts";
import { packStateDict, unpackStateDict } from "./state-dict.ts";
import type { OptimizerStateDict } from "./state-dict.ts";

const emptyLike = rawOp("empty_like");
const zerosLike = rawOp("zeros_like");
const zeroForeach = rawOp("_foreach_zero_");
const copyInto = rawOp("copy_");

/** What an optimizer remembers of one parameter: `step`, `expAvg`, `momentumBuffer`. */
export type ParamState = Record<string, Tensor>;

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

  /** Updates every parameter that has a gradient. Makes and frees its temporaries in a scope of its own. */
  step(): void {
    scope(() =>
      noGrad(() => {
        for (const group of this.paramGroups) {
          for (const { params, gradients } of withGradients(group.params)) {
            this.update(group, params, gradients);
          }
        }
      }),
    );
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
        const gradients = native.grads(params.map(handleOf)).filter((gradient) => gradient !== 0);
        if (gradients.length > 0) zeroForeach(gradients);
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
      stateNames: (options) => this.stateNames(options as Options),
    });
    for (const options of loaded.options) this.#check({ ...this.defaults, ...options });
    const state = scope(() =>
      noGrad(() => loaded.state.map(({ param, tensors }) => [param, copyState(param, tensors)] as const)),
    );
    for (const old of this.state.values()) for (const tensor of Object.values(old)) tensor.dispose();
    this.state.clear();
    for (const [param, tensors] of state) this.state.set(param, tensors);
    this.paramGroups.forEach((group, i) => Object.assign(group, loaded.options[i]));
  }

  /** Applies the rule to parameters of one device and dtype; `gradients` are handles, one for each. */
  protected abstract update(
    group: ParamGroup<Options>,
    params: readonly Tensor[],
    gradients: readonly number[],
  ): void;

  /** Names what the state of a parameter must hold under these options. */
  protected abstract stateNames(options: Options): string[];

  /** Throws when an option beyond `OptimizerOptions` is out of range. */
  protected abstract checkOptions(options: Options): void;

  /** Options that PyTorch's state dict has beside ours, with the values that describe what is done here. */
  protected torchOptions(): Readonly<Record<string, unknown>> {
    return { foreach: null, differentiable: false, fused: true };
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
    checkNumber(this.name, "weightDecay", options.weightDecay, { min: 0 });
    checkBoolean(this.name, "maximize", options.maximize);
    this.checkOptions(options);
  }
}

/** Returns zeros laid out as `param`, which outlive scopes. */
export function zerosFor(param: Tensor): Tensor {
  return keep(wrap(zerosLike(param.handle) as number));
}

/** Returns a tensor's handle. */
export function handleOf(tensor: Tensor): number {
  return tensor.handle;
}

interface Bucket {
  params: Tensor[];
  gradients: number[];
}

/** Picks the parameters that have a gradient, apart by device and dtype: a fused CUDA kernel takes one of each. */
function withGradients(params: readonly Tensor[]): Iterable<Bucket> {
  const gradients = native.grads(params.map(handleOf));
  const buckets = new Map<string, Bucket>();
  params.forEach((param, i) => {
    const gradient = gradients[i]!;
    if (gradient === 0) return;
    const key = `${native.device(param.handle)} ${native.dtype(param.handle)}`;
    let bucket = buckets.get(key);
    if (bucket === undefined) buckets.set(key, (bucket = { params: [], gradients: [] }));
    bucket.params.push(param);
    bucket.gradients.push(sameLayout(param.handle, gradient));
  });
  return buckets.values();
}

/** Returns the gradient laid out as its parameter: the fused kernels walk both by address, not by strides. */
function sameLayout(param: number, gradient: number): number {
  if (native.isContiguous(param) && native.isContiguous(gradient)) return gradient;
  if (String(native.strides(param)) === String(native.strides(gradient))) return gradient;
  const copy = emptyLike(param) as number;
  copyInto(copy, gradient);
  return copy;
}

function copyState(param: Tensor, tensors: ParamState): ParamState {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, tensor]) => {
      // a counter stays float32; moments take the layout, dtype and device of their parameter
      const copy = name === "step" ? stepTensor(param) : zerosFor(param);
      copyInto(copy.handle, tensor.handle);
      return [name, copy];
    }),
  );
}

const zeros = rawOp("zeros");
const float32 = 6;

/** Returns a zero step counter on the device of `param`, which outlives scopes. */
export function stepTensor(param: Tensor): Tensor {
  return keep(wrap(zeros([], float32, undefined, param.device) as number));
}
