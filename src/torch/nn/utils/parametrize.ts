// Weights that are computed from other weights at each use, as torch.nn.utils.parametrize does.
import { ShapeError, UsageError } from "../../../base/index.ts";
import { noGrad } from "../../grad-mode.ts";
import { native } from "../../native.ts";
import { scope } from "../../scope.ts";
import { Tensor } from "../../tensor.ts";
import { ModuleDict } from "../containers.ts";
import { Module } from "../module.ts";
import { Parameter } from "../parameter.ts";

/** Computes a weight from one tensor or several; `rightInverse` gives tensors that a wanted weight comes from. */
export interface Parametrization extends Module {
  forward(...originals: Tensor[]): Tensor;
  rightInverse?(value: Tensor): Tensor | Tensor[];
}

/** Is thrown by a `rightInverse` that does not exist; the weight then stays as it is when it is registered. */
export class NotInvertible extends UsageError {}

/** Holds the parametrizations of one weight and the tensors that it is computed from, `original` or `original0`... */
export class ParametrizationList extends Module {
  /** How many tensors the first parametrization takes; 0 means one, named `original`. */
  readonly count: number;

  constructor(first: Parametrization, weight: Parameter) {
    super();
    const inverse = noGrad(() => invert(first, weight));
    this.count = Array.isArray(inverse) ? inverse.length : 0;
    if (Array.isArray(inverse)) {
      const { requiresGrad } = weight;
      for (const [i, tensor] of inverse.entries())
        this.registerParameter(`original${i}`, new Parameter(tensor.detach().clone(), { requiresGrad }));
    } else {
      if (inverse !== weight) setData(weight, inverse);
      this.registerParameter("original", weight); // the same object, which an optimizer may know already
    }
    this.add(first);
  }

  /** Adds a parametrization that is applied after the others. */
  add(parametrization: Parametrization): void {
    this.addModule(String(this.list().length), parametrization);
  }

  /** Lists the parametrizations in the order in which they are applied. */
  list(): Parametrization[] {
    return [...this.childEntries()].map(([, module]) => module as Parametrization);
  }

  /** Lists the tensors that the weight is computed from. */
  originals(): Parameter[] {
    return this.parameters({ recurse: false });
  }

  override forward(): Tensor {
    const [first, ...others] = this.list();
    return others.reduce(
      (x, parametrization) => parametrization.forward(x),
      first!.forward(...this.originals()),
    );
  }

  /** Sets the originals so that the weight becomes `value`. */
  assign(value: Tensor): void {
    noGrad(() => {
      let wanted: Tensor | Tensor[] = value;
      for (const parametrization of this.list().reverse()) {
        if (parametrization.rightInverse === undefined || Array.isArray(wanted)) {
          throw new UsageError(
            `${parametrization.constructor.name}: has no rightInverse, so that the weight cannot be set. Set its originals.`,
          );
        }
        wanted = parametrization.rightInverse(wanted);
      }
      const originals = this.originals();
      for (const [i, tensor] of [wanted].flat().entries()) setData(originals[i]!, tensor);
    });
  }
}

/**
 * Computes the weight `name` of a module through `parametrization` from now on; several are applied in turn. The state
 * dict then holds `parametrizations.NAME.original` in its place. Unless `unsafe`, shape and dtype must stay.
 *
 * @example
 * class Symmetric extends nn.Module {
 *   forward(x: Tensor) {
 *     return x.triu().add(x.triu(1).t());
 *   }
 * }
 * const layer = nn.utils.parametrize.registerParametrization(new nn.Linear(3, 3), "weight", new Symmetric());
 * layer.weight.equal(layer.weight.t()); // => true
 */
export function registerParametrization<M extends Module>(
  module: M,
  name: string,
  parametrization: Parametrization,
  { unsafe = false }: { unsafe?: boolean } = {},
): M {
  parametrization.train(module.training);
  const owner = module as unknown as Record<string, unknown>;
  const before = owner[name];
  if (!(before instanceof Tensor)) throw notThere(module, name);
  if (!unsafe) demandSame(module, name, before, parametrization, isParametrized(module, name));
  if (isParametrized(module, name)) {
    listOf(module, name).add(parametrization);
    return module;
  }
  if (!(before instanceof Parameter)) throw notThere(module, name);
  const list = new ParametrizationList(parametrization, before);
  owner["parametrizations"] ??= new ModuleDict<ParametrizationList>();
  dictOf(module)!.set(name, list);
  delete owner[name];
  inject(module, name);
  return module;
}

/** Tells whether a weight of the module, or the weight `name`, is parametrized. */
export function isParametrized(module: Module, name?: string): boolean {
  const dict = dictOf(module);
  return dict !== undefined && (name === undefined ? dict.size > 0 : dict.has(name));
}

