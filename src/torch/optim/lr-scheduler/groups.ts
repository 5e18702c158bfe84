// What schedulers read from parameter groups and write into them.
import { UsageError } from "../../../base/index.ts";
import { checkNumber } from "../options.ts";
import type { Bounds } from "../options.ts";
import type { Optimizer } from "../optimizer.ts";
import type { ParamGroup } from "../param-groups.ts";

/** Returns one number for each group, from one for all or a list. */
export function perGroup(
  where: string,
  optimizer: Optimizer,
  name: string,
  value: number | readonly number[],
  bounds: Bounds,
): number[] {
  const groups = optimizer.paramGroups.length;
  const values = typeof value === "number" ? Array.from({ length: groups }, () => value) : [...value];
  if (values.length !== groups) {
    throw new UsageError(
      `${where}: ${name} must be one number or ${groups}, one for each group, got ${values.length}.`,
    );
  }
  for (const each of values) checkNumber(where, name, each, bounds);
  return values;
}

/** Throws when the optimizer has neither `momentum` nor `betas` for a schedule to move. */
export function checkHasMomentum(where: string, optimizer: Optimizer): void {
  if ("betas" in optimizer.defaults || "momentum" in optimizer.defaults) return;
  throw new UsageError(
    `${where}: cycleMomentum needs an optimizer with momentum or betas, got ${optimizer.name}. Set cycleMomentum: false.`,
  );
}

/** Sets a group's momentum: `betas[0]` where it has betas. */
export function setMomentum(group: ParamGroup, momentum: number): void {
  const options = group as ParamGroup & { betas?: readonly number[]; momentum?: number };
  if (options.betas !== undefined) options.betas = [momentum, ...options.betas.slice(1)];
  else options.momentum = momentum;
}
