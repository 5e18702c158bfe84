// The base of every model: fields that hold modules and parameters are its children and weights.
import { UsageError, suggestion } from "../../base/index.ts";
import { native } from "../native.ts";
import { emptyLike } from "../ops.generated.ts";
import { keep } from "../scope.ts";
import { Tensor } from "../tensor.ts";
import type { Dtype, Device } from "../dtype.ts";
import { isFloatingPoint } from "../dtype.ts";
import type { FullBackwardHook, FullBackwardPreHook } from "./backward-hooks.ts";
import { Buffer } from "./buffer.ts";
import { ModuleHooks } from "./hooks.ts";
import type {
  ForwardHook,
  ForwardPreHook,
  HookHandle,
  LoadStateDictPostHook,
  LoadStateDictPreHook,
  StateDictHook,
} from "./hooks.ts";
import { copyState } from "./load-state.ts";
import type { IncompatibleKeys, LoadStateDictOptions, StateSlot } from "./load-state.ts";
import { parseTarget, replaceData } from "./move.ts";
import type { ModuleTarget } from "./move.ts";
import { Parameter } from "./parameter.ts";
import { bracketed } from "./repr.ts";
import { isLazy } from "./uninitialized.ts";

/** Weights by name, as PyTorch's `state_dict()` gives them. */
export type StateDict = Map<string, Tensor>;
export type { IncompatibleKeys } from "./load-state.ts";

/** Options of walks over parameters and buffers. */
export interface WalkOptions {
  /** Name of the module at which the walk starts. @default "" */
  prefix?: string;
  /** Also what is held by the modules below. @default true */
  recurse?: boolean;
  /** A shared one once, under its first name. @default true */
  removeDuplicate?: boolean;
}

/**
 * Holds weights and computes with them. Children, parameters and buffers are found among the fields, in
 * their order, and carry the names that PyTorch's state dict has for them. Modules are called by `forward`.
 *
 * @example
 * class Net extends nn.Module {
 *   readonly fc = new nn.Linear(4, 2);
 *   forward(x: Tensor) {
 *     return this.fc.forward(x);
 *   }
 * }
 * [...new Net().stateDict().keys()]; // => ["fc.weight", "fc.bias"]
 */
export abstract class Module {
  training = true;
  readonly #buffers = new Map<string, { persistent: boolean }>();
  #hooks: ModuleHooks | undefined;

  /** Computes the output; every module that is called overrides it with its own inputs. */
  forward(..._inputs: never[]): unknown {
    throw new UsageError(
      `${this.constructor.name}: has no forward. Give the class one, or loop over its children.`,
    );
  }

  /** Adds a weight under a name that only the running program knows; null keeps the place free. */
  registerParameter(name: string, parameter: Parameter | null): void {
    this.#setField("registerParameter", name, parameter);
  }

  /** Adds a tensor that is state but not trained; `persistent` ones stand in the state dict. */
  registerBuffer(
    name: string,
    tensor: Tensor | null,
    { persistent = true }: { persistent?: boolean } = {},
  ): void {
    this.#setField("registerBuffer", name, tensor === null ? null : keep(tensor));
    this.#buffers.set(name, { persistent });
  }

  /** Adds a child under a name that only the running program knows. */
  addModule(name: string, module: Module | null): void {
    this.#setField("addModule", name, module);
  }

  /** Is another name of `addModule`. */
  registerModule(name: string, module: Module | null): void {
    this.addModule(name, module);
  }

  /** Yields the direct children by field name; a shared one once. */
  *namedChildren(): IterableIterator<[string, Module]> {
    const seen = new Set<Module>();
    for (const entry of this.childEntries()) {
      if (seen.has(entry[1])) continue;
      seen.add(entry[1]);
      yield entry;
    }
  }

  *children(): IterableIterator<Module> {
    for (const [, child] of this.namedChildren()) yield child;
  }

  /** Yields this module and all below it with their dotted names. */
  *namedModules({ prefix = "", removeDuplicate = true }: Omit<WalkOptions, "recurse"> = {}): IterableIterator<
    [string, Module]
  > {
    yield* this.#walk(prefix, removeDuplicate ? new Set() : null);
  }

  *modules(): IterableIterator<Module> {
    for (const [, module] of this.namedModules()) yield module;
  }

  /** Yields the weights with their dotted names. */
  *namedParameters(options: WalkOptions = {}): IterableIterator<[string, Parameter]> {
    yield* this.#members(options, (module) => module.#parameterEntries());
  }

  /** Lists the weights; a shared one once. */
  parameters({ recurse = true }: { recurse?: boolean } = {}): Parameter[] {
    return Array.from(this.namedParameters({ recurse }), ([, parameter]) => parameter);
  }

