// The hooks of callbacks by name: a method that is none would never be called, and nobody would be told.
import { foldName, nearest } from "../base/index.ts";
import { ContractError } from "./contract-error.ts";

/** Lists the hooks of a callback, and what checkpoints keep of it. */
const callbackHooks = [
  "setup",
  "teardown",
  "onFitStart",
  "onFitEnd",
  "onSanityCheckStart",
  "onSanityCheckEnd",
  "onTrainStart",
  "onTrainEpochStart",
  "onTrainBatchStart",
  "onBeforeBackward",
  "onAfterBackward",
  "onBeforeOptimizerStep",
  "onBeforeZeroGrad",
  "onTrainBatchEnd",
  "onValidationStart",
  "onValidationEpochStart",
  "onValidationBatchStart",
  "onValidationBatchEnd",
  "onValidationEpochEnd",
  "onValidationEnd",
  "onTestStart",
  "onTestEpochStart",
  "onTestBatchStart",
  "onTestBatchEnd",
  "onTestEpochEnd",
  "onTestEnd",
  "onPredictStart",
  "onPredictEpochStart",
  "onPredictBatchStart",
  "onPredictBatchEnd",
  "onPredictEpochEnd",
  "onPredictEnd",
  "onTrainEpochEnd",
  "onTrainEnd",
  "onException",
  "onSaveCheckpoint",
  "onLoadCheckpoint",
  "stateDict",
  "loadStateDict",
] as const;

/** Names a hook of a callback. */
export type CallbackHook = (typeof callbackHooks)[number];

/**
 * Throws for an object that cannot be a callback: one without a name, or with a method that looks like a hook and is none.
 * `subject` begins the message.
 *
 * @throws ContractError that lists all that is wrong
 */
export function requireCallback(subject: string, callback: object): void {
  const { name } = callback as { name?: unknown };
  const isNamed = typeof name === "string" && name !== "";
  const nameless = isNamed ? [] : ["it has no name, by which a checkpoint keeps its state. Give it one."];
  const problems = [...nameless, ...hookProblems(callback)];
  if (problems.length > 0) throw new ContractError(subject, problems);
}

/** Says of every method that looks like a hook, and is none, what it should be called. */
export function hookProblems(callback: object): string[] {
  return methodsOf(callback).flatMap((method) => {
    if ((callbackHooks as readonly string[]).includes(method)) return [];
    const hook = callbackHooks.find((each) => foldName(each) === foldName(method));
    if (hook === undefined && !/^on[A-Z_]/u.test(method)) return []; // a method of its own
    const near = hook ?? nearest(method, callbackHooks);
    const remedy = near === undefined ? `Valid: ${callbackHooks.join(", ")}.` : `Did you mean "${near}"?`;
    return [`the hook "${method}" does not exist, so nothing would call it. ${remedy}`];
  });
}

/** Lists the names of an object's methods, its own and those of its classes. */
function methodsOf(object: object): string[] {
  const names = new Set<string>();
  for (let at: object = object; at !== null && at !== Object.prototype; at = Object.getPrototypeOf(at))
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(at)))
      if (typeof value === "function" && name !== "constructor") names.add(name);
  return [...names];
}
