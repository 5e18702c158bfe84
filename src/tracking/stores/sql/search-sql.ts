// From comparisons and orders of a search to SQL. Names of columns come from the tables below, never from the user;
// whatever the user wrote is bound.
import { invariant } from "../../../base/index.ts";
import type { Comparison, Order } from "../../search/index.ts";
import { invalid } from "../../validation.ts";
import { toSqlMetricValue } from "./rows.ts";
import { type SqlDialect, type SqlValue, marks } from "./sql.ts";

const maxListed = 30_000; // SQLite binds 32766 values

/** Is a piece of SQL with the values that it binds. */
export interface Fragment {
  text: string;
  values: readonly SqlValue[];
}

/** Says where what is searched for stands. */
export interface Searched {
  /** The table whose rows are found. */
  table: string;
  /** Attributes of the grammar and their columns. */
  attributes: Record<string, Column>;
  /** Tables of named values (`params.lr`), by the kind of the comparison. */
  entries: Partial<Record<Comparison["kind"], Entries>>;
}

/** Is a column and what it holds. */
export interface Column {
  column: string;
  holds: "text" | "number";
}

/** Is a table of named values that belong to the rows of another. */
export interface Entries {
  /** Table or subquery, and the values that it binds. */
  from: Fragment;
  /** Joins a row `entry` to the row that it belongs to. */
  on: string;
  key: string;
  value: string;
  /** Is set where the values are numbers that may be NaN: the column that says so, or a comparison that begins with it. */
  isNan?: string;
}

/** Is an order: a join where it needs one, and the terms of ORDER BY. */
export interface SqlOrder {
  join: Fragment;
  terms: readonly string[];
}

/** Writes one comparison as a clause of WHERE. */
export function toClause(
  dialect: SqlDialect,
  { attributes, entries }: Searched,
  comparison: Comparison,
): Fragment {
  const { kind, key, comparator } = comparison;
  const attribute = kind === "attribute" ? attributes[key] : undefined;
  if (attribute !== undefined) return compare(dialect, attribute.column, comparison);
  const table = entries[kind];
  invariant(table !== undefined, `search: no column for ${kind} "${key}".`);
  const found = (clause: string, values: readonly SqlValue[]): Fragment => ({
    text: `EXISTS (SELECT 1 FROM ${table.from.text} AS entry WHERE ${table.on} AND entry.${table.key} = ?${clause})`,
    values: [...table.from.values, key, ...values],
  });
  if (comparator === "IS NOT NULL") return found("", []);
  if (comparator === "IS NULL") {
    const { text, values } = found("", []);
    return { text: `NOT ${text}`, values };
  }
  const compared = compare(dialect, `entry.${table.value}`, comparison);
  if (table.isNan === undefined) return found(` AND ${compared.text}`, compared.values);
  // NaN is unequal to every number, and no comparison holds for it
  const clause =
    comparator === "!="
      ? `(${compared.text} OR entry.${table.isNan})`
      : `${compared.text} AND NOT entry.${table.isNan}`;
  return found(` AND ${clause}`, compared.values);
}

/** Compares a column with the value of a comparison. */
export function compare(
  dialect: SqlDialect,
  column: string,
  { comparator, value }: Pick<Comparison, "comparator" | "value">,
): Fragment {
  switch (comparator) {
    case "IN":
      return oneOf(column, value as readonly string[]);
    case "NOT IN": {
      const { text, values } = oneOf(column, value as readonly string[]);
      return { text: `NOT ${text}`, values };
    }
    case "LIKE":
    case "ILIKE":
      return { text: dialect.like(column, { ignoreCase: comparator === "ILIKE" }), values: [String(value)] };
    default: {
      // a column of whole numbers takes a fraction only as what it is
      const isFraction = typeof value === "number" && !Number.isSafeInteger(value);
      return {
        text: `${column} ${comparator === "!=" ? "<>" : comparator} ${isFraction ? "CAST(? AS DOUBLE PRECISION)" : "?"}`,
        values: [bound(value as string | number)],
      };
    }
  }
}

/** Says that a column has one of some values. */
export function oneOf(column: string, values: readonly SqlValue[]): Fragment {
  if (values.length === 0) return { text: "1 = 0", values };
  if (values.length > maxListed) {
    throw invalid(`search: a list may have ${maxListed} values, got ${values.length}. Search in parts.`);
  }
  return { text: `${column} IN (${marks(values.length)})`, values };
}

/** Writes one order: what has no value comes last in both directions, and NaN before it. */
export function toOrder(
  dialect: SqlDialect,
  { attributes, entries }: Searched,
  { kind, key, ascending }: Order,
  alias: string,
): SqlOrder {
  const direction = ascending ? "ASC" : "DESC";
  const attribute = kind === "attribute" ? attributes[key] : undefined;
  if (attribute !== undefined) {
    return {
      join: { text: "", values: [] },
      terms: valueTerms(attribute.column, attribute.holds === "text" ? dialect.byCodePoint : "", direction),
    };
  }
  const table = entries[kind];
  invariant(table !== undefined, `search: no order by ${kind} "${key}".`);
  const join = {
    text: ` LEFT JOIN ${table.from.text} AS ${alias} ON ${table.on.replaceAll("entry.", `${alias}.`)} AND ${alias}.${table.key} = ?`,
    values: [...table.from.values, key],
  };
  const value = `${alias}.${table.value}`;
  if (table.isNan === undefined) return { join, terms: valueTerms(value, dialect.byCodePoint, direction) };
  return {
    join,
    terms: [
      `CASE WHEN ${value} IS NULL THEN 2 WHEN ${alias}.${table.isNan} THEN 1 ELSE 0 END`,
      `${value} ${direction}`,
    ],
  };
}

function valueTerms(value: string, collation: string, direction: string): string[] {
  return [`CASE WHEN ${value} IS NULL THEN 1 ELSE 0 END`, `${value}${collation} ${direction}`];
}

// infinities stand in the tables as the largest double
function bound(value: string | number): SqlValue {
  return typeof value === "number" ? toSqlMetricValue(value).value : value;
}
