// Carries out a search in memory, for stores whose engine cannot. Meaning of each comparison: ./ast.ts.
import type { Comparator, Comparison, Order } from "./ast.ts";
import type { SearchSchema } from "./schemas.ts";

/** Is what a clause can look at in one entity. */
export interface Searchable {
  attributes: Readonly<Record<string, string | number | undefined>>;
  tags?: Readonly<Record<string, string>>;
  params?: Readonly<Record<string, string>>;
  /** Returns a metric's value; the data set is that of the order or of the search. */
  metric?(key: string, order?: Order): number | undefined;
  /** The fields name, digest and context of the data sets. */
  datasets?: readonly Readonly<Record<string, string | undefined>>[];
}

/** Tells whether an entity matches all clauses. */
export function matches(
  entity: Searchable,
  comparisons: readonly Comparison[],
  { impliedTags }: Pick<SearchSchema, "impliedTags">,
): boolean {
  return comparisons.every(({ kind, key, comparator, value }) => {
    if (kind === "dataset") {
      return (entity.datasets ?? []).some((dataset) => holds(own(dataset, key), comparator, value));
    }
    const implied = kind === "tag" ? own(impliedTags, key) : undefined;
    return holds(valueOf(entity, kind, key) ?? implied, comparator, value);
  });
}

/** Compares two entities by an order, for sorting. */
export function compareBy(orders: readonly Order[]): (a: Searchable, b: Searchable) => number {
  return (a, b) => {
    for (const order of orders) {
      const difference = compareValues(
        valueOf(a, order.kind, order.key, order),
        valueOf(b, order.kind, order.key, order),
        order.ascending,
      );
      if (difference !== 0) return difference;
    }
    return 0;
  };
}

/** Tells whether a text fits a pattern in which `%` is any characters and `_` is one. */
export function like(text: string, pattern: string): boolean {
  const chars = [...text];
  const parts = [...pattern];
  let index = 0;
  let part = 0;
  let lastAny = -1;
  let resume = 0;
  // a % is tried with ever more characters; only the last one is ever reconsidered, so this is no search in a tree
  while (index < chars.length) {
    if (parts[part] === "%") {
      lastAny = part++;
      resume = index;
    } else if (part < parts.length && (parts[part] === "_" || parts[part] === chars[index])) {
      part++;
      index++;
    } else if (lastAny >= 0) {
      part = lastAny + 1;
      index = ++resume;
    } else return false;
  }
  return parts.slice(part).every((rest) => rest === "%");
}

type Value = string | number | undefined;

function valueOf(entity: Searchable, kind: Comparison["kind"], key: string, order?: Order): Value {
  if (kind === "metric") return entity.metric?.(key, order);
  const record = { attribute: entity.attributes, tag: entity.tags, param: entity.params, dataset: undefined }[
    kind
  ];
  return record === undefined ? undefined : own(record, key);
}

function own<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

function holds(left: Value, comparator: Comparator, right: Comparison["value"]): boolean {
  if (comparator === "IS NULL") return left === undefined;
  if (comparator === "IS NOT NULL") return left !== undefined;
  if (left === undefined || right === null) return false;
  switch (comparator) {
    case "=":
      return left === right;
    case "!=":
      return left !== right;
    case "<":
      return left < right;
    case "<=":
      return left <= right;
    case ">":
      return left > right;
    case ">=":
      return left >= right;
    case "LIKE":
      return like(String(left), String(right));
    case "ILIKE":
      return like(String(left).toLowerCase(), String(right).toLowerCase());
    case "IN":
      return (right as readonly string[]).includes(String(left));
    case "NOT IN":
      return !(right as readonly string[]).includes(String(left));
  }
}

function compareValues(a: Value, b: Value, ascending: boolean): number {
  const difference = rank(a) - rank(b);
  if (difference !== 0 || rank(a) > 0 || a === b) return difference;
  return (a as string) < (b as string) === ascending ? -1 : 1;
}

/** Puts NaN behind numbers, and what is missing behind both. */
function rank(value: Value): number {
  if (value === undefined) return 2;
  return Number.isNaN(value) ? 1 : 0;
}
