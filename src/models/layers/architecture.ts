// Modules made of torch.nn's own layers as data, which rebuilds them here and in Python without running any code.
import { isDeepStrictEqual } from "node:util";
import { UsageError, suggestion, snakeCase } from "../../base/index.ts";
import { nn, scope, setDefaultDevice } from "../../torch/index.ts";
import { knownLayers, settingOf } from "./settings.ts";

/** Is a layer with its constructor's arguments, which carry Python's names, or a Sequential with its children. */
export interface LayerDescription {
  /** Name of the class in torch.nn. */
  type: string;
  /** An argument may be a layer itself: the one that a TransformerEncoder repeats. */
  args?: Readonly<Record<string, unknown>>;
  /** Of a Sequential, in order. */
  children?: readonly (readonly [name: string, layer: LayerDescription])[];
}

/**
 * Describes a module, or returns undefined for one that data alone does not rebuild: one of a class of its own, or with
 * a layer that stands in it twice or whose weights have other names than the layer's own.
 */
export function describeLayers(module: nn.Module): LayerDescription | undefined {
  const seen = new Set<nn.Module>();
  const describe = (layer: nn.Module): LayerDescription | undefined => {
    const type = layer.constructor.name;
    if (seen.has(layer) || layer.constructor !== classOf(type)) return undefined;
    seen.add(layer);
    if (layer instanceof nn.Sequential) {
      const children = [...layer.namedChildren()].map(([name, child]) => [name, describe(child)] as const);
      if (children.length !== layer.length || !children.every(isDescribed)) return undefined;
      return { type, children };
    }
    const known = knownLayers.get(type);
    if (known === undefined) return undefined;
    const args: Record<string, unknown> = {};
    for (const name of [...known.positional, ...known.options]) {
      const setting = settingOf(layer, name);
      if (setting === undefined) continue;
      const value = setting instanceof nn.Module ? describe(setting) : setting;
      if (!isDescription(value) && !isData(value)) return undefined; // JSON has no infinity
      args[snakeCase(name)] = value;
    }
    return { type, args };
  };
  const description = describe(module);
  if (description === undefined) return undefined;
  using _scope = scope();
  const rebuilt = buildLayers(description);
  return areAlike(rebuilt, module) && shapes(rebuilt) === shapes(module) ? description : undefined;
}

/** Makes the module of a description; its weights are on the device "meta", without values. */
export function buildLayers(description: LayerDescription): nn.Module {
  return setDefaultDevice("meta", () => build(description));
}

function build({ type, args = {}, children }: LayerDescription): nn.Module {
  if (type === "Sequential" && Array.isArray(children)) {
    const layers = children.map(([name, child]) => [name, build(child) as nn.TensorModule] as const);
    return new nn.Sequential(new Map(layers));
  }
  const known = knownLayers.get(type);
  const Layer = classOf(type);
  if (known === undefined || Layer === undefined) {
    throw new UsageError(
      `architecture: every layer must be one of torch.nn that Sconce knows, got "${type}". ${suggestion(type, knownLayers.keys())}`,
    );
  }
  const argument = (name: string) => {
    const value = args[snakeCase(name)];
    return isDescription(value) ? build(value) : value;
  };
  const positional = known.positional.map(argument);
  const options = known.options.flatMap((name) => {
    const value = argument(name);
    return value === undefined ? [] : [[name, value] as const];
  });
  return new Layer(...positional, ...(known.options.length === 0 ? [] : [Object.fromEntries(options)]));
}

function classOf(type: string): (new (...args: unknown[]) => nn.Module) | undefined {
  if (type !== "Sequential" && !knownLayers.has(type)) return undefined;
  return nn[type as "Linear"] as unknown as new (...args: unknown[]) => nn.Module;
}

function isDescribed<T>(entry: readonly [string, T | undefined]): entry is readonly [string, T] {
  return entry[1] !== undefined;
}

function isDescription(value: unknown): value is LayerDescription {
  return typeof value === "object" && value !== null && "type" in value && typeof value.type === "string";
}

function isData(value: unknown): boolean {
  if (Array.isArray(value)) return value.every(isData);
  return value === null || ["boolean", "string"].includes(typeof value) || Number.isFinite(value);
}

/** Tells whether two modules, and those in them, are of the same classes with the same settings. */
function areAlike(one: nn.Module, other: nn.Module): boolean {
  const settings = (module: nn.Module) =>
    [...module.namedModules()].map(([name, layer]) => [name, layer.constructor, settingsOf(layer)]);
  return isDeepStrictEqual(settings(one), settings(other));
}

/** Returns the fields of a layer that are no weights, layers, or whether it is in training. */
function settingsOf(layer: nn.Module): object {
  const { training: _, activation, ...fields } = layer as unknown as Record<string, unknown>;
  return { ...Object.fromEntries(Object.entries(fields).filter(([, value]) => isPlain(value))), activation };
}

function isPlain(value: unknown): boolean {
  if (Array.isArray(value)) return value.every(isPlain);
  if (typeof value !== "object" || value === null) return typeof value !== "function";
  return Object.getPrototypeOf(value) === Object.prototype && Object.values(value).every(isPlain);
}

function shapes(module: nn.Module): string {
  return [...module.stateDict()].map(([name, { shape }]) => `${name}[${shape.join()}]`).join();
}
