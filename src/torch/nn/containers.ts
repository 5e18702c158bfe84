// Modules that hold modules or parameters under names that the running program gives.
import { UsageError, suggestion } from "../../base/index.ts";
import { Tensor } from "../tensor.ts";
import { Module } from "./module.ts";
import { Parameter } from "./parameter.ts";
import { bracketed } from "./repr.ts";

type Named<T> = Readonly<Record<string, T>> | Iterable<readonly [string, T]>;

/** Keeps members under names, in the order in which they came. */
abstract class NamedMembers<T> extends Module {
  readonly #names: string[] = [];

  protected memberNames(): readonly string[] {
    return this.#names;
  }

  protected getMember(name: string): T {
    return (this as unknown as Record<string, T>)[name]!;
  }

  protected setMember(name: string, member: T): void {
    if (member instanceof Module) this.addModule(name, member);
    else this.registerParameter(name, member as Parameter);
    if (!this.#names.includes(name)) this.#names.push(name);
  }

  protected removeMember(name: string): void {
    this.#names.splice(this.#names.indexOf(name), 1);
    delete (this as unknown as Record<string, T>)[name];
  }

  // JavaScript would put whole numbers first
  protected override fieldEntries(): [string, unknown][] {
    const named = new Set(this.#names);
    const others = Object.entries(this).filter(([name]) => !named.has(name));
    return [...this.#names.map((name) => [name, this.getMember(name)] as [string, unknown]), ...others];
  }
}

/** Is the common part of lists: members whose names are their indices. */
abstract class Members<T> extends NamedMembers<T> implements Iterable<T> {
  get length(): number {
    return this.memberNames().length;
  }

  append(member: T): this {
    this.setMember(String(this.length), member);
    return this;
  }

  extend(members: Iterable<T>): this {
    if (typeof (members as Iterable<T> | undefined)?.[Symbol.iterator] !== "function") {
      const got =
        members === null || typeof members !== "object" ? String(members) : members.constructor.name;
      throw new UsageError(
        `${this.constructor.name}: the members must be in an array or another iterable, got ${got}. Write [member].`,
      );
    }
    for (const member of Array.from(members)) this.append(member);
    return this;
  }

  /** Returns a member; negative counts from the end. */
  at(index: number): T {
    return this.getMember(this.memberNames()[this.#position("at", index, this.length)]!);
  }

  /** Replaces a member. */
  set(index: number, member: T): void {
    this.setMember(this.memberNames()[this.#position("set", index, this.length)]!, member);
  }

  /** Puts a member before the one at `index`; those behind it are renamed. */
  insert(index: number, member: T): this {
    const at = this.#position("insert", index, this.length + 1);
    this.#replaceAll([...this].toSpliced(at, 0, member));
    return this;
  }

  /** Takes a member out and returns it; those behind it are renamed. */
  pop(index = -1): T {
    const at = this.#position("pop", index, this.length);
    const members = [...this];
    this.#replaceAll(members.toSpliced(at, 1));
    return members[at]!;
  }

  *[Symbol.iterator](): IterableIterator<T> {
    for (const name of this.memberNames()) yield this.getMember(name);
  }

  #replaceAll(members: readonly T[]): void {
    for (const name of this.memberNames().slice()) this.removeMember(name); // of a copy: removing changes it
    this.extend(members);
  }

  #position(method: string, index: number, count: number): number {
    const position = index < 0 ? index + count : index;
    if (!Number.isInteger(index) || position < 0 || position >= count) {
      throw new UsageError(
        `${this.constructor.name}.${method}: index must be within ${this.length} members, got ${index}.`,
      );
    }
    return position;
  }
}

/**
 * Holds modules in a list; their names are their indices.
 *
 * @example
 * const layers = new nn.ModuleList([new nn.Linear(4, 4), new nn.Linear(4, 2)]);
 * [...layers.stateDict().keys()]; // => ["0.weight", "0.bias", "1.weight", "1.bias"]
 */
export class ModuleList<M extends Module = Module> extends Members<M> {
  constructor(modules: Iterable<M> = []) {
    super();
    this.extend(modules);
  }

  /** Returns a new list of the modules from `start` up to `end`; they are shared. */
  slice(start?: number, end?: number): ModuleList<M> {
    return new ModuleList([...this].slice(start, end));
  }

  /** Prints runs of equal modules once, `(0-5): 6 x Linear(...)`. */
  override toString(): string {
    const runs: { text: string; first: number; last: number }[] = [];
    for (const [i, module] of [...this].entries()) {
      const text = module.toString();
      const run = runs.at(-1);
      if (run?.text === text) run.last = i;
      else runs.push({ text, first: i, last: i });
    }
    return bracketed(
      this,
      this.extraRepr(),
      runs.map(({ text, first, last }) =>
        first === last ? [String(first), text] : [`${first}-${last}`, `${last - first + 1} x ${text}`],
      ),
    );
  }
}

/** A module from one tensor to one tensor. */
export type TensorModule = Module & { forward(x: Tensor): Tensor };

/**
 * Passes the input through its modules in turn. They are named by their indices, or as the object or map says.
 *
 * @example
 * const mlp = new nn.Sequential(new nn.Linear(4, 8), new nn.ReLU(), new nn.Linear(8, 2));
 * mlp.forward(torch.ones([3, 4])).shape; // => [3, 2]
 * const named = new nn.Sequential({ hidden: new nn.Linear(4, 8), act: new nn.ReLU() });
 * [...named.stateDict().keys()]; // => ["hidden.weight", "hidden.bias"]
 */
export class Sequential extends Members<TensorModule> {
  constructor(...modules: TensorModule[] | [Named<TensorModule>]) {
    super();
    const [first] = modules;
    if (first === undefined || first instanceof Module) this.extend(modules as TensorModule[]);
    else for (const [name, module] of entriesOf(first)) this.setMember(name, module);
  }

  /** Returns a new Sequential of the modules from `start` up to `end`, under their names; they are shared. */
  slice(start?: number, end?: number): Sequential {
    const names = this.memberNames().slice(start, end);
    return new Sequential(new Map(names.map((name) => [name, this.getMember(name)])));
  }

  override forward(x: Tensor): Tensor {
    let y = x;
    for (const module of this) y = module.forward(y);
    return y;
  }
}

/** Is the common part of dictionaries. */
abstract class NamedCollection<T> extends NamedMembers<T> implements Iterable<[string, T]> {
  get size(): number {
    return this.memberNames().length;
  }

  has(name: string): boolean {
    return this.memberNames().includes(name);
  }

  get(name: string): T {
    if (!this.has(name)) {
      throw new UsageError(
        `${this.constructor.name}.get: there is no "${name}". ${suggestion(name, this.memberNames())}`,
      );
    }
    return this.getMember(name);
  }

  set(name: string, member: T): this {
    this.setMember(name, member);
    return this;
  }

  /** Takes a member out; tells whether there was one. */
  delete(name: string): boolean {
    const found = this.has(name);
    if (found) this.removeMember(name);
    return found;
  }

  keys(): string[] {
    return [...this.memberNames()];
  }

  values(): T[] {
    return this.keys().map((name) => this.getMember(name));
  }

  /** Adds members, replacing those of the same names. */
  update(members: Named<T>): this {
    for (const [name, member] of entriesOf(members)) this.set(name, member);
    return this;
  }

  *[Symbol.iterator](): IterableIterator<[string, T]> {
    for (const name of this.keys()) yield [name, this.getMember(name)];
  }
}

/**
 * Holds modules by name, in the order in which they came.
 *
 * @example
 * const heads = new nn.ModuleDict({ topic: new nn.Linear(8, 3), mood: new nn.Linear(8, 2) });
 * heads.get("mood").forward(torch.ones([1, 8])).shape; // => [1, 2]
 */
export class ModuleDict<M extends Module = Module> extends NamedCollection<M> {
  constructor(modules: Named<M> = {}) {
    super();
    this.update(modules);
  }
}

/** Holds parameters by name, in the order in which they came; a plain tensor becomes one. */
export class ParameterDict extends NamedCollection<Parameter> {
  constructor(parameters: Named<Tensor> = {}) {
    super();
    for (const [name, tensor] of entriesOf(parameters)) this.set(name, tensor);
  }

  override set(name: string, tensor: Tensor): this {
    return super.set(name, toParameter(tensor));
  }

  override toString(): string {
    return bracketed(
      this,
      "",
      this.keys().map((name) => [name, describe(this.getMember(name))] as const),
    );
  }
}

/** Holds parameters in a list; a plain tensor becomes one. */
export class ParameterList extends Members<Parameter> {
  constructor(parameters: Iterable<Tensor> = []) {
    super();
    this.extend(parameters);
  }

  override append(tensor: Tensor): this {
    return super.append(toParameter(tensor));
  }

  override set(index: number, tensor: Tensor): void {
    super.set(index, toParameter(tensor));
  }

  override toString(): string {
    return bracketed(
      this,
      "",
      Array.from(this, (parameter, i) => [String(i), describe(parameter)] as const),
    );
  }
}

function entriesOf<T>(members: Named<T>): Iterable<readonly [string, T]> {
  return Symbol.iterator in members ? members : Object.entries(members);
}

function toParameter(tensor: Tensor): Parameter {
  return tensor instanceof Parameter ? tensor : new Parameter(tensor);
}

function describe(parameter: Parameter): string {
  const type = `torch.${parameter.dtype} of size ${parameter.shape.join("x")}`;
  return `Parameter containing: [${type}]`;
}
