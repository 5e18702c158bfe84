// Modules that hold modules.
import { UsageError } from "../../base/index.ts";
import type { Tensor } from "../tensor.ts";
import { Module } from "./module.ts";

/** Holds modules in a list; their names are their indices. */
export class ModuleList<M extends Module = Module> extends Module implements Iterable<M> {
  #length = 0;

  constructor(modules: Iterable<M> = []) {
    super();
    for (const module of modules) this.push(module);
  }

  get length(): number {
    return this.#length;
  }

  push(module: M): void {
    (this as Record<string, unknown>)[String(this.#length++)] = module;
  }

  at(index: number): M {
    const module = [...this].at(index);
    if (module === undefined) {
      throw new UsageError(`ModuleList.at: index must be within ${this.#length} modules, got ${index}.`);
    }
    return module;
  }

  *[Symbol.iterator](): IterableIterator<M> {
    for (const [, child] of this.namedChildren()) yield child as M;
  }
}

/** A module from one tensor to one tensor. */
export type TensorModule = Module & { forward(x: Tensor): Tensor };

/**
 * Passes the input through its modules in turn.
 *
 * @example
 * const mlp = new nn.Sequential(new nn.Linear(4, 8), new nn.ReLU(), new nn.Linear(8, 2));
 * mlp.forward(torch.ones([3, 4])).shape; // => [3, 2]
 */
export class Sequential extends ModuleList<TensorModule> {
  constructor(...modules: TensorModule[]) {
    super(modules);
  }

  override forward(x: Tensor): Tensor {
    let y = x;
    for (const module of this) y = module.forward(y);
    return y;
  }
}
