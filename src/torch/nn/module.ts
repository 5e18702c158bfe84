// The base of every model: fields that hold modules and parameters are its children and weights.
import { ShapeError, UsageError } from "../../base/index.ts";
import { noGrad } from "../grad-mode.ts";
import { native } from "../native.ts";
import { keep, scope } from "../scope.ts";
import { Tensor } from "../tensor.ts";
import type { Dtype, Device } from "../dtype.ts";
import { isFloatingPoint } from "../dtype.ts";
import { Parameter } from "./parameter.ts";

/** Weights by name, as PyTorch's `state_dict()` gives them. */
export type StateDict = Map<string, Tensor>;

/** What `loadStateDict` found that did not fit; both are empty when it is strict. */
export interface IncompatibleKeys {
  missingKeys: string[];
  unexpectedKeys: string[];
}

/**
 * Holds weights and computes with them. Children, parameters and buffers are found among the fields, in
 * their order, and carry the names that PyTorch's state dict has for them.
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

  /** Computes the output; every module that is called overrides it with its own inputs. */
  forward(..._inputs: never[]): unknown {
    throw new UsageError(
      `${this.constructor.name}: has no forward. Give the class one, or loop over its children.`,
    );
  }

  /** Adds a tensor that is state but not trained; `persistent` ones stand in the state dict. */
  registerBuffer(name: string, tensor: Tensor, { persistent = true }: { persistent?: boolean } = {}): void {
    this.#buffers.set(name, { persistent });
    (this as Record<string, unknown>)[name] = keep(tensor);
  }

  /** Yields the direct children by field name. */
  *namedChildren(): IterableIterator<[string, Module]> {
    for (const [name, value] of Object.entries(this)) if (value instanceof Module) yield [name, value];
  }

  /** Yields this module and all below it with their dotted names; a shared one once. */
  *namedModules(prefix = "", seen = new Set<Module>()): IterableIterator<[string, Module]> {
    if (seen.has(this)) return;
    seen.add(this);
    yield [prefix, this];
    for (const [name, child] of this.namedChildren()) yield* child.namedModules(join(prefix, name), seen);
  }

  *modules(): IterableIterator<Module> {
    for (const [, module] of this.namedModules()) yield module;
  }

  /** Yields the weights with their dotted names; a shared one once, under its first name. */
  *namedParameters(prefix = ""): IterableIterator<[string, Parameter]> {
    const seen = new Set<Parameter>();
    for (const [path, module] of this.namedModules(prefix)) {
      for (const [name, value] of Object.entries(module)) {
        if (!(value instanceof Parameter) || seen.has(value)) continue;
        seen.add(value);
        yield [join(path, name), value];
      }
    }
  }

  parameters(): Parameter[] {
    return Array.from(this.namedParameters(), ([, parameter]) => parameter);
  }

  *namedBuffers(prefix = ""): IterableIterator<[string, Tensor]> {
    for (const [path, module] of this.namedModules(prefix)) {
      for (const name of module.#buffers.keys()) yield [join(path, name), module.#field(name)];
    }
  }

  /** Returns the weights and persistent buffers by name. The tensors are the module's own, not copies. */
  stateDict(prefix = "", into: StateDict = new Map()): StateDict {
    for (const [name, value] of Object.entries(this)) {
      if (value instanceof Parameter || this.#buffers.get(name)?.persistent === true)
        into.set(join(prefix, name), value as Tensor);
    }
    // after its own weights, as PyTorch orders them
    for (const [name, child] of this.namedChildren()) child.stateDict(join(prefix, name), into);
    return into;
  }

  /**
   * Copies weights in. Nothing is copied unless every shape fits and, when `strict` (the default), the names
   * are exactly this module's; the error lists everything that does not fit.
   */
  loadStateDict(
    state: ReadonlyMap<string, Tensor>,
    { strict = true }: { strict?: boolean } = {},
  ): IncompatibleKeys {
    const own = this.stateDict();
    const missingKeys = [...own.keys()].filter((name) => !state.has(name));
    const unexpectedKeys = [...state.keys()].filter((name) => !own.has(name));
    const problems: string[] = [];
    if (strict && missingKeys.length > 0) problems.push(`missing: ${list(missingKeys)}`);
    if (strict && unexpectedKeys.length > 0) problems.push(`unexpected: ${list(unexpectedKeys)}`);
    const unfit = [...own].flatMap(([name, target]) => {
      const source = state.get(name);
      const fits = source === undefined || sameShape(source.shape, target.shape);
      return fits ? [] : [`${name} [${source.shape.join(", ")}] into [${target.shape.join(", ")}]`];
    });
    if (unfit.length > 0) problems.push(`of another shape: ${list(unfit)}`);
    if (problems.length > 0) {
      throw new ShapeError(
        `${this.constructor.name}.loadStateDict: the weights must be this model's; ${problems.join("; ")}. Load the weights of the same architecture.`,
      );
    }
    scope(() =>
      noGrad(() => {
        for (const [name, target] of own) {
          const source = state.get(name);
          if (source !== undefined) target.copy_(source);
        }
      }),
    );
    return { missingKeys, unexpectedKeys };
  }

  /** Switches dropout and batch statistics on (or off). */
  train(mode = true): this {
    for (const module of this.modules()) module.training = mode;
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

  /** Moves the weights and buffers in place; only floating-point ones change their dtype. */
  to({ dtype, device }: { dtype?: Dtype; device?: Device }): this {
    const tensors = new Set<Tensor>([
      ...this.parameters(),
      ...Array.from(this.namedBuffers(), ([, buffer]) => buffer),
    ]);
    scope(() =>
      noGrad(() => {
        for (const tensor of tensors) {
          const target = {
            ...(device !== undefined && { device }),
            ...(dtype !== undefined && isFloatingPoint(tensor.dtype) && { dtype }),
          };
          native.setData(tensor.handle, tensor.detach().to(target).handle);
        }
      }),
    );
    return this;
  }

  /** Calls `visit` with every module, children first. */
  apply(visit: (module: Module) => void): this {
    for (const [, child] of this.namedChildren()) child.apply(visit);
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

  #field(name: string): Tensor {
    const value = (this as Record<string, unknown>)[name];
    if (!(value instanceof Tensor))
      throw new UsageError(`${this.constructor.name}: the buffer "${name}" is not a tensor any more.`);
    return value;
  }
}

function join(prefix: string, name: string): string {
  return prefix === "" ? name : `${prefix}.${name}`;
}

function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((length, i) => length === b[i]);
}

function list(names: readonly string[]): string {
  const shown = names.slice(0, 10).join(", ");
  return names.length > 10 ? `${shown} and ${names.length - 10} more` : shown;
}
