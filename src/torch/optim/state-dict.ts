// Optimizer state in PyTorch's shape and spelling, and back. Checks that a state dict fits its optimizer.
import { ShapeError, UsageError, camelCaseKeys, snakeCase, snakeCaseKeys } from "../../base/index.ts";
import { Tensor } from "../tensor.ts";
import type { ParamState, StateLayout } from "./optimizer.ts";
import type { OptimizerOptions, ParamGroup } from "./param-groups.ts";

/** State of an optimizer as PyTorch's `state_dict()` lays it out; parameters are numbered across the groups. */
export interface OptimizerStateDict {
  state: Record<number, Record<string, Tensor | null>>;
  param_groups: (Record<string, unknown> & { params: number[] })[];
}

/** Turns groups and state into PyTorch's shape. */
export function packStateDict(
  groups: readonly ParamGroup[],
  state: ReadonlyMap<Tensor, ParamState>,
  torchOptions: Readonly<Record<string, unknown>>,
): OptimizerStateDict {
  const packed: OptimizerStateDict = { state: {}, param_groups: [] };
  let index = 0;
  for (const { params, ...options } of groups) {
    const indices = params.map((param) => {
      const own = state.get(param);
      if (own !== undefined) packed.state[index] = snakeCaseKeys(own) as Record<string, Tensor>;
      return index++;
    });
    packed.param_groups.push({ ...copyArrays(snakeCaseKeys(options)), ...torchOptions, params: indices });
  }
  return packed;
}

/** What `unpackStateDict` must know of the optimizer that takes the state. */
export interface StateDictTarget {
  name: string;
  groups: readonly ParamGroup[];
  optionNames: readonly string[];
  torchOptions: Readonly<Record<string, unknown>>;
  stateNames(options: OptimizerOptions, param: Tensor): string[];
  stateLayout(name: string, param: Tensor): StateLayout;
}

/** What one parameter's state is loaded from: tensors, or numbers, as some optimizers in Python count steps. */
export type StateValues = Record<string, Tensor | number>;

/** What fits an optimizer: the options of each group, and the values of each parameter that has state. */
export interface UnpackedStateDict {
  options: Partial<OptimizerOptions>[];
  state: { param: Tensor; values: StateValues }[];
}

/** Reads a state dict for an optimizer, or throws with the first thing that does not fit. */
export function unpackStateDict(given: OptimizerStateDict, target: StateDictTarget): UnpackedStateDict {
  const { groups } = target;
  const where = `${target.name}.loadStateDict`;
  const saved = withoutMaps(given) as OptimizerStateDict;
  const fits =
    isObject(saved) &&
    isObject(saved.state) &&
    Object.values(saved.state).every(isObject) &&
    Array.isArray(saved.param_groups) &&
    saved.param_groups.every((group) => isObject(group) && Array.isArray(group.params));
  if (!fits) {
    throw new UsageError(
      `${where}: the state must be { state: { [number]: {...} }, param_groups: [{ params: [...] }] }, got another shape. ` +
        `Give what stateDict() gave.`,
    );
  }
  if (saved.param_groups.length !== groups.length) {
    throw new UsageError(
      `${where}: the state must have ${groups.length} parameter groups, got ${saved.param_groups.length}. ` +
        `Make the optimizer with the groups that it was saved with.`,
    );
  }
  const owners = new Map<number, { param: Tensor; options: OptimizerOptions }>();
  const options = saved.param_groups.map((savedGroup, i) => {
    const group = groups[i]!;
    checkGroup(where, i, savedGroup, group);
    const loaded = groupOptions(where, savedGroup, target);
    savedGroup.params.forEach((index, j) => {
      owners.set(index, { param: group.params[j]!, options: { ...group, ...loaded } });
    });
    return loaded;
  });
  const state = Object.entries(saved.state).map(([index, tensors]) => {
    const owner = owners.get(Number(index));
    if (owner === undefined) {
      throw new UsageError(
        `${where}: state ${index} must belong to a parameter, got none of that number in param_groups.`,
      );
    }
    const names = target.stateNames(owner.options, owner.param);
    return {
      param: owner.param,
      values: paramState(`${where}: parameter ${index}`, names, tensors, owner.param, target),
    };
  });
  return { options, state };
}

