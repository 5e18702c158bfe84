// Puts examples together to a batch.
import { UsageError, isPlainObject } from "../../../base/index.ts";
import { fromTypedArray } from "../../factories.ts";
import { stack } from "../../ops.generated.ts";
import { Tensor } from "../../tensor.ts";

/** What `defaultCollate` makes of examples of a type: tensors and numbers become tensors, texts stay lists. */
export type Collated<T> = T extends Tensor | number | bigint | boolean
  ? Tensor
  : T extends string
    ? string[]
    : T extends readonly unknown[]
      ? { [K in keyof T]: Collated<T[K]> }
      : T extends object
        ? { [K in keyof T]: Collated<T[K]> }
        : never;

/**
 * Puts examples together as torch.utils.data.default_collate: tensors of one shape are stacked; whole numbers become
 * an int64 tensor, others float32, booleans bool; texts a list; lists and plain objects are collated item by item.
 *
 * @example
 * const { x, label } = torch.utils.data.defaultCollate([{ x: torch.ones([2]), label: 3 }]);
 * [x.shape, label.tolist()]; // => [[1, 2], [3]]
 */
export function defaultCollate<T>(examples: readonly T[]): Collated<T> {
  return collate(examples, "") as Collated<T>;
}

function collate(examples: readonly unknown[], path: string): unknown {
  const first = examples[0];
  const where = path === "" ? "the examples" : `"${path}" of the examples`;
  const allOf = (test: (value: unknown) => boolean): boolean => {
    const odd = examples.findIndex((example) => !test(example));
    if (odd === -1) return true;
    throw new UsageError(
      `DataLoader: ${where} must be of one kind, got ${kindOf(first)} and ${kindOf(examples[odd])}. Give the loader a collateFn.`,
    );
  };
  if (first instanceof Tensor) {
    allOf((value) => value instanceof Tensor);
    return stackTensors(examples as Tensor[], where);
  }
  if (typeof first === "number" || typeof first === "bigint" || typeof first === "boolean") {
    allOf((value) => typeof value === typeof first);
    return numbers(examples as (number | bigint | boolean)[]);
  }
  if (typeof first === "string") {
    allOf((value) => typeof value === "string");
    return [...examples];
  }
  if (Array.isArray(first)) {
    allOf((value) => Array.isArray(value) && value.length === first.length);
    return first.map((_, i) =>
      collate(
        examples.map((example) => (example as unknown[])[i]),
        join(path, i),
      ),
    );
  }
  if (isPlainObject(first)) {
    const keys = Object.keys(first);
    allOf((value) => isPlainObject(value) && keys.every((key) => Object.hasOwn(value, key)));
    return Object.fromEntries(
      keys.map((key) => [
        key,
        collate(
          examples.map((example) => (example as Record<string, unknown>)[key]),
          join(path, key),
        ),
      ]),
    );
  }
  throw new UsageError(
    `DataLoader: ${where} must be tensors, numbers, texts, or lists and plain objects of these, got ${kindOf(first)}. Give the loader a collateFn.`,
  );
}

function stackTensors(tensors: readonly Tensor[], where: string): Tensor {
  const shape = String(tensors[0]!.shape);
  const odd = tensors.find((tensor) => String(tensor.shape) !== shape);
  if (odd === undefined) return stack(tensors);
  throw new UsageError(
    `DataLoader: ${where} must have one shape to be stacked, got [${shape}] and [${odd.shape}]. Pad them, or give the loader a collateFn.`,
  );
}

function numbers(values: readonly (number | bigint | boolean)[]): Tensor {
  if (typeof values[0] === "boolean")
    return fromTypedArray(Uint8Array.from(values, Number), [values.length]).to("bool");
  const isWhole = values.every((value) => typeof value === "bigint" || Number.isInteger(value));
  return isWhole
    ? fromTypedArray(BigInt64Array.from(values, BigInt), [values.length])
    : fromTypedArray(Float32Array.from(values, Number), [values.length]);
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (value === null || typeof value !== "object") return value === null ? "null" : `a ${typeof value}`;
  return isPlainObject(value)
    ? `an object with ${Object.keys(value).join(", ")}`
    : `a ${value.constructor.name}`;
}

function join(path: string, step: string | number): string {
  return path === "" ? String(step) : `${path}.${step}`;
}
