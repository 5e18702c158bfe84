// Reads MLflow's search grammar: comparisons joined by AND, and orders. One pass, no backtracking.
import { nearest } from "../../base/index.ts";
import type { LoggedModelOrder } from "../store.ts";
import { invalid } from "../validation.ts";
import type { Comparator, Comparison, Kind, Order } from "./ast.ts";
import { datasetFields } from "./schemas.ts";
import type { SearchSchema } from "./schemas.ts";
import { tokenize } from "./tokenize.ts";
import type { Token } from "./tokenize.ts";

// PostgreSQL plans 50 clauses in under a second, 100 in four and 200 in a minute
const maxClauses = 50;
const maxTerms = 50;
const numeric: readonly Comparator[] = ["=", "!=", "<", "<=", ">", ">="];
const textual: readonly Comparator[] = ["=", "!=", "LIKE", "ILIKE"];
const listed: readonly Comparator[] = ["IN", "NOT IN"];
const nullTests: readonly Comparator[] = ["IS NULL", "IS NOT NULL"];

/**
 * Reads a filter, `metrics.loss < 0.5 AND params.model = 'bert'` say; an empty one has no clauses.
 *
 * @throws TrackingError with the place and the nearest valid name
 */
export function parseFilter(filter: string | undefined, schema: SearchSchema): Comparison[] {
  const tokens = new Tokens(tokenize(filter ?? ""));
  const comparisons: Comparison[] = [];
  if (tokens.isAtEnd) return comparisons;
  do {
    if (comparisons.length === maxClauses)
      throw invalid(`filter: at most ${maxClauses} clauses are allowed.`);
    comparisons.push(parseComparison(tokens, schema));
  } while (tokens.takeWord("AND"));
  if (!tokens.isAtEnd)
    throw tokens.unexpected("AND or the end (OR and brackets around clauses are not known)");
  return comparisons;
}

/**
 * Reads the terms of an order, `metrics.loss ASC` say, and adds the terms that make it stable.
 *
 * @throws TrackingError for a term that the schema does not know
 */
export function parseOrderBy(terms: readonly string[] | undefined, schema: SearchSchema): Order[] {
  checkCount(terms);
  const orders = (terms ?? []).map((term) => {
    const tokens = new Tokens(tokenize(term));
    const { kind, key } = parseName(tokens, schema, "order");
    const ascending = tokens.takeWord("ASC") || !tokens.takeWord("DESC");
    if (!tokens.isAtEnd) throw tokens.unexpected(`ASC or DESC in the order ${JSON.stringify(term)}`);
    if (kind === "dataset" || !schema.orderKinds.includes(kind)) {
      throw invalid(`order: it cannot be ordered by ${kind}, got ${JSON.stringify(term)}.`);
    }
    return { kind, key, ascending };
  });
  return stable(orders, schema);
}

/** Reads the orders of a search for logged models, `{ fieldName: "metrics.loss", ascending: true }`. */
export function readModelOrders(
  terms: readonly LoggedModelOrder[] | undefined,
  schema: SearchSchema,
): Order[] {
  checkCount(terms);
  const orders = (terms ?? []).map(({ fieldName, ascending = true, datasetName, datasetDigest }): Order => {
    if (datasetDigest !== undefined && datasetName === undefined) {
      throw invalid(`order: ${fieldName} names a dataset digest, so it must name the dataset too.`);
    }
    const metric = /^metrics\.(.+)$/s.exec(fieldName)?.[1];
    return {
      ...(metric === undefined
        ? { kind: "attribute", key: attributeKey(fieldName.trim(), schema, "order") }
        : { kind: "metric", key: metric }),
      ascending,
      ...(datasetName === undefined ? {} : { datasetName }),
      ...(datasetDigest === undefined ? {} : { datasetDigest }),
    };
  });
  return stable(orders, schema);
}

function checkCount(terms: readonly unknown[] = []): void {
  if (terms.length > maxTerms) {
    throw invalid(`order: at most ${maxTerms} terms are allowed, got ${terms.length}.`);
  }
}

function stable(orders: readonly Order[], { defaultOrder, tieOrder }: SearchSchema): Order[] {
  if (orders.length === 0) return [...defaultOrder];
  const isNamed = ({ key }: Order) => orders.some((order) => order.kind === "attribute" && order.key === key);
  return [...orders, ...tieOrder.filter((order) => !isNamed(order))];
}

function parseComparison(tokens: Tokens, schema: SearchSchema): Comparison {
  const { kind, key } = parseName(tokens, schema, "filter");
  const isNumeric = kind === "metric" || (kind === "attribute" && schema.attributes[key] === "number");
  const allowed = comparatorsOf(kind, key, isNumeric, schema);
  const comparator = tokens.takeComparator();
  if (!allowed.includes(comparator)) {
    throw invalid(`filter: ${kind} "${key}" can be compared by ${allowed.join(", ")}, got ${comparator}.`);
  }
  if (nullTests.includes(comparator)) return { kind, key, comparator, value: null };
  if (listed.includes(comparator)) return { kind, key, comparator, value: tokens.takeList(key) };
  return { kind, key, comparator, value: isNumeric ? tokens.takeNumber(key) : tokens.takeText(key) };
}

