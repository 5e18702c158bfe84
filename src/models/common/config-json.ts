// What the config.json of several models holds alike: numbers, names of classes and of activations.
import { FileError } from "../../base/index.ts";
import { nn, relu, tanh } from "../../torch/index.ts";
import type { Tensor } from "../../torch/index.ts";

const { functional: F } = nn;

const activations = {
  gelu: (x) => F.gelu(x),
  gelu_new: (x) => F.gelu(x, { approximate: "tanh" }),
  gelu_pytorch_tanh: (x) => F.gelu(x, { approximate: "tanh" }),
  relu,
  silu: F.silu,
  tanh,
} as const satisfies Record<string, (x: Tensor) => Tensor>;

/** Names an activation as transformers does. */
export type ActivationName = keyof typeof activations;

/** Returns the function of an activation's name. */
export function activationOf(name: ActivationName): (x: Tensor) => Tensor {
  return activations[name];
}

/** Reads the name of an activation; `source` names the file in errors. */
export function readActivation(value: unknown, key: string, source: string): ActivationName {
  if (typeof value === "string" && Object.hasOwn(activations, value)) return value as ActivationName;
  throw new FileError(
    `${source}: ${key} must be one of ${Object.keys(activations).join(", ")}, got ${JSON.stringify(value)}.`,
  );
}

/** Reads a number. */
export function readNumber(value: unknown, key: string, source: string): number {
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw refused("a number", value, key, source);
}

/** Reads a list of numbers, one at least. */
export function readNumbers(value: unknown, key: string, source: string): number[] {
  if (Array.isArray(value) && value.length > 0 && value.every((item) => Number.isFinite(item)))
    return value as number[];
  throw refused("a list of numbers", value, key, source);
}

/** Reads true or false. */
export function readBoolean(value: unknown, key: string, source: string): boolean {
  if (typeof value === "boolean") return value;
  throw refused("true or false", value, key, source);
}

/** Refuses the config of another kind of model. */
export function requireModelType(
  json: Readonly<Record<string, unknown>>,
  modelType: string,
  source: string,
): void {
  const found = json["model_type"];
  if (found === undefined || found === modelType) return;
  throw new FileError(
    `${source}: model_type must be "${modelType}", got ${JSON.stringify(found)}. Name a model of type ${modelType}.`,
  );
}

/** The keys of config.json that `readLabels` and the model's class stand behind. */
const commonKeys: readonly string[] = ["architectures", "model_type", "id2label", "label2id", "num_labels"];

/** Reads the names of the classes in the order of the logits; undefined where the file has none. */
export function readLabels(json: Readonly<Record<string, unknown>>): string[] | undefined {
  const id2label = json["id2label"];
  if (typeof id2label === "object" && id2label !== null) {
    const entries = Object.entries(id2label).sort(([a], [b]) => Number(a) - Number(b));
    return entries.map(([, label]) => String(label));
  }
  const count = json["num_labels"];
  return typeof count === "number" ? numberedLabels(count) : undefined;
}

/** Names classes as transformers does where nothing else is said. */
export function numberedLabels(count: number): string[] {
  return Array.from({ length: count }, (_, id) => `LABEL_${id}`);
}

/** Returns the names of the classes as config.json holds them. */
function labelsToJson(labels: readonly string[]): Record<string, unknown> {
  return {
    id2label: Object.fromEntries(labels.map((label, id) => [String(id), label])),
    label2id: Object.fromEntries(labels.map((label, id) => [label, id])),
  };
}

function refused(what: string, value: unknown, key: string, source: string): FileError {
  return new FileError(
    `${source}: ${key} must be ${what}, got ${JSON.stringify(value)}. Restore the model's own config.json.`,
  );
}

/** Says how the keys of a config.json are read: by which name code knows each, and what it must hold. */
export type KeyReaders = Readonly<
  Record<string, readonly [name: string, read: (value: unknown, key: string, source: string) => unknown]>
>;

/**
 * Parts the content of a config.json into the values of known keys, by their names in code, and what is not ours. With
 * `nullIsAbsent`, a known key that is null counts as left out.
 */
export function readKeys(
  json: Readonly<Record<string, unknown>>,
  readers: KeyReaders,
  { source, nullIsAbsent = false }: { source: string; nullIsAbsent?: boolean },
): { values: Record<string, unknown>; extra: Record<string, unknown> } {
  const values: Record<string, unknown> = {};
  const extra: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(json)) {
    const known = Object.hasOwn(readers, key) ? readers[key] : undefined;
    if (known === undefined) {
      if (!commonKeys.includes(key)) extra[key] = value;
    } else if (value !== null || !nullIsAbsent) values[known[0]] = known[1](value, key, source);
  }
  return { values, extra };
}

/** Writes the content of a config.json: what is not ours, the kind of model, the known keys and the labels. */
export function writeKeys(
  config: { labels: readonly string[]; extra: Readonly<Record<string, unknown>> },
  readers: KeyReaders,
  { modelType, architecture }: { modelType: string; architecture: string },
): Record<string, unknown> {
  const known = Object.entries(readers).map(([key, [name]]) => [
    key,
    (config as unknown as Record<string, unknown>)[name],
  ]);
  return {
    ...config.extra,
    architectures: [architecture],
    model_type: modelType,
    ...Object.fromEntries(known),
    ...labelsToJson(config.labels),
  };
}
