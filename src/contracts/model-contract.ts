// Tries on one batch what the trainer will rely on, and leaves the model as it was.
import { Tensor, getRngState, nn, noGrad, optim, scope, setRngState } from "../torch/index.ts";
import { ContractError } from "./contract-error.ts";
import type { TrainerContext } from "./base-model.ts";
import { lossOf, optimizersOf } from "./step-output.ts";
import type { ISerializable, ITrainable } from "./trainable.ts";

/** The methods that a model must have, with what each is for. */
const members = {
  trainingStep: "returns the loss of a batch",
  validationStep: "judges a batch",
  configureOptimizers: "returns the optimizer",
  stateDict: "returns the weights by name",
  loadStateDict: "takes the weights back",
} as const;

type Trained = nn.Module &
  ITrainable &
  ISerializable & {
    automaticOptimization?: boolean;
    attach?(context: TrainerContext | undefined): void;
  };

/** Judges whether a model can be trained, saved and restored. */
export const ModelContract = {
  /**
   * Tries a model on a sample batch: the members are there; the loss is one finite number; gradients reach every weight
   * that is trained, and an optimizer holds it; validation changes nothing; a state dict brings back what it was
   * taken of. The model's weights, gradients, mode and the random generator are afterwards as they were.
   *
   * @throws ContractError that lists everything that is broken.
   */
  validate(model: unknown, sample: unknown): void {
    const problems = ModelContract.check(model, sample);
    if (problems.length > 0) throw new ContractError(nameOf(model), problems);
  },

  /** Returns what `validate` would throw, as sentences. */
  check(model: unknown, sample: unknown): string[] {
    const missing = ModelContract.missingMembers(model);
    if (missing.length > 0) return missing;
    if (typeof model === "function")
      return [`must be a model, got its class. Make one: new ${model.name || "Model"}(config).`];
    return scope(() => restoring(model as Trained, () => tryOut(model as Trained, sample)));
  },

  /** Names the members that a model, or the instances of a class, lack. */
  missingMembers(model: unknown): string[] {
    const target = (typeof model === "function" ? model.prototype : model) as Record<string, unknown> | null;
    if (typeof target !== "object" || target === null) return ["must be a model, or the class of one."];
    const isModule = target instanceof nn.Module;
    return [
      ...(isModule ? [] : ["must extend nn.Module, so that its weights are found."]),
      ...Object.entries(members).flatMap(([name, purpose]) =>
        typeof target[name] === "function" ? [] : [`the method ${name} is missing, which ${purpose}.`],
      ),
    ];
  },
};

