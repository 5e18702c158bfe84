// Functions with a backward of the user's own.
import { UsageError } from "../../base/index.ts";
import { withGrad, wrap, wrapOrNull } from "../binding.ts";
import { isGradEnabled, noGrad } from "../grad-mode.ts";
import { native } from "../native.ts";
import { scope } from "../scope.ts";
import { Tensor } from "../tensor.ts";

/** The static side of a custom function. */
interface FunctionClass {
  readonly name: string;
  forward(ctx: any, ...inputs: any[]): any;
  backward(ctx: any, ...gradients: any[]): any;
}

type Inputs<F extends FunctionClass> = F["forward"] extends (ctx: any, ...inputs: infer I) => unknown
  ? I
  : never;

/** What `forward` and `backward` of a custom function share; own fields are given as the type argument. */
export type FunctionContext<Fields = unknown> = Context & Fields;

class Context {
  /** Which inputs of `forward` are tensors that need a gradient. */
  readonly needsInputGrad: readonly boolean[];
  readonly #settings: Settings;

  constructor(needsInputGrad: readonly boolean[], settings: Settings) {
    this.needsInputGrad = needsInputGrad;
    this.#settings = settings;
  }

  /** Saves inputs, outputs or other tensors for `backward`, which then sees when one was changed in place. */
  saveForBackward(...tensors: (Tensor | null)[]): void {
    this.#settings.saved = tensors;
  }

  /** What `saveForBackward` was given; there while `backward` runs. */
  get savedTensors(): Tensor[] {
    const { running } = this.#settings;
    if (running === undefined) {
      throw new UsageError("savedTensors: is there while backward runs. Read it inside backward.");
    }
    return native.savedTensors(running).map(wrapOrNull) as Tensor[];
  }

  /** Says which outputs have no gradient; `backward` then gets zeros for them. */
  markNonDifferentiable(...outputs: Tensor[]): void {
    this.#settings.nonDifferentiable = outputs;
  }

  /** Says which inputs `forward` changed in place; they must be among its outputs. */
  markDirty(...inputs: Tensor[]): void {
    this.#settings.dirty = inputs;
  }

  /** Sets whether `backward` gets zeros (the default) or null for an output that has no gradient. */
  setMaterializeGrads(flag: boolean): void {
    this.#settings.materializeGrads = flag;
  }
}

interface Settings {
  saved: readonly (Tensor | null)[];
  nonDifferentiable: readonly Tensor[];
  dirty: readonly Tensor[];
  materializeGrads: boolean;
  /** Number under which the addon runs `backward` now. */
  running: number | undefined;
}

/**
 * Is the base of functions with a backward of their own. `forward` runs without gradients and returns a tensor or
 * an array; `backward` gets a gradient for each output and returns one, or null, for each input of `forward`.
 * Call it by `apply`. Tensors made in `backward` are freed when it returns.
 *
 * @example
 * class Exp extends torch.autograd.Function {
 *   static override forward(ctx: torch.autograd.FunctionContext, x: torch.Tensor) {
 *     const y = x.exp();
 *     ctx.saveForBackward(y);
 *     return y;
 *   }
 *   static override backward(ctx: torch.autograd.FunctionContext, gradient: torch.Tensor) {
 *     const [y] = ctx.savedTensors;
 *     return gradient.mul(y!);
 *   }
 * }
 * const x = torch.zeros([2], { requiresGrad: true });
 * Exp.apply(x).sum().backward();
 * x.grad?.tolist(); // => [1, 1]
 */
export abstract class AutogradFunction {
  /** Computes the outputs; `ctx` keeps what `backward` needs. */
  static forward(_ctx: any, ..._inputs: any[]): any {
    throw new UsageError(
      `${this.name}.forward: must be given by the class. Add \`static forward(ctx, ...)\`.`,
    );
  }

  /** Computes the gradients of the inputs from those of the outputs. */
  static backward(_ctx: any, ..._gradients: any[]): any {
    throw new UsageError(
      `${this.name}.backward: must be given by the class. Add \`static backward(ctx, ...)\`.`,
    );
  }

