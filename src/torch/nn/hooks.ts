// Functions that a module calls around its forward and its state dict. Registered through the module's methods.
import type { Tensor } from "../tensor.ts";
import { watchGradients } from "./backward-hooks.ts";
import type { FullBackwardHook, FullBackwardPreHook } from "./backward-hooks.ts";
import type { IncompatibleKeys, Module, StateDict } from "./module.ts";

/** Takes a hook off again. */
export interface HookHandle {
  remove(): void;
  [Symbol.dispose](): void;
}

/** Sees the inputs before the forward; returning something replaces them (an array gives all of them). */
export type ForwardPreHook = (module: Module, inputs: unknown[]) => unknown;

/** Sees inputs and output after the forward; returning something replaces the output. */
export type ForwardHook = (module: Module, inputs: unknown[], output: unknown) => unknown;

/** Sees a state dict after the module and its children have written their entries, which start with `prefix`. */
export type StateDictHook = (module: Module, state: StateDict, prefix: string) => void;

/** May rename or add entries before a module reads those that start with `prefix`; the caller's map is not changed. */
export type LoadStateDictPreHook = (module: Module, state: Map<string, Tensor>, prefix: string) => void;

/** Sees what did not fit after the weights are in. */
export type LoadStateDictPostHook = (module: Module, keys: IncompatibleKeys) => void;

/** Holds hooks in the order in which they run. */
export class HookList<Hook> implements Iterable<Hook> {
  #entries: { hook: Hook }[] = [];

  get isEmpty(): boolean {
    return this.#entries.length === 0;
  }

  /** Adds a hook, behind the others or (`prepend`) before them; `removed` runs once when it is taken off. */
  add(
    hook: Hook,
    { prepend = false, removed }: { prepend?: boolean; removed?: () => void } = {},
  ): HookHandle {
    const entry = { hook }; // the same function may be registered twice
    this.#entries = prepend ? [entry, ...this.#entries] : [...this.#entries, entry];
    const remove = (): void => {
      if (!this.#entries.includes(entry)) return;
      this.#entries = this.#entries.filter((other) => other !== entry);
      removed?.();
    };
    return { remove, [Symbol.dispose]: remove };
  }

  *[Symbol.iterator](): IterableIterator<Hook> {
    for (const { hook } of this.#entries) yield hook;
  }
}

/** Holds all hooks of one module; a module without hooks has none of this. */
export class ModuleHooks {
  readonly forwardPre = new HookList<ForwardPreHook>();
  readonly forward = new HookList<ForwardHook>();
  readonly backwardPre = new HookList<FullBackwardPreHook>();
  readonly backward = new HookList<FullBackwardHook>();
  readonly stateDict = new HookList<StateDictHook>();
  readonly loadPre = new HookList<LoadStateDictPreHook>();
  readonly loadPost = new HookList<LoadStateDictPostHook>();
  #unwrap: (() => void) | undefined;

  /**
   * Puts a `forward` of its own on `module`, in front of its class's, while there are hooks for it. A module without
   * hooks keeps the class's method, so that calling it costs nothing more. `super.forward(x)` runs no hooks.
   */
  updateForward(module: Module): void {
    const { forwardPre, forward, backwardPre, backward } = this;
    if ([forwardPre, forward, backwardPre, backward].every((hooks) => hooks.isEmpty)) {
      this.#unwrap?.();
      this.#unwrap = undefined;
    } else this.#unwrap ??= this.#wrap(module);
  }

  #wrap(module: Module): () => void {
    const own = Object.getOwnPropertyDescriptor(module, "forward"); // a class may have an arrow function
    const plain = module.forward as (...inputs: unknown[]) => unknown;
    const hooked = (...inputs: unknown[]): unknown => this.#run(module, plain, inputs);
    Object.defineProperty(module, "forward", {
      value: hooked,
      configurable: true,
      writable: true,
      enumerable: false,
    });
    return () => {
      if ((module.forward as unknown) !== hooked) return; // replaced since; not ours to take away
      if (own === undefined) delete (module as { forward?: unknown }).forward;
      else Object.defineProperty(module, "forward", own);
    };
  }

  #run(module: Module, plain: (...inputs: unknown[]) => unknown, given: unknown[]): unknown {
    let inputs = given;
    for (const hook of this.forwardPre) {
      const changed = hook(module, inputs);
      if (changed !== undefined) inputs = Array.isArray(changed) ? changed : [changed];
    }
    const call = (tensors: unknown[]): unknown => this.#callForward(module, plain, tensors);
    if (this.backward.isEmpty && this.backwardPre.isEmpty) return call(inputs);
    return watchGradients(module, this.backward, this.backwardPre, inputs, call);
  }

  #callForward(module: Module, plain: (...inputs: unknown[]) => unknown, inputs: unknown[]): unknown {
    let output = plain.apply(module, inputs);
    for (const hook of this.forward) {
      const changed = hook(module, inputs, output);
      if (changed !== undefined) output = changed;
    }
    return output;
  }
}