  /** Yields the buffers with their dotted names, those outside the state dict too. */
  *namedBuffers(options: WalkOptions = {}): IterableIterator<[string, Tensor]> {
    yield* this.#members(options, (module) => module.#bufferEntries());
  }

  /** Lists the buffers; a shared one once. */
  buffers({ recurse = true }: { recurse?: boolean } = {}): Tensor[] {
    return Array.from(this.namedBuffers({ recurse }), ([, buffer]) => buffer);
  }

  /** Returns the module at a dotted path; the empty path is this one. */
  getSubmodule(path: string): Module {
    return (path === "" ? [] : path.split(".")).reduce((module: Module, name) => {
      const children = new Map(module.childEntries());
      const child = children.get(name);
      if (child === undefined) {
        throw new UsageError(
          `${this.constructor.name}.getSubmodule: "${path}" must be the path of a module, but ` +
            `${module.constructor.name} has no "${name}". ${suggestion(name, children.keys())}`,
        );
      }
      return child;
    }, this);
  }

  /** Returns the weight at a dotted path. */
  getParameter(path: string): Parameter {
    return this.#member("getParameter", path, (module) => module.#parameterEntries());
  }

  /** Returns the buffer at a dotted path. */
  getBuffer(path: string): Tensor {
    return this.#member("getBuffer", path, (module) => module.#bufferEntries());
  }

  /**
   * Returns the weights and persistent buffers by name, a shared one under each of its names. They share the module's
   * memory and are cut from the graph, unless `keepVars` asks for the very parameters.
   */
  stateDict({ prefix = "", keepVars = false }: { prefix?: string; keepVars?: boolean } = {}): StateDict {
    const state: StateDict = new Map();
    this.#saveState(state, prefix, keepVars);
    return state;
  }

  /**
   * Copies weights in, or (`assign`) puts the given tensors themselves in place. Nothing changes unless every shape
   * fits and, when `strict`, the names are exactly this module's; the error lists everything that does not fit.
   */
  loadStateDict(state: ReadonlyMap<string, Tensor>, options: LoadStateDictOptions = {}): IncompatibleKeys {
    if (typeof (state as Partial<typeof state> | null)?.entries !== "function") {
      throw new UsageError(
        `${this.constructor.name}.loadStateDict: the state must be a Map of tensors by name, as stateDict() gives, ` +
          `got ${typeof state}. Make one: new Map(Object.entries(weights)).`,
      );
    }
    const given = new Map(state);
    this.#prepareLoad(given, "");
    const found = copyState(this.constructor.name, given, [...this.#slots("")], options);
    for (const module of this.modules())
      for (const hook of module.#hooks?.loadPost ?? []) hook(module, found);
    return found;
  }

  /** Switches dropout and batch statistics on (or off). */
  train(mode = true): this {
    this.training = mode;
    for (const child of this.children()) child.train(mode);
    return this;
  }

  eval(): this {
    return this.train(false);
  }

  /** Sets whether the weights are trained. */
  requiresGrad_(flag = true): this {
    for (const parameter of this.parameters()) parameter.requiresGrad_(flag);
    return this;
  }

  /** Forgets the gradients of all weights. */
  zeroGrad(): void {
    native.clearGrads(this.parameters().map((parameter) => parameter.handle));
  }

  /**
   * Moves the weights, their gradients and the buffers in place; only floating-point ones change their dtype.
   * `memoryFormat` lays out those of four dimensions ("channels_last") or of five ("channels_last_3d"). To and from the device `meta`, which has no memory, the parameters are new objects.
   *
   * @example
   * new nn.Linear(2, 2).to({ dtype: "bfloat16" }).weight.dtype; // => "bfloat16"
   */
  to(target: Dtype | Device | ModuleTarget | Tensor): this {
    const { dtype, device, memoryFormat } = parseTarget(target);
    return this.#changeTensors((tensor) =>
      tensor.to({
        ...(device !== undefined && { device }),
        ...(dtype !== undefined && isFloatingPoint(tensor.dtype) && { dtype }),
        ...(memoryFormat !== undefined && [4, 5].includes(tensor.ndim) && { memoryFormat }),
      }),
    );
  }

  /** Gives the weights and buffers fresh memory of unknown content: for a module made on the device `meta`. */
  toEmpty({ device }: { device: Device }): this {
    return this.#changeTensors((tensor) => emptyLike(tensor, { device }));
  }

  float(): this {
    return this.to("float32");
  }

  double(): this {
    return this.to("float64");
  }

  half(): this {
    return this.to("float16");
  }

  bfloat16(): this {
    return this.to("bfloat16");
  }

  cpu(): this {
    return this.to("cpu");
  }

  /** Moves to a GPU, the current one unless `index` names another. */
  cuda(index?: number): this {
    return this.to(index === undefined ? "cuda" : `cuda:${index}`);
  }

  /** Calls `visit` with every module, children first. */
  apply(visit: (module: Module) => void): this {
    for (const child of this.children()) child.apply(visit);
    visit(this);
    return this;
  }

  /** Number of weights, all of them or those that are trained. */
  countParameters({ trainable = false }: { trainable?: boolean } = {}): number {
    return this.parameters().reduce(
      (sum, parameter) => sum + (trainable && !parameter.requiresGrad ? 0 : parameter.numel),
      0,
    );
  }

  /**
   * Runs `hook` before each forward of this module, with the inputs; what it returns replaces them.
   *
   * @example
   * const layer = new nn.ReLU();
   * const handle = layer.registerForwardPreHook((_module, [x]) => (x as Tensor).neg());
   * layer.forward(torch.tensor([-1, 2])).tolist(); // => [1, 0]
   * handle.remove();
   */
  registerForwardPreHook(hook: ForwardPreHook, { prepend = false }: { prepend?: boolean } = {}): HookHandle {
    return this.#addForwardHook((hooks) =>
      hooks.forwardPre.add(hook, { prepend, removed: update(hooks, this) }),
    );
  }

  /** Runs `hook` after each forward of this module, with inputs and output; what it returns replaces the output. */
  registerForwardHook(hook: ForwardHook, { prepend = false }: { prepend?: boolean } = {}): HookHandle {
    return this.#addForwardHook((hooks) =>
      hooks.forward.add(hook, { prepend, removed: update(hooks, this) }),
    );
  }

