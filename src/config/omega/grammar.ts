// What the text of an interpolation is made of, once parsed.

/** Is a text with interpolations; a lone interpolation keeps the type of its value, all else is joined to a text. */
export type Text = readonly (string | Interpolation)[];

/** Is one `${...}`. */
export type Interpolation = NodeInterpolation | ResolverInterpolation;

/** Is `${a.b[0]}`; parts are dots, brackets and keys, in their order. */
interface NodeInterpolation {
  kind: "node";
  parts: Text;
  /** As it was written, for messages. */
  source: string;
}

/** Is `${name:argument, argument}`. */
export interface ResolverInterpolation {
  kind: "resolver";
  name: Text;
  args: readonly Argument[];
  source: string;
}

/** Is an argument with the text that stands for it, which is the key of a resolver's cache. */
export interface Argument {
  element: Element;
  source: string;
}

/** Is any value inside an interpolation. */
export type Element =
  | { kind: "value"; value: null | boolean | number | bigint | string; isFloat: boolean }
  | { kind: "text"; parts: Text }
  | { kind: "list"; items: readonly Element[] }
  | { kind: "dict"; entries: readonly [null | boolean | number | bigint | string, Element][] }
  | Interpolation;

/** Is thrown for text that no interpolation may hold; `offset` counts from the start of the text. */
export class GrammarError extends Error {
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}
