// Anomaly mode: backward says which operator failed, and in which module and line its forward was called.
import { native } from "../native.ts";
import { ownFolder } from "../own-folder.ts";
import { wrapForwards } from "../wrap-forwards.ts";
import type { WithModules } from "../wrap-forwards.ts";

const framesKept = 50; // a call passes through layers of modules before it reaches an operator
let previousLimit: number | undefined;
let module = "";

/** Options of `detectAnomaly` and `setDetectAnomaly`. */
export interface AnomalyOptions {
  /** Also checks every gradient for NaN. @default true */
  checkNan?: boolean;
}

/**
 * Makes `backward` name the place in the forward pass whose gradient failed or is NaN. A few microseconds per
 * operator, and a look at every gradient.
 *
 * @example
 * torch.setDetectAnomaly(true);
 * torch.setDetectAnomaly(false);
 */
export function setDetectAnomaly(enabled: boolean, { checkNan = true }: AnomalyOptions = {}): void {
  native.setAnomalyDetection(enabled, checkNan, enabled ? describeForward : null);
  if (enabled) {
    previousLimit ??= Error.stackTraceLimit;
    Error.stackTraceLimit = Math.max(previousLimit, framesKept);
  } else if (previousLimit !== undefined) {
    Error.stackTraceLimit = previousLimit;
    previousLimit = undefined;
  }
}

/** Whether anomaly mode is on, and whether it looks for NaN. */
export function isAnomalyEnabled(): boolean {
  return native.anomalyDetection()[0];
}

/** Whether anomaly mode is on and looks for NaN. */
export function isAnomalyCheckNanEnabled(): boolean {
  return native.anomalyDetection().every(Boolean);
}

/**
 * Runs `run`, forward and backward, in anomaly mode. With `model`, errors also name the module.
 *
 * @example
 * const x = torch.zeros([1], { requiresGrad: true });
 * torch.autograd.detectAnomaly(() => x.exp().sum().backward());
 */
export function detectAnomaly<T>(
  run: () => T,
  { model, checkNan = true }: AnomalyOptions & { model?: WithModules } = {},
): T {
  const [wasEnabled, didCheckNan] = native.anomalyDetection();
  const restore = model === undefined ? undefined : nameModules(model);
  setDetectAnomaly(true, { checkNan });
  try {
    return run();
  } finally {
    setDetectAnomaly(wasEnabled, { checkNan: didCheckNan });
    restore?.();
  }
}

/** Runs `run` as the forward of the module of that path, for the messages of anomaly mode. */
export function moduleScope<T>(path: string, run: () => T): T {
  const outer = module;
  enter(path);
  try {
    return run();
  } finally {
    enter(outer);
  }
}

/** Makes each module of `model` tell its path while its forward runs, until the returned function is called. */
export function nameModules(model: WithModules): () => void {
  return wrapForwards(model, (path, owner, run) =>
    moduleScope(path === "" ? owner.constructor.name : path, run),
  );
}

function enter(path: string): void {
  module = path;
  native.setCurrentModule(path);
}

/** Says where a node was made, of the module that ran and an error made in that moment. */
function describeForward(path: string, made: Error): string {
  const frame = (made.stack ?? "").split("\n").slice(1).find(isOutside) ?? "";
  const place = (/\((.+:\d+:\d+)\)$/.exec(frame) ?? /at (.+:\d+:\d+)$/.exec(frame))?.[1];
  return `Forward: ${[path, place === undefined ? "" : `(at ${place})`].filter(Boolean).join(" ")}.`;
}

/** Whether a line of a stack lies in the user's code. */
function isOutside(line: string): boolean {
  return !line.includes(ownFolder) && !line.includes("node:internal");
}
