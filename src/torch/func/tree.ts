// Values nested in arrays, plain objects and maps, as lists of their leaves; after torch/utils/_pytree.py.
import { Tensor } from "../tensor.ts";

/** A value's leaves in order, and how to put others in their places. */
export interface Flat {
  leaves: unknown[];
  rebuild: (leaves: readonly unknown[]) => unknown;
}

/** Lists what is in arrays, plain objects and maps, at any depth; all else is a leaf. */
export function flatten(value: unknown): Flat {
  const parts = partsOf(value);
  if (parts === undefined) return { leaves: [value], rebuild: ([leaf]) => leaf };
  const inner = parts.values.map(flatten);
  return {
    leaves: inner.flatMap(({ leaves }) => leaves),
    rebuild(leaves) {
      let next = 0;
      return parts.join(inner.map((flat) => flat.rebuild(leaves.slice(next, (next += flat.leaves.length)))));
    },
  };
}

/** Copies a value with each of its tensors replaced. */
export function mapTensors<T>(value: T, change: (tensor: Tensor) => Tensor): T {
  const { leaves, rebuild } = flatten(value);
  return rebuild(leaves.map((leaf) => (leaf instanceof Tensor ? change(leaf) : leaf))) as T;
}

/** Gives each leaf of `value` its part of `prefix`, a value of the same or of less depth; undefined where they differ. */
export function spread(prefix: unknown, value: unknown): unknown[] | undefined {
  const given = partsOf(prefix);
  if (given === undefined) return flatten(value).leaves.map(() => prefix);
  const parts = partsOf(value);
  if (parts === undefined || parts.keys.length !== given.keys.length) return undefined;
  const places = parts.keys.map((key) => given.keys.indexOf(key));
  if (Array.isArray(prefix) !== Array.isArray(value) || places.includes(-1)) return undefined;
  const all = places.map((place, i) => spread(given.values[place], parts.values[i]));
  return all.includes(undefined) ? undefined : all.flatMap((some) => some!);
}

interface Parts {
  keys: unknown[];
  values: unknown[];
  join: (values: unknown[]) => unknown;
}

function partsOf(value: unknown): Parts | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (Array.isArray(value)) return { keys: [...value.keys()], values: value, join: (values) => values };
  if (value instanceof Map) {
    const keys = [...value.keys()];
    return {
      keys,
      values: [...value.values()],
      join: (values) => new Map(keys.map((key, i) => [key, values[i]])),
    };
  }
  if (Object.getPrototypeOf(value) !== Object.prototype) return undefined;
  const keys = Object.keys(value);
  return {
    keys,
    values: Object.values(value),
    join: (values) => Object.fromEntries(keys.map((key, i) => [key, values[i]])),
  };
}
