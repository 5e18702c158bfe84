// Writes the code of one operator: named options to places, the choice among overloads, the call.
import { argumentName } from "./names.ts";
import type { Plan, Signature } from "./plan.ts";
import type { Schema, SchemaArgument } from "./schema.ts";
import { returnsSelf, signatureLines } from "./signature.ts";
import { acceptance, arrival, crossing, kindOf, needsCheck } from "./types.ts";

/** Names of the parameters that the code reads, the options last where there are any. */
export function parameterNames(plan: Plan): string[] {
  const names = plan.places ?? Array.from({ length: plan.width }, (_, place) => placeName(plan, place));
  return plan.keywords.length > 0 || (plan.places === undefined && plan.width > 0)
    ? [...names, "options"]
    : [...names];
}

// overloads that disagree on names get neutral ones; the first is the operand and agrees in nearly all
function placeName(plan: Plan, place: number): string {
  const names = new Set(plan.signatures.flatMap(({ positional }) => positional[place]?.name ?? []));
  const [name] = names;
  return names.size === 1 && place < plan.firstNameable ? argumentName(name!) : `arg${place}`;
}

/** Returns the statements of the body. */
export function bodyLines(plan: Plan, operatorLabel: string): string[] {
  const names = parameterNames(plan);
  const lines = [
    ...gatherLines(plan),
    ...(plan.places === undefined
      ? rebindLines(plan, names, operatorLabel)
      : namedLines(plan, names, operatorLabel)),
  ];
  const discriminating = discriminators(plan);
  let open = true;
  for (const signature of plan.signatures) {
    const conditions = conditionsOf(plan, signature, names, discriminating);
    const statements = callLines(plan, signature, names);
    if (conditions.length === 0) {
      lines.push(...statements);
      open = false;
      break;
    }
    if (statements.length === 1) lines.push(`if (${conditions.join(" && ")}) ${statements[0]}`);
    else lines.push(`if (${conditions.join(" && ")}) {`, ...statements.map((line) => `  ${line}`), "}");
  }
  if (open) {
    const given = names.filter((name) => name !== "options");
    const keywords = plan.keywords.length > 0 ? [`{ ${plan.keywords.join(", ")} }`] : [];
    const text = JSON.stringify(signatureLines(plan).join("\n"));
    lines.push(`throw refuse("${operatorLabel}", ${text}, [${[...given, ...keywords].join(", ")}]);`);
  }
  return lines;
}

/** Returns the line that makes one list of numbers that were given one by one, in `more` from the last name on. */
export function gatherLines(plan: Plan): string[] {
  if (plan.variadic.length === 0) return [];
  const [list, options] = parameterNames(plan);
  const takesNumber = plan.signatures.some(({ positional: [first] }) => first && isOneNumber(first));
  const second = options === undefined ? "more.length > 0" : `isNumber(${options})`;
  const test = takesNumber ? second : `isNumber(${list})`;
  const gathered =
    options === undefined
      ? `${list} = [${list}, ...more]`
      : `[${list}, ${options}] = oneList([${list}, ${options}, ...more])`;
  return [`if (${test}) ${gathered};`];
}

function isOneNumber({ type }: SchemaArgument): boolean {
  return type.list === undefined && (type.base === "int" || type.base === "Scalar");
}

function namedLines(plan: Plan, names: readonly string[], label: string): string[] {
  const { places, firstNameable, keywords, width } = plan;
  const lines = keywords.length > 0 ? [`let ${keywords.map((name) => `${name}: any`).join(", ")};`] : [];
  let otherwise = "";
  for (let place = firstNameable; place <= width; place++) {
    const source = names[place];
    if (source === undefined) break;
    const taken = [...places!.slice(place), ...keywords];
    const isSlot = place === width;
    const test = isSlot ? `${source} !== undefined` : `isOptions(${source})`;
    const known = [...places!, ...keywords].map((name) => `"${name}"`).join(", ");
    const given = [JSON.stringify(label), source, `[${known}]`, place, ...names.slice(place + 1)];
    const call = `named(${given.join(", ")})`;
    lines.push(`${otherwise}if (${test}) ({ ${taken.join(", ")} } = ${call});`);
    otherwise = "else ";
  }
  return lines;
}

function rebindLines(
  { signatures, firstNameable, keywords }: Plan,
  names: readonly string[],
  label: string,
): string[] {
  const layouts = signatures.map(({ positional, keywords: own, isFactory, out }) => {
    const byName = [
      ...own.map(({ name }) => argumentName(name)),
      ...(isFactory ? ["requiresGrad"] : []),
      ...(out === undefined ? [] : ["out"]),
    ];
    return `[${JSON.stringify(positional.map(({ name }) => argumentName(name)))}, ${JSON.stringify(byName)}]`;
  });
  const tests = names
    .slice(firstNameable)
    .map((name) => (name === "options" ? "options !== undefined" : `isOptions(${name})`));
  const lines = [`if (${tests.join(" || ")}) {`];
  lines.push(
    `  [${names.join(", ")}] = rebind("${label}", [${layouts.join(", ")}], [${names.join(", ")}]);`,
    "}",
  );
  for (const name of keywords) lines.push(`const ${name} = options?.${name};`);
  return lines;
}

