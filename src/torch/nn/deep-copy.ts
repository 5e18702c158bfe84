// Copies of modules, as Python's copy.deepcopy makes them.
import { noGrad } from "../grad-mode.ts";
import { keep, scope } from "../scope.ts";
import { Tensor } from "../tensor.ts";
import { ModuleDict, ModuleList, ParameterDict, ParameterList, Sequential } from "./containers.ts";
import { Module } from "./module.ts";
import { Parameter } from "./parameter.ts";
import { restoreParametrized } from "./utils/parametrize.ts";

/**
 * Copies a module with its children, weights and buffers: equal values in memory of their own, shared ones shared
 * again. The constructor is not run, so that nothing is drawn. Hooks and `#private` fields are not copied.
 *
 * @example
 * const layer = new nn.Linear(2, 2);
 * const copy = nn.deepCopy(layer);
 * copy.weight.equal(layer.weight) && !copy.weight.sharesStorageWith(layer.weight); // => true
 */
export function deepCopy<M extends Module>(module: M): M {
  return copyValue(module, new Map()) as M;
}

function copyValue(value: unknown, copies: Map<object, unknown>): unknown {
  if (typeof value !== "object" || value === null) return value;
  const known = copies.get(value);
  if (known !== undefined) return known;
  if (value instanceof Module) return copyModule(value, copies);
  if (value instanceof Tensor) return remember(copies, value, copyTensor(value));
  if (Array.isArray(value)) {
    const copy: unknown[] = remember(copies, value, []);
    for (const item of value) copy.push(copyValue(item, copies));
    return copy;
  }
  if (value instanceof Map) {
    const copy = remember(copies, value, new Map<unknown, unknown>());
    for (const [key, item] of value) copy.set(key, copyValue(item, copies));
    return copy;
  }
  if (Object.getPrototypeOf(value) !== Object.prototype) return value; // not ours to take apart
  const copy: Record<string, unknown> = remember(copies, value, {});
  for (const [key, item] of Object.entries(value)) copy[key] = copyValue(item, copies);
  return copy;
}

// only these constructors run, and Module's: they make the private fields, and draw nothing
const containers = [ModuleDict, ModuleList, ParameterDict, ParameterList, Sequential] as const;

function copyModule(module: Module, copies: Map<object, unknown>): Module {
  const container = containers.find((candidate) => module instanceof candidate);
  const made = Reflect.construct(container ?? Module, [], module.constructor) as Module;
  const copy = remember(copies, module, made);
  const buffers = new Map(module.namedBuffers({ recurse: false }));
  const persistent = module.stateDict();
  for (const [name, value] of module["fieldEntries"]()) {
    const copied = copyValue(value, copies);
    if (buffers.has(name)) copy.registerBuffer(name, copied as Tensor, { persistent: persistent.has(name) });
    else if (isContainer(copy) && (copied instanceof Module || copied instanceof Parameter)) {
      copy["setMember"](name, copied as never);
    } else (copy as unknown as Record<string, unknown>)[name] = copied;
  }
  restoreParametrized(copy);
  return copy;
}

function isContainer(module: Module): module is InstanceType<(typeof containers)[number]> {
  return containers.some((container) => module instanceof container);
}

function copyTensor(tensor: Tensor): Tensor {
  const { requiresGrad } = tensor;
  if (tensor instanceof Parameter) {
    return scope(() => noGrad(() => new Parameter(tensor.detach().clone(), { requiresGrad })));
  }
  return keep(scope(() => noGrad(() => tensor.detach().clone()))).requiresGrad_(requiresGrad);
}

function remember<T>(copies: Map<object, unknown>, original: object, copy: T): T {
  copies.set(original, copy);
  return copy;
}
