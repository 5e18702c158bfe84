// Says an order in MongoDB's aggregation. What users wrote stands in them as literals only.
import type { Document } from "mongodb";
import { invariant } from "../../../base/index.ts";
import type { Order, Page } from "../../search/index.ts";
import { invalid } from "../../validation.ts";

const maxKeys = 32; // MongoDB's own limit

/** Says how documents are ordered by what the search grammar names. */
export interface OrderFields {
  /** Attributes of the grammar and their fields. */
  attributes: Readonly<Record<string, string>>;
  /** Attributes that some documents lack. */
  optional?: readonly string[];
  /** Attributes whose texts are whole numbers of any length. */
  numerals?: readonly string[];
  /** Returns the expression of a metric's value, which is missing where there is none. */
  metric?(order: Order): Document;
}

/** Is an order in the database: what is sorted by, and the expressions of that which is not stored. */
export interface Sort {
  keys: Document;
  /** Expressions that read the documents. */
  values: Document;
  /** Expressions that read the values. */
  ranks: Document;
}

/**
 * Returns what an order sorts by. MongoDB puts what is missing and NaN before all numbers; where that may matter, the
 * documents are sorted by a rank and the value instead.
 *
 * @throws TrackingError for more terms than MongoDB sorts by
 */
export function toSort(orders: readonly Order[], fields: OrderFields): Sort {
  const values: Document = {};
  const ranks: Document = {};
  const keys = new Map<string, 1 | -1>();
  const add = (key: string, direction: 1 | -1) => keys.has(key) || keys.set(key, direction); // the first decides
  for (const [i, order] of orders.entries()) {
    const direction = order.ascending ? 1 : -1;
    const field = order.kind === "attribute" ? fields.attributes[order.key] : undefined;
    const mayLack = order.kind !== "attribute" || (order.ascending && fields.optional?.includes(order.key));
    if (field !== undefined && !mayLack) {
      if (fields.numerals?.includes(order.key)) {
        values[`v${i}`] = { $strLenCP: `$${field}` };
        add(`sortValues.v${i}`, direction);
      }
      add(field, direction);
      continue;
    }
    values[`v${i}`] = field === undefined ? valueOf(order, fields) : `$${field}`;
    ranks[`k${i}`] = withRank(`$sortValues.v${i}`, direction);
    add(`sortKeys.k${i}`, direction);
  }
  if (keys.size > maxKeys) {
    throw invalid(
      `order: MongoDB sorts by up to ${maxKeys} terms, got ${keys.size}. Leave out the last ones.`,
    );
  }
  return { keys: Object.fromEntries(keys), values, ranks };
}

/** Tells whether a sort needs more than what is stored. */
export function isComputed({ values }: Sort): boolean {
  return Object.keys(values).length > 0;
}

/** Returns the stages that sort documents and cut out a page, and one more; of a computed sort only `fields` come out. */
export function sortStages(sort: Sort, fields: readonly string[], { offset, size }: Page): Document[] {
  const { keys, values, ranks } = sort;
  const kept = Object.fromEntries(fields.map((field) => [field, 1]));
  const compute = [
    { $project: { ...kept, sortValues: values } },
    ...(Object.keys(ranks).length > 0 ? [{ $addFields: { sortKeys: ranks } }] : []),
  ];
  return [...(isComputed(sort) ? compute : []), { $sort: keys }, { $skip: offset }, { $limit: size + 1 }];
}

/** Returns the expression of a field of the one element of a list that has some values. */
export function valueInList(list: string, values: Readonly<Record<string, string>>, field: string): Document {
  return fieldOfFirst(elements(list, values), field);
}

/** Returns the expression of the value of the latest point, by time, then step, then the first run, that has some values. */
export function latestValue(list: string, values: Readonly<Record<string, string>>): Document {
  const place = {
    time: { $multiply: ["$$each.timestamp", -1] },
    step: { $multiply: ["$$each.step", -1] },
    runId: "$$each.runId",
    value: "$$each.value",
  };
  // documents are compared by their fields, one after the other
  return fieldOfFirst(
    [{ $min: { $map: { input: elements(list, values), as: "each", in: place } } }],
    "value",
  );
}

function elements(list: string, values: Readonly<Record<string, string>>): Document {
  const fits = Object.entries(values).map(([field, value]) => ({
    $eq: [`$$each.${field}`, { $literal: value }],
  }));
  return { $filter: { input: `$${list}`, as: "each", cond: { $and: fits } } };
}

function fieldOfFirst(input: Document | readonly Document[], field: string): Document {
  return { $arrayElemAt: [{ $map: { input, as: "each", in: `$$each.${field}` } }, 0] };
}

function valueOf(order: Order, { metric }: OrderFields): Document {
  switch (order.kind) {
    case "param":
      return valueInList("params", { k: order.key }, "v");
    case "tag":
      return valueInList("tags", { k: order.key }, "v");
    default:
      invariant(metric !== undefined, `search: no order by ${order.kind} "${order.key}".`);
      return metric(order);
  }
}

/** Puts NaN behind numbers and what is missing behind both. */
function withRank(value: string, direction: 1 | -1): Document {
  const isMissing = { $lte: [value, null] };
  const isNan = { $eq: [value, NaN] };
  return { rank: { $cond: [isMissing, 2 * direction, { $cond: [isNan, direction, 0] }] }, value };
}
