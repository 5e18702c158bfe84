// Writes the TypeScript signatures and the doc comment of one operator.
import { TENSOR_OPTIONS } from "./catalog.ts";
import { argumentName } from "./names.ts";
import type { Plan, Signature } from "./plan.ts";
import { qualifiedName } from "./schema.ts";
import type { SchemaArgument } from "./schema.ts";
import { defaultText, inputType, outputType } from "./types.ts";

/** Returns the distinct call forms of all overloads, each `(input: Tensor, dim: number): Tensor`. */
export function callForms(plan: Plan): string[] {
  const forms = plan.signatures.flatMap((signature) => formsOf(plan, signature));
  return [...new Set([...forms, ...variadicForms(plan)])];
}

/** Returns the forms that take a list of numbers one by one, without and with options after it. */
function variadicForms(plan: Plan): string[] {
  return plan.variadic.flatMap((signature) => {
    const name = argumentName(signature.positional[0]!.name);
    const options = optionsType(signature, signature.keywords);
    const result = resultType(plan, signature);
    const alone = signature.keywords.some(isRequired) ? [] : [`(...${name}: number[]): ${result}`];
    if (options === undefined) return alone;
    return [...alone, `(...given: [...${name}: number[], options: ${options}]): ${result}`];
  });
}

/**
 * Returns the forms of one overload: everything by place; the required by place and the rest by name; the
 * operands by place and the rest by name.
 */
function formsOf(plan: Plan, signature: Signature): string[] {
  const { positional } = signature;
  const required = positional.findIndex((argument) => argument.default !== undefined);
  const splits = [positional.length, required < 0 ? positional.length : required, plan.firstNameable];
  return [...new Set(splits.filter((split) => split <= positional.length))].map((split) => {
    const byName = [...positional.slice(split), ...signature.keywords];
    return `(${parameters(signature, positional.slice(0, split), byName)}): ${resultType(plan, signature)}`;
  });
}

function parameters(
  signature: Signature,
  places: readonly SchemaArgument[],
  byName: readonly SchemaArgument[],
): string {
  const options = optionsType(signature, byName);
  const mustName = byName.some(isRequired);
  const list = places.map((argument) => {
    const name = argumentName(argument.name);
    if (argument.default === undefined) return `${name}: ${inputType(argument.type)}`;
    // TypeScript allows no required parameter after an optional one
    return mustName
      ? `${name}: ${inputType(argument.type)} | undefined`
      : `${name}?: ${inputType(argument.type)}`;
  });
  if (options !== undefined) list.push(`options${mustName ? "" : "?"}: ${options}`);
  return list.join(", ");
}

function optionsType(
  { isFactory, out, schema }: Signature,
  byName: readonly SchemaArgument[],
): string | undefined {
  const own = isFactory ? byName.filter(({ name }) => !TENSOR_OPTIONS.includes(name)) : byName;
  const members = own.map((argument) => {
    const type = inputType(argument.type);
    return `${argumentName(argument.name)}${isRequired(argument) ? "" : "?"}: ${type}${isRequired(argument) ? "" : " | undefined"}`;
  });
  const literal = members.length === 0 ? undefined : `{ ${members.join("; ")} }`;
  const parts = literal === undefined ? [] : [literal];
  if (isFactory) parts.push("TensorOptions");
  if (out !== undefined) {
    const { length } = schema.returns;
    parts.push(length === 1 ? "Out" : `Out<[${Array<string>(length).fill("Tensor").join(", ")}]>`);
  }
  return parts.length === 0 ? undefined : parts.join(" & ");
}

function isRequired({ default: fallback }: SchemaArgument): boolean {
  return fallback === undefined;
}

/** Returns the type of what an overload gives back. */
export function resultType(plan: Plan, { schema }: Signature): string {
  const { returns } = schema;
  if (returnsSelf(schema.arguments, returns.length, returns[0]?.type.alias?.set))
    return plan.isMethod ? "this" : "Tensor";
  if (returns.length === 0) return "void";
  if (returns.length === 1) return outputType(returns[0]!);
  const named = returns.every(({ name }) => name !== undefined);
  const members = returns.map(
    (result) => (named ? `${argumentName(result.name!)}: ` : "") + outputType(result),
  );
  return `[${members.join(", ")}]`;
}

/** Whether the only result is the argument `self`, changed in place. */
export function returnsSelf(
  given: readonly SchemaArgument[],
  results: number,
  set: string | undefined,
): boolean {
  const self = given.find(({ name }) => name === "self");
  return (
    results === 1 && set !== undefined && self?.type.alias?.write === true && self.type.alias.set === set
  );
}

/** Returns one line for each overload, with defaults: what an error message and the documentation show. */
export function signatureLines(plan: Plan): string[] {
  return plan.signatures.flatMap((signature) => {
    const places = signature.positional.map(describe);
    const keywords = signature.keywords.map(describe);
    if (signature.isFactory) keywords.push("requiresGrad = false");
    if (signature.out !== undefined) keywords.push("out?");
    if (keywords.length > 0) places.push(`{ ${keywords.join(", ")} }`);
    const line = (given: readonly string[]) => `${plan.operator.publicName}(${given.join(", ")})`;
    if (!plan.variadic.includes(signature)) return [line(places)];
    const [first] = signature.positional;
    return [line(places), line([`...${argumentName(first!.name)}: number[]`, ...places.slice(1)])];
  });
}

function describe(argument: SchemaArgument): string {
  const name = argumentName(argument.name);
  const value = defaultText(argument);
  if (argument.default === undefined)
    return `${name}: ${inputType(argument.type).replaceAll("readonly ", "")}`;
  return value === undefined ? `${name}?` : `${name} = ${value}`;
}

/** Returns the lines of the doc comment. */
export function docLines(plan: Plan): string[] {
  const { operator, signatures } = plan;
  const space =
    operator.space === "nn"
      ? "torch.nn.functional"
      : operator.space === "torch"
        ? "torch"
        : `torch.${operator.space}`;
  const python = plan.isMethod
    ? `Tensor.${operator.name}`
    : `${space}.${pythonName(operator.name, operator.space)}`;
  const lines = [`Calls PyTorch's \`${python}\`.${note(plan)}`, ""];
  for (const line of signatureLines(plan)) lines.push(`- \`${line}\``);
  const sources = signatures.map(({ schema }) => `aten::${qualifiedName(schema)}`).sort();
  lines.push("", `Source: ${sources.join(", ")}`);
  return lines;
}

function pythonName(name: string, space: string): string {
  return name.startsWith(`${space}_`) ? name.slice(space.length + 1) : name;
}

function note({ signatures, isMethod }: Plan): string {
  const self = isMethod ? "this tensor" : "`input`";
  const { schema } = signatures[0]!;
  const set = schema.returns[0]?.type.alias;
  if (returnsSelf(schema.arguments, schema.returns.length, set?.set))
    return ` Changes ${self} in place and returns it.`;
  return set !== undefined && !set.write ? ` The result may be a view: it shares memory with ${self}.` : "";
}