function tryOut(model: Trained, sample: unknown): string[] {
  const problems: string[] = [];
  const attempt = (what: string, run: () => void): void => {
    try {
      run();
    } catch (error) {
      problems.push(`${what} throws: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  const optimizers: optim.Optimizer[] = [];
  attempt("configureOptimizers", () => {
    optimizers.push(...optimizersOf(model.configureOptimizers()).map((part) => part?.optimizer));
    problems.push(...checkOptimizers(model, optimizers));
  });
  model.attach?.(contextOf(optimizers));
  model.train();
  attempt("trainingStep", () => problems.push(...checkTraining(model, sample)));
  model.eval();
  attempt("validationStep", () => problems.push(...checkValidation(model, sample)));
  attempt("loadStateDict", () => problems.push(...checkState(model)));
  return problems;
}

function checkOptimizers(model: Trained, optimizers: readonly optim.Optimizer[]): string[] {
  if (optimizers.length === 0 || !optimizers.every((optimizer) => optimizer instanceof optim.Optimizer))
    return [
      "configureOptimizers must return an optimizer, or { optimizer, lrScheduler }, or a list of these.",
    ];
  if (model.automaticOptimization !== false && optimizers.length > 1)
    return [
      `configureOptimizers returns ${optimizers.length} optimizers, which needs automaticOptimization = false and a trainingStep that steps them.`,
    ];
  const held = new Set<Tensor>(
    optimizers.flatMap(({ paramGroups }) => paramGroups.flatMap(({ params }) => params)),
  );
  const forgotten = trained(model).filter(([, parameter]) => !held.has(parameter));
  return forgotten.length === 0
    ? []
    : [`no optimizer holds ${list(forgotten)}. Pass model.parameters(), or set requiresGrad_(false).`];
}

function checkTraining(model: Trained, sample: unknown): string[] {
  model.zeroGrad();
  const output = model.trainingStep(sample as never, 0);
  if (model.automaticOptimization === false) return []; // it ran backward and stepped by itself
  const loss = lossOf(output);
  if (loss === undefined) return ["trainingStep must return the loss, or { loss }, got nothing."];
  if (!(loss instanceof Tensor) || loss.numel !== 1) {
    const got = loss instanceof Tensor ? `a tensor of shape [${loss.shape}]` : String(loss);
    return [`trainingStep must return a loss of one number, got ${got}. Take its mean().`];
  }
  if (!Number.isFinite(loss.item())) return [`the loss of the sample must be finite, got ${loss.item()}.`];
  if (!loss.requiresGrad)
    return [
      "the loss has no gradient: it does not come from the weights, or was made in noGrad or detached.",
    ];
  loss.backward();
  const unreached = trained(model).filter(([, parameter]) => parameter.grad === null);
  const broken = trained(model).filter(([, { grad }]) => grad !== null && !grad.isfinite().all().item());
  return [
    ...(unreached.length === 0
      ? []
      : [`no gradient reaches ${list(unreached)}. Use it in the loss, or set requiresGrad_(false).`]),
    ...(broken.length === 0 ? [] : [`the gradient of ${list(broken)} is not finite.`]),
  ];
}

function checkValidation(model: Trained, sample: unknown): string[] {
  const before = snapshot(model);
  noGrad(() => model.validationStep(sample as never, 0, 0));
  const changed = [...model.stateDict()].filter(([name, tensor]) => !isEqual(tensor, before.get(name)!));
  return changed.length === 0 ? [] : [`validationStep changes ${list(changed)}; it must only look.`];
}

function checkState(model: Trained): string[] {
  const before = snapshot(model);
  const names = new Set(model.stateDict().keys());
  const unsaved = trained(model).filter(([name]) => !names.has(name));
  noGrad(() => {
    for (const parameter of model.parameters()) parameter.add_(1);
  });
  model.loadStateDict(before);
  const lost = [...model.stateDict()].filter(([name, tensor]) => !isEqual(tensor, before.get(name)!));
  return [
    ...(unsaved.length === 0 ? [] : [`stateDict lacks ${list(unsaved)}.`]),
    ...(lost.length === 0 ? [] : [`loadStateDict(stateDict()) does not bring back ${list(lost)}.`]),
  ];
}

/** Runs `run` and puts weights, gradients, modes and the random generator back. */
function restoring<T>(model: Trained, run: () => T): T {
  const weights = Array.from(
    model.namedParameters(),
    ([, parameter]) => [parameter, parameter.detach().clone()] as const,
  );
  const buffers = model.buffers().map((buffer) => [buffer, buffer.clone()] as const);
  const modes = Array.from(model.modules(), (module) => [module, module.training] as const);
  const rng = getRngState();
  try {
    return run();
  } finally {
    model.attach?.(undefined);
    model.zeroGrad();
    noGrad(() => {
      for (const [tensor, copy] of [...weights, ...buffers]) tensor.copy_(copy);
    });
    for (const [module, mode] of modes) module.training = mode;
    setRngState(rng);
  }
}

function contextOf(optimizers: readonly optim.Optimizer[]): TrainerContext {
  return {
    optimizers,
    lrSchedulers: [],
    currentEpoch: 0,
    globalStep: 0,
    log: () => {},
    backward: (loss) => loss.backward(),
  };
}

function trained(model: nn.Module): [string, nn.Parameter][] {
  return [...model.namedParameters()].filter(([, parameter]) => parameter.requiresGrad);
}

function snapshot(model: nn.Module): Map<string, Tensor> {
  return new Map(Array.from(model.stateDict(), ([name, tensor]) => [name, tensor.clone()]));
}

function isEqual(a: Tensor, b: Tensor): boolean {
  return a.equal(b);
}

/** Names up to five of the weights. */
function list(entries: readonly (readonly [string, unknown])[]): string {
  const names = entries.map(([name]) => `"${name}"`);
  const rest = names.length - 5;
  return names.slice(0, 5).join(", ") + (rest > 0 ? ` and ${rest} more` : "");
}

function nameOf(model: unknown): string {
  if (typeof model === "function") return model.name;
  return typeof model === "object" && model !== null ? model.constructor.name : String(model);
}
