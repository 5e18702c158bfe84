// What an optimizer trains: parameters with names and options, as users write them and as optimizers keep them.
import { UsageError } from "../../base/index.ts";
import { isLazy } from "../nn/uninitialized.ts";
import { Tensor } from "../tensor.ts";

/** Options that every optimizer has, or nearly every one. */
export interface OptimizerOptions {
  /** Learning rate. */
  lr: number;
  /** How strongly weights are pulled towards zero. */
  weightDecay?: number;
  /** Climbs the gradient instead of descending. */
  maximize?: boolean;
}

/** Numbers that schedulers keep in a group beside the optimizer's own options. */
export interface ScheduledOptions {
  /** The learning rate before any schedule. */
  initialLr?: number;
  maxLr?: number;
  minLr?: number;
  maxMomentum?: number;
  baseMomentum?: number;
  swaLr?: number;
}

/** Parameters that are trained with the same options; change `lr` here to change it from the next step on. */
export type ParamGroup<Options extends OptimizerOptions = OptimizerOptions> = Options &
  ScheduledOptions & { params: Tensor[]; paramNames?: string[] };

/** A group as the constructor takes it: what is left out comes from the optimizer's own options. */
export type ParamGroupInput<Options> = Partial<Options> & {
  params: Tensor | Iterable<Tensor> | Iterable<readonly [name: string, parameter: Tensor]>;
};

/** What an optimizer trains: parameters, named parameters, or groups with options of their own. */
export type Params<Options> =
  | Iterable<Tensor>
  | Iterable<readonly [name: string, parameter: Tensor]>
  | Iterable<ParamGroupInput<Options>>;

/** Reads what a constructor was given as a list of groups; throws when it is empty. */
export function groupsOf<Options>(where: string, params: Params<Options>): ParamGroupInput<Options>[] {
  if (params instanceof Tensor) {
    throw new UsageError(
      `${where}: params must be a list, got one Tensor. Pass [parameter] or model.parameters().`,
    );
  }
  const items = [...(params as Iterable<unknown>)];
  if (items.length === 0) {
    throw new UsageError(
      `${where}: params must have at least one parameter, got none. Pass model.parameters().`,
    );
  }
  const isGroup = (item: unknown) =>
    typeof item === "object" && item !== null && !(item instanceof Tensor) && !Array.isArray(item);
  if (items.every(isGroup)) return items as ParamGroupInput<Options>[];
  return [{ params: items } as unknown as ParamGroupInput<Options>];
}

/** Takes the names off named parameters. */
export function splitNames(
  where: string,
  given: ParamGroupInput<unknown>["params"],
): { params: Tensor[]; paramNames?: string[] } {
  if (given === undefined) {
    throw new UsageError(`${where}: a group must have params, got none. Write { params: [...], lr: ... }.`);
  }
  const items = given instanceof Tensor ? [given] : [...given];
  const named = items.filter((item) => Array.isArray(item));
  if (named.length === 0) return { params: items as Tensor[] };
  if (named.length < items.length) {
    throw new UsageError(
      `${where}: parameters must be named all or none, got ${named.length} names for ${items.length}.`,
    );
  }
  return {
    params: named.map(([, param]) => param as Tensor),
    paramNames: named.map(([name]) => name as string),
  };
}

/** Throws unless a parameter is a leaf whose memory the fused kernels can walk. */
export function checkParameter(where: string, label: string, param: unknown): asserts param is Tensor {
  if (!(param instanceof Tensor)) {
    throw new UsageError(
      `${where}: ${label} must be a Tensor, got ${param === null ? "null" : typeof param}.`,
    );
  }
  if (isLazy(param)) {
    throw new UsageError(
      `${where}: ${label} must have a shape, got one of a lazy layer. Run a batch through the model before making the optimizer.`,
    );
  }
  if (!param.isLeaf) {
    throw new UsageError(
      `${where}: ${label} must be a leaf, got the result of an operator. Pass the weights themselves, or detach() it.`,
    );
  }
  if (!isDense(param.shape, param.strides)) {
    throw new UsageError(
      `${where}: ${label} must fill its memory without holes or overlap, got shape [${param.shape.join(", ")}] ` +
        `with strides [${param.strides.join(", ")}]. Pass x.contiguous().`,
    );
  }
}

function isDense(shape: readonly number[], strides: readonly number[]): boolean {
  const dims = shape
    .map((length, i) => ({ length, stride: strides[i]! }))
    .filter(({ length }) => length !== 1);
  if (dims.some(({ length }) => length === 0)) return true;
  let expected = 1;
  for (const { length, stride } of dims.sort((a, b) => a.stride - b.stride)) {
    if (stride !== expected) return false;
    expected *= length;
  }
  return true;
}
