// Decides how the overloads of one name share a TypeScript function: their order, the places of arguments,
// and which values tell them apart.
import { isFactory } from "./catalog.ts";
import type { Operator, Overload } from "./catalog.ts";
import { argumentName } from "./names.ts";
import type { Schema, SchemaArgument } from "./schema.ts";

/** One overload, with its arguments split by how they are given. */
export interface Signature {
  overload: Overload;
  schema: Schema;
  positional: SchemaArgument[];
  keywords: SchemaArgument[];
  /** Takes `requiresGrad`, as everything that makes a tensor from options does. */
  isFactory: boolean;
  /** Place of `self` in the schema, or -1. */
  selfAt: number;
  /** The overload that writes into the option `out`, where there is one. */
  out: Overload["out"];
}

export interface Plan {
  operator: Operator;
  /** A method: `self` is `this` and has no place. */
  isMethod: boolean;
  /** In the order in which they are tried. */
  signatures: Signature[];
  /** Largest number of positional arguments. */
  width: number;
  /** From this place on, an argument may be named in the options object. */
  firstNameable: number;
  /** Name of each place, or undefined when overloads disagree and options must be rebound. */
  places: string[] | undefined;
  /** The overloads that may take their list of numbers one by one, `x.view(2, 3)`. */
  variadic: Signature[];
  /** Keyword-only names of all overloads, `requiresGrad` and `out` last. */
  keywords: string[];
}

/** Plans the overloads of `operator` that are functions, or those that are methods. */
export function planOperator(operator: Operator, isMethod: boolean): Plan {
  const overloads = operator.overloads.filter((overload) =>
    isMethod ? overload.isMethod : overload.isFunction,
  );
  const demoted = demotions(overloads);
  const strict = plan(operator, overloads, isMethod, new Set());
  if (strict.places !== undefined || demoted.size === 0) return strict;
  const lenient = plan(operator, overloads, isMethod, demoted);
  return lenient.places === undefined ? strict : lenient;
}

function plan(
  operator: Operator,
  overloads: Overload[],
  isMethod: boolean,
  demoted: ReadonlySet<string>,
): Plan {
  const signatures = overloads.map((overload) => signatureOf(overload, isMethod, demoted)).sort(byLength);
  const width = Math.max(...signatures.map(({ positional }) => positional.length));
  const firstNameable = firstNameablePlace(signatures, isMethod ? 0 : 1);
  const keywords = new Set(
    signatures.flatMap((signature) => signature.keywords.map(({ name }) => argumentName(name))),
  );
  if (signatures.some(({ isFactory }) => isFactory)) keywords.add("requiresGrad");
  if (signatures.some(({ out }) => out !== undefined)) keywords.add("out");
  return {
    operator,
    isMethod,
    signatures,
    width,
    firstNameable,
    places: placeNames(signatures, width, firstNameable),
    variadic: width === 1 ? signatures.filter(takesOneList) : [],
    keywords: [...keywords],
  };
}

function signatureOf(overload: Overload, isMethod: boolean, demoted: ReadonlySet<string>): Signature {
  const { schema } = overload;
  const isKeyword = (argument: SchemaArgument) => argument.keywordOnly || demoted.has(argument.name);
  const places = schema.arguments.filter((argument) => !isKeyword(argument));
  return {
    overload,
    schema,
    positional: isMethod ? places.filter(({ name }) => name !== "self") : places,
    keywords: schema.arguments.filter(isKeyword),
    isFactory: isFactory(schema),
    selfAt: places.findIndex(({ name }) => name === "self"),
    out: isMethod ? undefined : overload.out,
  };
}

/** As in Python, where a list of numbers may be given so if it is the only positional argument. */
function takesOneList({ positional: [first] }: Signature): boolean {
  return first?.default === undefined && first?.type.base === "int" && first.type.list !== undefined;
}

// `add.Scalar` has `alpha` in third place where `add.Tensor` takes it by name: by name in both, as in Python
function demotions(overloads: readonly Overload[]): Set<string> {
  const byName = new Set(
    overloads.flatMap(({ schema }) => schema.arguments.filter((a) => a.keywordOnly).map((a) => a.name)),
  );
  return new Set(
    overloads.flatMap(({ schema }) => {
      const last = schema.arguments.filter(({ keywordOnly }) => !keywordOnly).at(-1);
      return last !== undefined && last.default !== undefined && byName.has(last.name) ? [last.name] : [];
    }),
  );
}

// the shorter schema wins where everything optional is left out (`sum(x)`), then tensors before scalars
function byLength(a: Signature, b: Signature): number {
  const length = ({ schema }: Signature) => schema.arguments.length;
  const tensors = ({ schema }: Signature) =>
    schema.arguments.filter(({ type }) => type.base === "Tensor").length;
  return length(a) - length(b) || tensors(b) - tensors(a) || a.overload.index - b.overload.index;
}

// the first argument and the tensors and scalars that every overload requires are always given by place
function firstNameablePlace(signatures: readonly Signature[], first: number): number {
  const shortest = Math.min(...signatures.map(({ positional }) => positional.length));
  let place = Math.min(first, shortest);
  const isOperand = ({ type, default: fallback }: SchemaArgument) =>
    fallback === undefined && !type.optional && (type.base === "Tensor" || type.base === "Scalar");
  while (place < shortest && signatures.every(({ positional }) => isOperand(positional[place]!))) place++;
  return place;
}

function placeNames(
  signatures: readonly Signature[],
  width: number,
  firstNameable: number,
): string[] | undefined {
  const places: string[] = [];
  const keywords = new Set(signatures.flatMap((signature) => signature.keywords.map(({ name }) => name)));
  for (let place = 0; place < width; place++) {
    const names = new Set(signatures.flatMap(({ positional }) => positional[place]?.name ?? []));
    const [name] = names;
    if (place >= firstNameable && (names.size > 1 || keywords.has(name!))) return undefined;
    const spelled = argumentName(name!);
    if (places.includes(spelled)) {
      // an operand of one overload bears the name of another's option: number the operand
      const taken = places.indexOf(spelled);
      if (taken >= firstNameable) return undefined;
      places[taken] = `${spelled}${taken}`;
    }
    places.push(spelled);
  }
  return places;
}