  /** Runs `hook` at each backward, with the gradients of inputs and outputs; what it returns replaces the inputs'. */
  registerFullBackwardHook(
    hook: FullBackwardHook,
    { prepend = false }: { prepend?: boolean } = {},
  ): HookHandle {
    return this.#addForwardHook((hooks) =>
      hooks.backward.add(hook, { prepend, removed: update(hooks, this) }),
    );
  }

  /** Runs `hook` before each backward, with the gradients of the outputs; what it returns replaces them. */
  registerFullBackwardPreHook(
    hook: FullBackwardPreHook,
    { prepend = false }: { prepend?: boolean } = {},
  ): HookHandle {
    return this.#addForwardHook((hooks) =>
      hooks.backwardPre.add(hook, { prepend, removed: update(hooks, this) }),
    );
  }

  /** Runs `hook` whenever `stateDict` has written this module's entries. */
  registerStateDictPostHook(hook: StateDictHook): HookHandle {
    return (this.#hooks ??= new ModuleHooks()).stateDict.add(hook);
  }

  /** Runs `hook` before `loadStateDict` reads this module's entries: for weights saved under other names. */
  registerLoadStateDictPreHook(hook: LoadStateDictPreHook): HookHandle {
    return (this.#hooks ??= new ModuleHooks()).loadPre.add(hook);
  }

  /** Runs `hook` after `loadStateDict`, with the names that did not fit; it may take some off the lists. */
  registerLoadStateDictPostHook(hook: LoadStateDictPostHook): HookHandle {
    return (this.#hooks ??= new ModuleHooks()).loadPost.add(hook);
  }

  /** Returns the constructor arguments for `toString`, written by `repr`; a layer overrides it. */
  extraRepr(): string {
    return "";
  }

  /** Prints the module and its children as PyTorch does. */
  toString(): string {
    const children = Array.from(this.childEntries(), ([name, child]) => [name, child.toString()] as const);
    return bracketed(this, this.extraRepr(), children);
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }

  /** Lists the fields among which children and parameters are found; a container overrides it to give their order. */
  protected fieldEntries(): [string, unknown][] {
    return Object.entries(this);
  }

  /** Yields the children, a shared one under each of its names. */
  protected *childEntries(): IterableIterator<[string, Module]> {
    for (const [name, value] of this.fieldEntries()) if (value instanceof Module) yield [name, value];
  }

  /** Adapts the entries that start with `prefix` before they are read: for names of older versions. */
  protected upgradeState(_state: Map<string, Tensor>, _prefix: string): void {}

  *#parameterEntries(): IterableIterator<[string, Parameter]> {
    for (const [name, value] of this.fieldEntries()) {
      if (value instanceof Parameter && !this.#buffers.has(name)) yield [name, value];
    }
  }

  *#bufferEntries(): IterableIterator<[string, Tensor]> {
    for (const name of this.#buffers.keys()) {
      const value = (this as Record<string, unknown>)[name];
      if (value === null) continue;
      if (!(value instanceof Tensor))
        throw new UsageError(`${this.constructor.name}: the buffer "${name}" is not a tensor any more.`);
      yield [name, value];
    }
    for (const [name, value] of this.fieldEntries()) {
      if (value instanceof Buffer && !this.#buffers.has(name)) yield [name, value];
    }
  }

  #isPersistent(name: string, buffer: Tensor): boolean {
    return this.#buffers.get(name)?.persistent ?? (buffer as Buffer).persistent;
  }

  *#walk(prefix: string, seen: Set<Module> | null): IterableIterator<[string, Module]> {
    if (seen?.has(this) === true) return;
    seen?.add(this);
    yield [prefix, this];
    for (const [name, child] of this.childEntries()) yield* child.#walk(join(prefix, name), seen);
  }

  *#members<T extends Tensor>(
    { prefix = "", recurse = true, removeDuplicate = true }: WalkOptions,
    entriesOf: (module: Module) => Iterable<[string, T]>,
  ): IterableIterator<[string, T]> {
    const seen = new Set<Tensor>();
    const modules = recurse
      ? this.#walk(prefix, removeDuplicate ? new Set() : null)
      : [[prefix, this] as const];
    for (const [path, module] of modules) {
      for (const [name, value] of entriesOf(module)) {
        if (removeDuplicate && seen.has(value)) continue;
        seen.add(value);
        yield [join(path, name), value];
      }
    }
  }

  #member<T>(method: string, path: string, entriesOf: (module: Module) => Iterable<[string, T]>): T {
    const dot = path.lastIndexOf(".");
    const entries = new Map(entriesOf(this.getSubmodule(path.slice(0, Math.max(0, dot)))));
    const name = path.slice(dot + 1);
    const value = entries.get(name);
    if (value === undefined) {
      throw new UsageError(
        `${this.constructor.name}.${method}: there is no "${path}". ${suggestion(name, entries.keys())}`,
      );
    }
    return value;
  }

  /** Yields what the state dict holds, each module's weights before its buffers and those before its children's. */
  *#ownSlots(prefix: string, { persistentOnly = true } = {}): IterableIterator<StateSlot> {
    for (const [field, target] of this.#parameterEntries())
      yield { key: prefix + field, owner: this, field, target };
    for (const [field, target] of this.#bufferEntries())
      if (!persistentOnly || this.#isPersistent(field, target))
        yield { key: prefix + field, owner: this, field, target };
  }

  *#slots(prefix: string, options?: { persistentOnly: boolean }): IterableIterator<StateSlot> {
    yield* this.#ownSlots(prefix, options);
    for (const [name, child] of this.childEntries()) yield* child.#slots(`${prefix}${name}.`, options);
  }

  #saveState(state: StateDict, prefix: string, keepVars: boolean): void {
    for (const { key, target } of this.#ownSlots(prefix))
      state.set(key, keepVars || isLazy(target) ? target : target.detach());
    for (const [name, child] of this.childEntries()) child.#saveState(state, `${prefix}${name}.`, keepVars);
    for (const hook of this.#hooks?.stateDict ?? []) hook(this, state, prefix);
  }

  #prepareLoad(state: Map<string, Tensor>, prefix: string): void {
    this.upgradeState(state, prefix);
    for (const hook of this.#hooks?.loadPre ?? []) hook(this, state, prefix);
    for (const [name, child] of this.childEntries()) child.#prepareLoad(state, `${prefix}${name}.`);
  }

  #changeTensors(change: (tensor: Tensor) => Tensor): this {
    const changed = new Set<Tensor>();
    const renewed = new Map<Tensor, Tensor>();
    for (const { owner, field, target } of this.#slots("", { persistentOnly: false })) {
      if (changed.has(target)) continue;
      const fresh = renewed.get(target) ?? replaceData(target, change);
      if (fresh === target) changed.add(target);
      else {
        renewed.set(target, fresh);
        (owner as Record<string, unknown>)[field] = fresh;
      }
    }
    return this;
  }

  #setField(method: string, name: string, value: unknown): void {
    const taken = name in this && !Object.hasOwn(this, name);
    if (name === "" || name.includes(".") || taken) {
      const why = taken
        ? `${this.constructor.name} has a method of that name`
        : "the name is part of a dotted path";
      throw new UsageError(
        `${this.constructor.name}.${method}: the name must be free, not empty and without a dot, got "${name}" (${why}). Take another.`,
      );
    }
    (this as Record<string, unknown>)[name] = value;
  }

  #addForwardHook(add: (hooks: ModuleHooks) => HookHandle): HookHandle {
    const hooks = (this.#hooks ??= new ModuleHooks());
    const handle = add(hooks);
    hooks.updateForward(this);
    return handle;
  }
}

function update(hooks: ModuleHooks, module: Module): () => void {
  return () => hooks.updateForward(module);
}

function join(prefix: string, name: string): string {
  return prefix === "" ? name : `${prefix}.${name}`;
}
