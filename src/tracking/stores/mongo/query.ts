// Says in MongoDB's query language what it can say of a filter. A query may find too much, never too little: `matches`
// has the last word. Values go in as operands and keys as values, so that neither is ever read as an operator or a path.
import type { Comparison, SearchSchema } from "../../search/index.ts";

/** Says which field holds an attribute. */
export interface QueryFields {
  attributes: Readonly<Record<string, string>>;
  schema: Pick<SearchSchema, "impliedTags">;
}

const operators = new Map<string, string>([
  ["=", "$eq"],
  ["<", "$lt"],
  ["<=", "$lte"],
  [">", "$gt"],
  [">=", "$gte"],
  ["IN", "$in"],
]);

/** Returns a query that finds at least what the comparisons find. */
export function toQuery(comparisons: readonly Comparison[], fields: QueryFields): Record<string, unknown> {
  const clauses = comparisons.flatMap((comparison) => toClause(comparison, fields) ?? []);
  return clauses.length === 0 ? {} : { $and: clauses };
}

function toClause(comparison: Comparison, { attributes, schema }: QueryFields): object | undefined {
  const { kind, key } = comparison;
  const operand = toOperand(comparison);
  if (operand === undefined) return undefined;
  if (kind === "attribute") {
    return Object.hasOwn(attributes, key) ? { [attributes[key]!]: operand } : undefined;
  }
  if (kind === "metric") return { metrics: { $elemMatch: { key: { $eq: key }, value: operand } } };
  if (kind === "param") return { params: { $elemMatch: { k: { $eq: key }, v: operand } } };
  if (kind === "tag" && !Object.hasOwn(schema.impliedTags, key)) {
    return { tags: { $elemMatch: { k: { $eq: key }, v: operand } } };
  }
  return undefined;
}

function toOperand({ comparator, value }: Comparison): object | undefined {
  if (value === null || (typeof value === "number" && !Number.isFinite(value))) return undefined;
  const operator = operators.get(comparator);
  if (operator !== undefined) return { [operator]: value };
  const isPattern = comparator === "LIKE" || comparator === "ILIKE";
  if (!isPattern) return undefined;
  // what is upper and lower case beyond ASCII is for `matches` to say, and no pattern needs to be long to narrow down
  const pattern = String(value);
  if (!/^[\x20-\x7e]{1,200}$/.test(pattern)) return undefined;
  if (comparator === "ILIKE" && /[ik]/i.test(pattern)) return undefined; // İ and the Kelvin sign have them as lower case
  return { $regex: toRegex(pattern), $options: comparator === "ILIKE" ? "is" : "s" };
}

function toRegex(pattern: string): string {
  const parts = [...pattern].map((char) => {
    if (char === "%") return ".*";
    if (char === "_") return "."; // one code point, as `like` has it
    return char.replace(/[\\^$.*+?()[\]{}|/-]/, "\\$&");
  });
  return `^${parts.join("")}$`.replaceAll(/(\.\*)+/g, ".*");
}
