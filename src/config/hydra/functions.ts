// The functions of Hydra's override grammar: their arguments are matched here, what they do is in casts.ts and sweeps.ts.
import { suggestion } from "../../base/index.ts";
import { type Origin, scalarNode } from "../node.ts";
import { formatValue } from "../value.ts";
import { castBool, castFloat, castInt, castJsonText, castText } from "./casts.ts";
import {
  type Argument,
  type Arguments,
  type Call,
  FunctionProblem,
  type FunctionResult,
  singles,
} from "./function-call.ts";
import { isQuoted } from "./override.ts";
import { choice, extendList, glob, interval, range, shuffle, sort, tag } from "./sweeps.ts";

interface FunctionDefinition {
  /** How a call looks, for messages. */
  usage: string;
  /** Parameters by position or by name. */
  parameters?: readonly string[];
  /** How many of `parameters` must be given. */
  required?: number;
  /** Whether it takes any number of values; `options` can then only be named. */
  takesMany?: boolean;
  options?: readonly string[];
  evaluate: (call: Call) => FunctionResult;
}

const functions = new Map<string, FunctionDefinition>([
  ["choice", { usage: "choice(a, b, c)", takesMany: true, evaluate: choice }],
  [
    "range",
    { usage: "range(1, 10, 2)", parameters: ["start", "stop", "step"], required: 1, evaluate: range },
  ],
  ["interval", { usage: "interval(0.1, 1)", parameters: ["start", "end"], required: 2, evaluate: interval }],
  [
    "glob",
    { usage: "glob([a*, b*], exclude=*c)", parameters: ["include", "exclude"], required: 1, evaluate: glob },
  ],
  ["shuffle", { usage: "shuffle(1, 2, 3)", takesMany: true, options: ["sweep", "list"], evaluate: shuffle }],
  [
    "sort",
    { usage: "sort(3, 1, 2)", takesMany: true, options: ["sweep", "list", "reverse"], evaluate: sort },
  ],
  ["tag", { usage: "tag(name, choice(a, b))", takesMany: true, options: ["sweep"], evaluate: tag }],
  ["extend_list", { usage: "extend_list(a, b)", takesMany: true, evaluate: extendList }],
  ["int", cast("int(1.5)", castInt)],
  ["float", cast("float(1)", castFloat)],
  ["str", cast("str(1)", castText)],
  ["bool", cast("bool(1)", castBool)],
  ["json_str", cast("json_str({a: 1})", castJsonText)],
]);

/** Calls a function of the grammar. What it cannot take throws a `FunctionProblem`. */
export function callFunction(
  name: string,
  { positional, named }: Arguments,
  { origin, seed }: { origin: Origin; seed: number },
): FunctionResult {
  const definition = functions.get(name);
  if (definition === undefined) {
    throw new FunctionProblem(
      `there is no such function. ${suggestion(name, functions.keys())} Quote the value if it is a text.`,
    );
  }
  const { parameters = [], required = 0, takesMany = false, options = [], usage, evaluate } = definition;
  const values: Record<string, Argument | undefined> = Object.create(null) as Record<string, undefined>;
  const fail = (reason: string): never => {
    throw new FunctionProblem(`${reason} Write it as in ${usage}.`);
  };
  if (!takesMany && positional.length > parameters.length)
    fail(`it takes ${parameters.length} arguments, got ${positional.length}.`);
  if (!takesMany) positional.forEach((value, index) => (values[parameters[index]!] = unquoted(value)));
  for (const [argument, value] of named) {
    if (![...parameters, ...options].includes(argument)) fail(`it has no argument ${formatValue(argument)}.`);
    if (argument in values) fail(`the argument "${argument}" is given twice.`);
    values[argument] = unquoted(value);
  }
  for (const parameter of parameters.slice(0, required)) {
    if (values[parameter] === undefined) fail(`the argument "${parameter}" is missing.`);
  }
  try {
    return evaluate({ many: takesMany ? positional.map(unquoted) : [], named: values, origin, seed });
  } catch (error) {
    if (error instanceof FunctionProblem) fail(error.message);
    throw error;
  }
}

function cast(usage: string, convert: (value: Argument) => Argument): FunctionDefinition {
  return {
    usage,
    takesMany: true,
    options: ["value"],
    evaluate: ({ many, named: { value } }) => {
      const isNull = value?.kind === "scalar" && value.value === null; // counts as not given, as in Python
      if (value !== undefined && !isNull) {
        if (many.length > 0) throw new FunctionProblem("it takes values or value=..., not both.");
        return convert(value);
      }
      if (many.length === 0) throw new FunctionProblem("it needs a value.");
      if (many.length === 1) return convert(many[0]!);
      return convert({ kind: "choice", items: singles(many), isSimple: true, shuffle: false, tags: [] });
    },
  };
}

/** A quoted text given to a function is that text, as in Hydra; inside lists the quotes stay. */
function unquoted(value: Argument): Argument {
  return isQuoted(value) ? scalarNode(value.origin, value.value) : value;
}