/** Returns the places and keywords whose values tell the overloads apart. */
function discriminators({ signatures, width, keywords }: Plan): Set<string> {
  const found = new Set<string>();
  if (signatures.length === 1) return found;
  for (let place = 0; place < width; place++) {
    const kinds = new Set(signatures.map(({ positional }) => placeKind(positional[place])));
    if (kinds.size > 1) found.add(String(place));
  }
  for (const keyword of keywords) {
    const kinds = new Set(signatures.map((signature) => keywordKind(signature, keyword)));
    if (kinds.size > 1) found.add(keyword);
  }
  return found;
}

function placeKind(argument: SchemaArgument | undefined): string {
  return argument === undefined ? "absent" : kindOf(argument);
}

function keywordKind(signature: Signature, keyword: string): string {
  if (keyword === "requiresGrad") return String(signature.isFactory);
  if (keyword === "out") return String(signature.out !== undefined);
  return placeKind(findKeyword(signature, keyword));
}

function findKeyword({ keywords }: Signature, keyword: string): SchemaArgument | undefined {
  return keywords.find(({ name }) => argumentName(name) === keyword);
}

function conditionsOf(
  plan: Plan,
  signature: Signature,
  names: readonly string[],
  discriminating: ReadonlySet<string>,
): string[] {
  const conditions: string[] = [];
  for (let place = 0; place < plan.width; place++) {
    const argument = signature.positional[place];
    const isTelling = discriminating.has(String(place));
    if (argument === undefined) {
      if (isTelling) conditions.push(`${names[place]} === undefined`);
    } else if (isTelling || needsCheck(argument)) {
      conditions.push(acceptance(argument, names[place]!));
    }
  }
  for (const keyword of plan.keywords) {
    const isTelling = discriminating.has(keyword);
    const argument = findKeyword(signature, keyword);
    if (argument === undefined) {
      const isOwn =
        (keyword === "requiresGrad" && signature.isFactory) ||
        (keyword === "out" && signature.out !== undefined);
      if (isTelling && !isOwn) conditions.push(`${keyword} === undefined`);
    } else if (isTelling || needsCheck(argument)) {
      conditions.push(acceptance(argument, keyword));
    }
  }
  return conditions;
}

function callLines(plan: Plan, signature: Signature, names: readonly string[]): string[] {
  const { schema, overload, isFactory } = signature;
  const makesAnew = isFactory && schema.arguments.every(({ type }) => type.base !== "Tensor");
  const values = schema.arguments.map((argument) => {
    if (plan.isMethod && argument.name === "self") return "this.handle";
    const place = signature.positional.indexOf(argument);
    const value = place >= 0 ? names[place]! : argumentName(argument.name);
    if (schema.name === "full" && argument.name === "dtype") return fullDtype(names[1]!);
    if (makesAnew && argument.name === "device") return `deviceOr(${value})`;
    return crossing(argument, value);
  });
  const called = `call(${[overload.index, ...values].join(", ")})`;
  const written = signature.out === undefined ? undefined : calledInto(schema, signature.out, values);
  const { returns } = schema;
  if (returnsSelf(schema.arguments, returns.length, returns[0]?.type.alias?.set)) {
    const self = plan.isMethod ? "this" : names[signature.selfAt]!;
    return [`${called};`, `return ${self};`];
  }
  if (returns.length === 0) return [`return void ${called};`];
  if (returns.length === 1) {
    const made = arrival(returns[0]!, called);
    if (isFactory) {
      const anew = `return withGrad(${made}, requiresGrad);`;
      if (written === undefined) return [anew];
      return [
        `if (out === undefined) ${anew}`,
        "checkOut(out, dtype, layout, device);",
        `return withGrad(${written}, requiresGrad);`,
      ];
    }
    return [written === undefined ? `return ${made};` : `return out === undefined ? ${made} : ${written};`];
  }
  return [
    ...(written === undefined ? [] : [`if (out !== undefined) return ${written};`]),
    `const results = ${called};`,
    `return [${returns.map((result, i) => arrival(result, `results[${i}]`)).join(", ")}];`,
  ];
}

function calledInto(schema: Schema, out: NonNullable<Signature["out"]>, values: readonly string[]): string {
  const taken = out.schema.arguments.map(({ name }) => name);
  const given = values.flatMap((value, i) => {
    const { name, type } = schema.arguments[i]!;
    const at = taken.indexOf(name);
    if (at < 0) return []; // an option of a new tensor
    return type.base !== out.schema.arguments[at]!.type.base
      ? `scalarTensor(${value}, { dtype: numberDtype(${value}), device: "cpu" }).handle`
      : value;
  });
  return `callInto(${["out", out.index, ...given].join(", ")})`;
}

// JavaScript has no 1.0: a number without a dtype fills with the default dtype, not with int64
function fullDtype(fill: string): string {
  return `dtype === undefined && typeof ${fill} === "number" ? defaultDtypeCode() : dtypeCode(dtype)`;
}
