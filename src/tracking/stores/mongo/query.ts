// Says a filter in MongoDB's query language. Values go in as operands and keys as values, so that nothing that a user wrote
// is ever read as an operator or a path. Every operator is one that the small server of the tests knows too.
import { invariant } from "../../../base/index.ts";
import { datasetContextTag } from "../../dataset-uses.ts";
import type { Comparison } from "../../search/index.ts";
import { likeOperand } from "./like.ts";

/** Says which field holds what the search grammar names. */
export interface Fields {
  /** Attributes of the grammar and their fields. */
  attributes: Readonly<Record<string, string>>;
  /** Comes before each field: `versions.`, say. @default "" */
  prefix?: string;
}

/** Is a condition of a query. */
export type Clause = Record<string, unknown>;

/** Returns the query that holds where all clauses hold. */
export function allOf(clauses: readonly Clause[]): Clause {
  return clauses.length === 0 ? {} : { $and: clauses };
}

/** Returns the clause of a comparison; what lacks the key fits none but `IS NULL`. */
export function toClause(comparison: Comparison, { attributes, prefix = "" }: Fields): Clause {
  const { kind, key, comparator } = comparison;
  switch (kind) {
    case "attribute": {
      const field = attributes[key];
      invariant(field !== undefined, `search: no field for the attribute "${key}".`);
      return { [`${prefix}${field}`]: toOperand(comparison) };
    }
    case "metric":
      return { [`${prefix}metrics`]: { $elemMatch: { key: { $eq: key }, value: toOperand(comparison) } } };
    case "dataset":
      return { datasetInputs: { $elemMatch: toDatasetClause(comparison) } };
    case "param":
    case "tag": {
      const list = `${prefix}${kind}s`;
      const name = { k: { $eq: key } };
      if (comparator === "IS NULL") return { [list]: { $not: { $elemMatch: name } } };
      if (comparator === "IS NOT NULL") return { [list]: { $elemMatch: name } };
      return { [list]: { $elemMatch: { ...name, v: toOperand(comparison) } } };
    }
  }
}

/** Returns the operand that a value must fit. */
export function toOperand({ comparator, value }: Pick<Comparison, "comparator" | "value">): Clause {
  switch (comparator) {
    case "=":
      return { $eq: value };
    case "!=":
      return { $ne: value, $exists: true };
    case "IN":
      return { $in: value };
    case "NOT IN":
      return { $nin: value, $exists: true };
    case "LIKE":
    case "ILIKE":
      return { ...likeOperand(String(value), { ignoreCase: comparator === "ILIKE" }) };
    case "IS NULL":
      return { $exists: false };
    case "IS NOT NULL":
      return { $exists: true };
    // no number is above or below NaN; servers other than MongoDB's own put it above all
    case "<":
      return { $lt: value, $ne: NaN };
    case "<=":
      return { $lte: value, $ne: NaN };
    case ">":
      return { $gt: value, $ne: NaN };
    case ">=":
      return { $gte: value, $ne: NaN };
  }
}

/** The context of a data set is a tag of its use. */
function toDatasetClause(comparison: Comparison): Clause {
  const operand = toOperand(comparison);
  if (comparison.key !== "context") return { [`dataset.${comparison.key}`]: operand };
  return { tags: { $elemMatch: { k: datasetContextTag, v: operand } } };
}