/** Makes the weight a parameter again: with its computed value, or (`leaveParametrized: false`) with the original. */
export function removeParametrizations<M extends Module>(
  module: M,
  name: string,
  { leaveParametrized = true }: { leaveParametrized?: boolean } = {},
): M {
  if (!isParametrized(module, name)) {
    throw new UsageError(`${module.constructor.name}: "${name}" has no parametrizations to remove.`);
  }
  const list = listOf(module, name);
  if (list.count > 0 && !leaveParametrized) {
    throw new UsageError(
      `${module.constructor.name}: "${name}" comes from ${list.count} tensors, none of which is the weight. Leave it parametrized.`,
    );
  }
  const [original] = list.originals();
  const weight = scope(() =>
    noGrad(() => {
      if (!leaveParametrized) return original!;
      const value = list.forward();
      if (list.count > 0) return new Parameter(value.clone(), { requiresGrad: original!.requiresGrad });
      setData(original!, value.clone());
      return original!;
    }),
  );
  const owner = module as unknown as Record<string, unknown>;
  delete owner[name];
  dictOf(module)!.delete(name);
  if (dictOf(module)!.size === 0) delete owner["parametrizations"];
  owner[name] = weight;
  return module;
}

/**
 * Gives another module the parametrizations of one, with their tensors: those of `name`, or of all weights. A weight
 * that the other lacks is added.
 */
export function transferParametrizationsAndParams<M extends Module>(
  fromModule: Module,
  toModule: M,
  name?: string,
): M {
  const names = name === undefined ? [...(dictOf(fromModule)?.keys() ?? [])] : [name];
  for (const each of names) {
    if (!isParametrized(fromModule, each)) {
      throw new UsageError(`${fromModule.constructor.name}: "${each}" has no parametrizations to transfer.`);
    }
    const list = listOf(fromModule, each);
    const target = toModule as unknown as Record<string, unknown>;
    target[each] ??= new Parameter((fromModule as unknown as Record<string, Tensor>)[each]!);
    for (const parametrization of list.list()) registerParametrization(toModule, each, parametrization);
    Object.assign(listOf(toModule, each), Object.fromEntries(list.namedParameters({ recurse: false })));
  }
  return toModule;
}

/** Returns the class that a module has without its parametrizations, which never change it here. */
export function typeBeforeParametrizations(module: Module): Function {
  return module.constructor;
}

let cache: Map<ParametrizationList, Tensor> | undefined;

/** Computes each parametrized weight once inside `run`, however often it is used. */
export function cached<T>(run: () => T): T {
  const outer = cache;
  cache ??= new Map();
  try {
    return run();
  } finally {
    cache = outer;
  }
}

/** Puts the computed weights of a copied module in place. */
export function restoreParametrized(module: Module): void {
  for (const name of dictOf(module)?.keys() ?? []) inject(module, name);
}

function inject(module: Module, name: string): void {
  Object.defineProperty(module, name, {
    configurable: true,
    enumerable: false, // it is neither parameter nor buffer
    get: () => {
      const list = listOf(module, name);
      if (cache === undefined) return list.forward();
      const known = cache.get(list) ?? list.forward();
      cache.set(list, known);
      return known;
    },
    set(value: Tensor) {
      listOf(module, name).assign(value);
    },
  });
}

function dictOf(module: Module): ModuleDict<ParametrizationList> | undefined {
  const { parametrizations } = module as { parametrizations?: unknown };
  return parametrizations instanceof ModuleDict
    ? (parametrizations as ModuleDict<ParametrizationList>)
    : undefined;
}

function listOf(module: Module, name: string): ParametrizationList {
  return dictOf(module)!.get(name);
}

function invert(parametrization: Parametrization, value: Tensor): Tensor | Tensor[] {
  try {
    return parametrization.rightInverse?.(value) ?? value;
  } catch (error) {
    if (error instanceof NotInvertible) return value;
    throw error;
  }
}

function setData(target: Tensor, source: Tensor): void {
  native.setData(target.handle, source.detach().handle);
}

/** Throws where a parametrization would change the weight's shape or dtype. */
function demandSame(
  module: Module,
  name: string,
  weight: Tensor,
  parametrization: Parametrization,
  isChained: boolean,
): void {
  scope(() =>
    noGrad(() => {
      const inverse = isChained ? weight : invert(parametrization, weight);
      const value = parametrization.forward(...[inverse].flat());
      const [from, to] = [weight, value].map(({ dtype, shape }) => `${dtype} [${shape.join(", ")}]`);
      if (from === to) return;
      throw new ShapeError(
        `${module.constructor.name}: a parametrization must leave shape and dtype of "${name}", got ${to} from ${from}. ` +
          "Register it with unsafe: true if that is meant.",
      );
    }),
  );
}

function notThere(module: Module, name: string): UsageError {
  const names = Array.from(module.namedParameters({ recurse: false }), ([key]) => key);
  return new UsageError(
    `${module.constructor.name}: needs a weight to parametrize, got "${name}". Weights: ${names.join(", ")}.`,
  );
}