function checkGroup(
  where: string,
  i: number,
  saved: OptimizerStateDict["param_groups"][number],
  group: ParamGroup,
): void {
  if (saved.params.length !== group.params.length) {
    throw new UsageError(
      `${where}: group ${i} must have ${group.params.length} parameters, got ${saved.params.length}. ` +
        `Load the state of an optimizer over the same model.`,
    );
  }
  const savedNames = saved["param_names"] as string[] | undefined;
  const j =
    group.paramNames?.findIndex((name, k) => savedNames !== undefined && savedNames[k] !== name) ?? -1;
  if (j >= 0) {
    throw new UsageError(
      `${where}: parameter ${j} of group ${i} must be "${group.paramNames![j]}", got "${savedNames![j]}". ` +
        `Load the state of an optimizer over the same parameters in the same order.`,
    );
  }
}

function groupOptions(
  where: string,
  saved: Readonly<Record<string, unknown>>,
  { optionNames, torchOptions }: StateDictTarget,
): Partial<OptimizerOptions> {
  const kind = "decoupled_weight_decay";
  if (kind in torchOptions && saved[kind] !== undefined && saved[kind] !== torchOptions[kind]) {
    throw new UsageError(
      `${where}: the state was saved by ${saved[kind] === true ? "AdamW" : "Adam"}. Load it into that optimizer.`,
    );
  }
  const scheduled = ["initialLr", "maxLr", "minLr", "maxMomentum", "baseMomentum", "swaLr"];
  const known = new Set([...optionNames, ...scheduled]);
  const missing = optionNames.filter((name) => !(snakeCase(name) in saved));
  if (missing.includes("lr")) {
    throw new UsageError(`${where}: a parameter group must have lr, got ${Object.keys(saved).join(", ")}.`);
  }
  const entries = Object.entries(copyArrays(camelCaseKeys(saved))).filter(([name]) => known.has(name));
  return Object.fromEntries(entries);
}

function paramState(
  where: string,
  names: readonly string[],
  saved: Readonly<Record<string, unknown>>,
  param: Tensor,
  { stateLayout }: StateDictTarget,
): StateValues {
  // PyTorch writes null for a momentum buffer that is not there yet
  const present = Object.entries(camelCaseKeys(saved)).filter(([, value]) => value !== null);
  const given = Object.fromEntries(present);
  const missing = names.filter((name) => !(name in given) && name !== "momentumBuffer");
  if (missing.length > 0) {
    throw new UsageError(
      `${where} must have ${names.map(snakeCase).join(", ")}, got ${Object.keys(saved).join(", ")}. ` +
        `Load the state of the same kind of optimizer.`,
    );
  }
  const state: StateValues = {};
  for (const name of names) {
    const tensor = given[name];
    if (tensor === undefined) continue;
    const layout = stateLayout(name, param);
    if (layout === "scalar" && typeof tensor === "number") {
      state[name] = tensor;
      continue;
    }
    if (!(tensor instanceof Tensor)) {
      throw new UsageError(`${where}: ${snakeCase(name)} must be a Tensor, got ${typeof tensor}.`);
    }
    const expected = shapeOf(layout, param).join(", ");
    if (tensor.shape.join(", ") !== expected) {
      throw new ShapeError(
        `${where}: ${snakeCase(name)} must have the shape [${expected}], got [${tensor.shape.join(", ")}]. ` +
          `Load the state of an optimizer over the same model.`,
      );
    }
    state[name] = tensor;
  }
  return state;
}

function shapeOf(layout: StateLayout, param: Tensor): readonly number[] {
  if (layout === "parameter") return param.shape;
  return layout === "scalar" ? [] : layout.shape;
}

function copyArrays(options: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(options).map(([name, value]) => [
      name,
      Array.isArray(value) ? [...(value as unknown[])] : value,
    ]),
  );
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null;
}

/** Turns the maps that `torch.load` makes of dicts into objects. */
function withoutMaps(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutMaps);
  if (!(value instanceof Map)) return value;
  return Object.fromEntries(Array.from(value, ([key, member]) => [String(key), withoutMaps(member)]));
}
