// Modules made of torch.nn's own layers as data, which rebuilds them here and in Python without running any code.
import { UsageError, suggestion } from "../../base/index.ts";
import { nn, scope, setDefaultDevice } from "../../torch/index.ts";
import { knownLayers, settingOf } from "./settings.ts";

/** Is a layer with its constructor's arguments, which carry Python's names, or a Sequential with its children. */
export interface LayerDescription {
  /** Name of the class in torch.nn. */
  type: string;
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
      const value = settingOf(layer, name);
      if (value === undefined) continue;
      if (!isData(value)) return undefined; // JSON has no infinity
      args[snakeCase(name)] = value;
    }
    return { type, args };
  };
  const description = describe(module);
  if (description === undefined) return undefined;
  using _scope = scope();
  const rebuilt = buildLayers(description);
  return rebuilt.toString() === module.toString() && shapes(rebuilt) === shapes(module)
    ? description
    : undefined;
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
  const positional = known.positional.map((name) => args[snakeCase(name)]);
  const options = known.options.flatMap((name) => {
    const value = args[snakeCase(name)];
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

function isData(value: unknown): boolean {
  if (Array.isArray(value)) return value.every(isData);
  return value === null || ["boolean", "string"].includes(typeof value) || Number.isFinite(value);
}

function shapes(module: nn.Module): string {
  return [...module.stateDict()].map(([name, { shape }]) => `${name}[${shape.join()}]`).join();
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
