// Which modules of a model are at work, in forward and in backward; after torch/utils/module_tracker.py.
import { afterGraph } from "../autograd/backward.ts";
import { registerMultiGradHook } from "../autograd/multi-grad-hook.ts";
import type { MultiHandle } from "../autograd/multi-grad-hook.ts";
import type { HookHandle } from "../nn/hooks.ts";
import type { Module } from "../nn/module.ts";
import { tensorsIn } from "../tensors-in.ts";

/** Knows the modules that run, by the name of the model's class with the path below it: `Net.encoder.0`. */
export class ModuleTracker {
  /** Names of what is at work now. */
  readonly active = new Set<string>();
  readonly #handles: (HookHandle | MultiHandle)[] = [];
  readonly #onChange: () => void;
  #isBackward = false;

  /** Calls `onChange` before each change of `active`. */
  constructor(model: Module, onChange: () => void) {
    this.#onChange = onChange;
    const root = model.constructor.name;
    for (const [path, module] of model.namedModules()) {
      const name = path === "" ? root : `${root}.${path}`;
      this.#handles.push(
        module.registerForwardPreHook((_, inputs) => {
          this.#enter(name);
          this.#atGradients(inputs, () => this.#leave(name)); // the gradients of its inputs are its last
        }),
        module.registerForwardHook((_module, _inputs, output) => {
          this.#leave(name);
          this.#atGradients(output, () => this.#enterBackward(name));
        }),
      );
    }
  }

  /** Takes off everything that watches the model. */
  stop(): void {
    for (const handle of this.#handles) handle.remove();
    this.active.clear();
  }

  #atGradients(value: unknown, hook: () => void): void {
    const tensors = [...tensorsIn(value)].filter(({ requiresGrad }) => requiresGrad);
    if (tensors.length > 0) this.#handles.push(registerMultiGradHook(tensors, hook));
  }

  #enterBackward(name: string): void {
    // what takes no gradient of its inputs does not leave by itself
    if (!this.#isBackward) {
      afterGraph(() => {
        this.#onChange();
        this.active.clear();
        this.#isBackward = false;
      });
    }
    this.#isBackward = true;
    this.#enter(name);
  }

  #enter(name: string): void {
    this.#onChange();
    this.active.add(name);
  }

  #leave(name: string): void {
    this.#onChange();
    this.active.delete(name);
  }
}