  /** Calls the function. */
  static apply<F extends FunctionClass>(this: F, ...inputs: Inputs<F>): ReturnType<F["forward"]> {
    const settings: Settings = {
      saved: [],
      nonDifferentiable: [],
      dirty: [],
      materializeGrads: true,
      running: undefined,
    };
    const needsInputGrad = inputs.map((input) => input instanceof Tensor && input.requiresGrad);
    const ctx = new Context(needsInputGrad, settings);
    const returned: unknown = noGrad(() => this.forward(ctx, ...inputs));
    const outputs = Array.isArray(returned) ? (returned as unknown[]) : [returned];
    const { saved, nonDifferentiable, dirty, materializeGrads } = settings;
    const handles = native.applyFunction(
      `${this.name}Backward`,
      inputs.map(handleOrZero),
      outputs.map(handleOrZero),
      nonDifferentiable.map(handleOrZero),
      dirty.map(handleOrZero),
      saved.map(handleOrZero),
      materializeGrads,
      backwardOf(this, ctx, settings),
    );
    settings.saved = settings.nonDifferentiable = settings.dirty = []; // the graph holds what is needed
    const wrapped = outputs.map((output, i) =>
      output instanceof Tensor && output.handle !== handles[i] ? wrap(handles[i]!) : output,
    );
    return (Array.isArray(returned) ? wrapped : wrapped[0]) as ReturnType<F["forward"]>;
  }
}

/** Returns what the node calls. Made apart from `apply`, whose inputs it would otherwise keep alive. */
function backwardOf(
  owner: FunctionClass,
  ctx: Context,
  settings: Settings,
): (id: number, gradients: number[]) => void {
  return (id, gradients) => runBackward(owner, ctx, settings, id, gradients);
}

function runBackward(
  owner: FunctionClass,
  ctx: Context,
  settings: Settings,
  id: number,
  gradients: number[],
): void {
  const outer = settings.running; // a pass inside this one may run the same node again
  settings.running = id;
  try {
    scope(() => {
      const returned: unknown = owner.backward(ctx, ...gradients.map(wrapOrNull));
      const list = Array.isArray(returned) ? (returned as unknown[]) : [returned];
      native.deliver(list.map((gradient, i) => gradientHandle(owner, gradient, i)));
    });
  } finally {
    settings.running = outer;
  }
}

function gradientHandle(owner: FunctionClass, gradient: unknown, position: number): number {
  if (gradient instanceof Tensor) return gradient.handle;
  if (gradient === null) return 0;
  const got =
    gradient instanceof Promise ? "a promise" : gradient === undefined ? "undefined" : typeof gradient;
  throw new UsageError(
    `${owner.name}.backward: must return a Tensor or null for each input of forward, got ${got} at position ${position + 1}.`,
  );
}

function handleOrZero(value: unknown): number {
  return value instanceof Tensor ? value.handle : 0;
}

/** Puts an error into the graph in the place of a second derivative. */
class OnceDifferentiable extends AutogradFunction {
  static override forward(_ctx: Context, ...gradients: Tensor[]): Tensor[] {
    return gradients.map((gradient) => gradient.detach());
  }

  static override backward(): never {
    throw new UsageError("trying to differentiate twice a function that was marked with onceDifferentiable");
  }
}

/**
 * Marks a `backward` that cannot be differentiated itself: a second derivative through it throws instead of
 * being silently wrong.
 *
 * @example
 * class Twice extends torch.autograd.Function {
 *   static override forward(_ctx: torch.autograd.FunctionContext, x: torch.Tensor) {
 *     return x.mul(2);
 *   }
 *   static override backward = torch.autograd.onceDifferentiable((_ctx, gradient) => gradient.mul(2));
 * }
 */
export function onceDifferentiable<Fields = unknown>(
  backward: (ctx: FunctionContext<Fields>, ...gradients: Tensor[]) => Tensor | null | (Tensor | null)[],
): (ctx: FunctionContext<Fields>, ...gradients: Tensor[]) => Tensor | null | (Tensor | null)[] {
  return (ctx, ...gradients) => {
    const returned = noGrad(() => backward(ctx, ...gradients));
    if (!isGradEnabled() || !gradients.some((gradient) => gradient?.requiresGrad)) return returned;
    const list = Array.isArray(returned) ? returned : [returned];
    const tensors = list.filter((item) => item !== null).map((item) => withGrad(item.detach(), true));
    const marked = OnceDifferentiable.apply(...tensors);
    const results = list.map((item) => (item === null ? null : marked.shift()!));
    return Array.isArray(returned) ? results : results[0]!;
  };
}
