// What a search says once it is read: comparisons that must all hold, and an order.

/** Names what a comparison or an order looks at. */
export type Kind = "attribute" | "metric" | "param" | "tag" | "dataset";

/** Is how a value is compared. `LIKE` knows `%` and `_` and no escape; `ILIKE` ignores case. */
export type Comparator =
  "=" | "!=" | "<" | "<=" | ">" | ">=" | "LIKE" | "ILIKE" | "IN" | "NOT IN" | "IS NULL" | "IS NOT NULL";

/** Is one clause of a filter. An entity that lacks the key matches no clause but `IS NULL`. */
export interface Comparison {
  kind: Kind;
  /** The name with aliases resolved (`created` is `start_time`). */
  key: string;
  comparator: Comparator;
  /** A list for `IN` and `NOT IN`, null for `IS NULL` and `IS NOT NULL`. */
  value: string | number | readonly string[] | null;
}

/** Is one term of an order. What lacks the key comes last, NaN right before that, whatever the direction. */
export interface Order {
  kind: Exclude<Kind, "dataset">;
  key: string;
  ascending: boolean;
  /** Takes a logged model's metric as it was computed on this data set. */
  datasetName?: string;
  datasetDigest?: string;
}