function comparatorsOf(
  kind: Kind,
  key: string,
  isNumeric: boolean,
  { listAttributes, hasNullTests }: SearchSchema,
): readonly Comparator[] {
  if (isNumeric) return numeric;
  if (kind === "dataset" || (kind === "attribute" && listAttributes.includes(key)))
    return [...textual, ...listed];
  return kind !== "attribute" && hasNullTests ? [...textual, ...nullTests] : textual;
}

/** Reads `key` or `prefix.key`; parts may be quoted, and a key may have dots. */
function parseName(
  tokens: Tokens,
  schema: SearchSchema,
  use: "filter" | "order",
): { kind: Kind; key: string } {
  const first = tokens.takeNamePart();
  if (!tokens.takeSign(".")) return { kind: "attribute", key: attributeKey(first, schema, use) };
  const kind = Object.hasOwn(schema.prefixes, first) ? schema.prefixes[first] : undefined;
  if (kind === undefined) {
    throw invalid(`${use}: "${first}." is no kind of value. ${hint(first, Object.keys(schema.prefixes))}`);
  }
  const parts = [tokens.takeNamePart()];
  while (tokens.takeSign(".")) parts.push(tokens.takeNamePart());
  const key = parts.join(".");
  if (kind === "attribute") return { kind, key: attributeKey(key, schema, use) };
  if (kind === "dataset" && !(datasetFields as readonly string[]).includes(key)) {
    throw invalid(`${use}: a dataset has no field "${key}". ${hint(key, datasetFields)}`);
  }
  return { kind, key };
}

function attributeKey(name: string, schema: SearchSchema, use: "filter" | "order"): string {
  const key = Object.hasOwn(schema.aliases, name) ? (schema.aliases[name] as string) : name;
  if (Object.hasOwn(schema.attributes, key)) return key;
  if (use === "order" && schema.orderOnly.includes(key)) return key;
  const names = [...Object.keys(schema.attributes), ...(use === "order" ? schema.orderOnly : [])];
  throw invalid(`${use}: there is no attribute "${name}". ${hint(name, names)}`);
}

function hint(name: string, names: readonly string[]): string {
  const close = nearest(name, names);
  return close === undefined
    ? `Known: ${names.join(", ")}.`
    : `Did you mean "${close}"? Known: ${names.join(", ")}.`;
}

class Tokens {
  readonly #tokens: readonly Token[];
  #index = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  get isAtEnd(): boolean {
    return this.#index === this.#tokens.length;
  }

  takeWord(word: string): boolean {
    const token = this.#tokens[this.#index];
    const isIt = token?.type === "word" && token.text.toUpperCase() === word;
    if (isIt) this.#index++;
    return isIt;
  }

  takeSign(sign: string): boolean {
    const token = this.#tokens[this.#index];
    const isIt = token?.type === "sign" && token.text === sign;
    if (isIt) this.#index++;
    return isIt;
  }

  takeNamePart(): string {
    const token = this.#tokens[this.#index];
    const isKey = this.#index > 0; // `metrics.5` and `metrics.'loss'` are names, 5 and 'loss' alone are values
    const isName =
      token?.type === "word" ||
      (token?.type === "quoted" && (isKey || token.quote !== "'")) ||
      (token?.type === "number" && isKey);
    if (!isName) throw this.unexpected("a name");
    this.#index++;
    return token.text;
  }

  takeComparator(): Comparator {
    const token = this.#tokens[this.#index];
    if (token?.type === "sign" && (numeric as readonly string[]).includes(token.text)) {
      this.#index++;
      return token.text as Comparator;
    }
    for (const words of ["LIKE", "ILIKE", "IN", "NOT IN", "IS NOT NULL", "IS NULL"] as const) {
      const start = this.#index;
      if (words.split(" ").every((word) => this.takeWord(word))) return words;
      this.#index = start;
    }
    throw this.unexpected("=, !=, <, <=, >, >=, LIKE, ILIKE, IN, NOT IN, IS NULL or IS NOT NULL");
  }

  takeNumber(key: string): number {
    const token = this.#tokens[this.#index];
    if (token?.type !== "number") throw this.unexpected(`a number for "${key}"`);
    this.#index++;
    return token.value;
  }

  takeText(key: string): string {
    const token = this.#tokens[this.#index];
    if (token?.type !== "quoted" || token.quote === "`")
      throw this.unexpected(`a text in quotes for "${key}"`);
    this.#index++;
    return token.text;
  }

  takeList(key: string): string[] {
    if (!this.takeSign("(")) throw this.unexpected(`a list of texts for "${key}", ('a', 'b') say`);
    const values = [this.takeText(key)];
    while (this.takeSign(",")) {
      if (this.takeSign(")")) return values; // a comma may end the list
      values.push(this.takeText(key));
    }
    if (!this.takeSign(")")) throw this.unexpected("a comma or a closing bracket");
    return values;
  }

  unexpected(expected: string) {
    const token = this.#tokens[this.#index];
    const found =
      token === undefined
        ? "the end"
        : `${JSON.stringify(token.text.slice(0, 80))} at character ${token.position}`;
    return invalid(`filter: expected ${expected}, got ${found}.`);
  }
}
