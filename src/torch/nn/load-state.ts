// Puts the tensors of a state dict into a module's places. The rules of names are in ./module.ts.
import { ShapeError, UsageError } from "../../base/index.ts";
import { noGrad } from "../grad-mode.ts";
import { keep, scope } from "../scope.ts";
import { Tensor } from "../tensor.ts";
import { Parameter } from "./parameter.ts";
import { isLazy } from "./uninitialized.ts";

/** What `loadStateDict` found that did not fit; both are empty when it is strict. */
export interface IncompatibleKeys {
  missingKeys: string[];
  unexpectedKeys: string[];
}

/** Options of `Module.loadStateDict`. */
export interface LoadStateDictOptions {
  /** Demands that the names are exactly the module's. @default true */
  strict?: boolean;
  /** Takes the given tensors themselves, with their dtype and device, instead of copying their values. @default false */
  assign?: boolean;
}

/** A place in a module that holds a weight or a persistent buffer. */
export interface StateSlot {
  key: string;
  owner: object;
  field: string;
  target: Tensor;
}

/** Fills `slots` from `state`; throws before the first change where they do not fit together. */
export function copyState(
  owner: string,
  state: ReadonlyMap<string, Tensor>,
  slots: readonly StateSlot[],
  { strict = true, assign = false }: LoadStateDictOptions,
): IncompatibleKeys {
  const wrong = [...state].find(([, value]) => !(value instanceof Tensor));
  if (wrong !== undefined) {
    throw new UsageError(`${owner}.loadStateDict: "${wrong[0]}" must be a Tensor, got ${typeof wrong[1]}.`);
  }
  const own = new Set(slots.map(({ key }) => key));
  const missingKeys = [...own].filter((key) => !state.has(key));
  const unexpectedKeys = [...state.keys()].filter((key) => !own.has(key));
  const unfit = slots.flatMap(({ key, target }) => {
    const source = state.get(key);
    if (source === undefined || (isLazy(source) && isLazy(target))) return [];
    const fits = !isLazy(source) && !isLazy(target) && sameShape(source.shape, target.shape);
    return fits ? [] : [`${key} ${shapeOf(source)} into ${shapeOf(target)}`];
  });
  const problems: string[] = [];
  if (strict && missingKeys.length > 0) problems.push(`missing: ${list(missingKeys)}`);
  if (strict && unexpectedKeys.length > 0) problems.push(`unexpected: ${list(unexpectedKeys)}`);
  if (unfit.length > 0) problems.push(`of another shape: ${list(unfit)}`);
  if (problems.length > 0) {
    throw new ShapeError(
      `${owner}.loadStateDict: the weights must be this model's; ${problems.join("; ")}. Load the weights of the same architecture.`,
    );
  }
  const given = slots.filter(({ key, target }) => state.has(key) && !isLazy(target));
  const empty = given.find(({ target }) => !assign && target.device === "meta");
  if (empty !== undefined) {
    throw new UsageError(
      `${owner}.loadStateDict: "${empty.key}" is on the device meta and has no memory to copy into. Load with assign: true, or call toEmpty first.`,
    );
  }
  for (const slot of assign ? given : []) putInPlace(slot, state.get(slot.key)!);
  scope(() =>
    noGrad(() => {
      for (const { key, target } of assign ? [] : given) target.copy_(state.get(key)!);
    }),
  );
  return { missingKeys, unexpectedKeys };
}

function shapeOf(tensor: Tensor): string {
  return isLazy(tensor) ? "[not known yet]" : `[${tensor.shape.join(", ")}]`;
}

function putInPlace({ owner, field, target }: StateSlot, source: Tensor): void {
  const { requiresGrad } = target;
  (owner as Record<string, unknown>)[field] =
    target instanceof Parameter ? new Parameter(source, { requiresGrad }) : keep(source);
}

function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((length, i) => length === b[i]);
}

function list(names: readonly string[]): string {
  const shown = names.slice(0, 10).join(", ");
  return names.length > 10 ? `${shown} and ${names.length - 10} more` : shown;
}
