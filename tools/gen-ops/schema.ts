// Parses operator schemas as libtorch prints them. Knows the grammar, not which operators are wanted.
import { invariant } from "../../src/base/index.ts";

/** The type of an argument or return, `SymInt` read as `int`. */
export interface SchemaType {
  /** `Tensor`, `int`, `float`, `bool`, `str`, `Scalar`, `ScalarType`, `Device`, ... */
  base: string;
  /** `int[]` has "any", `int[2]` has 2. */
  list: "any" | number | undefined;
  /** The whole value may be None: `int?`, `int[]?`. */
  optional: boolean;
  /** Elements may be None: `Tensor?[]`. */
  elementOptional: boolean;
  /** Set when the value aliases an input, `Tensor(a)`; `write` when it is changed in place, `Tensor(a!)`. */
  alias: { set: string; write: boolean } | undefined;
}

export interface SchemaArgument {
  name: string;
  type: SchemaType;
  /** The default as printed (`1`, `None`, `[0, 1]`), or undefined when the argument is required. */
  default: string | undefined;
  keywordOnly: boolean;
}

export interface SchemaReturn {
  /** Absent for most single returns. */
  name: string | undefined;
  type: SchemaType;
}

export interface Schema {
  namespace: string;
  name: string;
  /** Empty for the overload without a name. */
  overload: string;
  arguments: SchemaArgument[];
  returns: SchemaReturn[];
}

/** Parses one schema, `aten::add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor`. */
export function parseSchema(text: string): Schema {
  const head = /^(?:(\w+)::)?(\w+)(?:\.(\w+))?\(/.exec(text);
  invariant(head, `parseSchema: cannot read the name in ${JSON.stringify(text)}.`);
  const open = head[0].length - 1;
  const close = closing(text, open);
  const arrow = text.slice(close + 1).match(/^ -> /);
  invariant(arrow, `parseSchema: no " -> " after the arguments in ${JSON.stringify(text)}.`);
  return {
    namespace: head[1] ?? "aten",
    name: head[2]!,
    overload: head[3] ?? "",
    arguments: parseArguments(text.slice(open + 1, close)),
    returns: parseReturns(text.slice(close + 1 + arrow[0].length).trim()),
  };
}

/** Joins name and overload as the dispatcher spells them: `add.Tensor`, `relu`. */
export function qualifiedName({ name, overload }: Pick<Schema, "name" | "overload">): string {
  return overload === "" ? name : `${name}.${overload}`;
}

function parseArguments(text: string): SchemaArgument[] {
  const parsed: SchemaArgument[] = [];
  let keywordOnly = false;
  for (const part of splitTop(text)) {
    if (part === "*") {
      keywordOnly = true;
      continue;
    }
    const match = /^(.+?) (\w+)(?:=(.*))?$/s.exec(part);
    invariant(match, `parseSchema: cannot read the argument ${JSON.stringify(part)}.`);
    // the type may hold a space itself, `Tensor(a -> *) self`: take the last word before "=" as the name
    const [declaration, value] = splitDefault(part);
    const space = declaration.lastIndexOf(" ");
    parsed.push({
      name: declaration.slice(space + 1),
      type: parseType(declaration.slice(0, space)),
      default: value,
      keywordOnly,
    });
  }
  return parsed;
}

function parseReturns(text: string): SchemaReturn[] {
  const parts =
    text.startsWith("(") && closing(text, 0) === text.length - 1 ? splitTop(text.slice(1, -1)) : [text];
  return parts.map((part) => {
    const named = /^(.*\S) (\w+)$/.exec(part);
    // `Tensor(a -> *)` ends in a bracket, so a trailing word is always a name
    return named
      ? { name: named[2], type: parseType(named[1]!) }
      : { name: undefined, type: parseType(part) };
  });
}

/** Parses a type, `Tensor(a!)`, `int[1]?`, `Tensor?[]`. */
export function parseType(text: string): SchemaType {
  let rest = text;
  let optional = false;
  let list: SchemaType["list"];
  let elementOptional = false;
  if (rest.endsWith("?")) {
    optional = true;
    rest = rest.slice(0, -1);
  }
  const brackets = /\[(\d*)\]$/.exec(rest);
  if (brackets) {
    list = brackets[1] === "" ? "any" : Number(brackets[1]);
    rest = rest.slice(0, brackets.index);
    if (rest.endsWith("?")) {
      elementOptional = true;
      rest = rest.slice(0, -1);
    }
  }
  const alias = /^Tensor\((\w+)(!?)[^)]*\)$/.exec(rest);
  if (alias) rest = "Tensor";
  if (rest === "SymInt") rest = "int";
  if (rest === "SymBool") rest = "bool";
  return {
    base: rest,
    list,
    optional,
    elementOptional,
    alias: alias ? { set: alias[1]!, write: alias[2] === "!" } : undefined,
  };
}

function splitDefault(part: string): [declaration: string, value: string | undefined] {
  const equals = part.indexOf("=");
  return equals < 0 ? [part, undefined] : [part.slice(0, equals), part.slice(equals + 1)];
}

/** Splits at commas outside brackets and quotes. */
function splitTop(text: string): string[] {
  const parts: string[] = [];
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!;
    if (c === '"') i = closingQuote(text, i);
    else if (c === "(" || c === "[") i = closing(text, i);
    else if (c === ",") {
      parts.push(text.slice(start, i).trim());
      start = i + 1;
    }
  }
  const last = text.slice(start).trim();
  if (last !== "") parts.push(last);
  return parts;
}

/** Returns the index of the bracket that closes the one at `open`. */
function closing(text: string, open: number): number {
  let depth = 0;
  for (let i = open; i < text.length; i++) {
    const c = text[i]!;
    if (c === '"') i = closingQuote(text, i);
    else if (c === "(" || c === "[") depth++;
    else if (c === ")" || c === "]") {
      depth--;
      if (depth === 0) return i;
    }
  }
  invariant(false, `parseSchema: a bracket is left open in ${JSON.stringify(text)}.`);
}

function closingQuote(text: string, open: number): number {
  for (let i = open + 1; i < text.length; i++) {
    if (text[i] === "\\") i++;
    else if (text[i] === '"') return i;
  }
  invariant(false, `parseSchema: a quote is left open in ${JSON.stringify(text)}.`);
}
