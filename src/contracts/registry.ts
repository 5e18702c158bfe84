// Components by name: models, data sets, callbacks and the rest, the built-in ones and those of plugins.
import { Registry, UsageError, normalizeName, registeredStores, suggestion } from "../base/index.ts";
import { optim, utils } from "../torch/index.ts";
import type { nn } from "../torch/index.ts";
import type { Store, StoreClass } from "../tracking/index.ts";
import { hookProblems, requireCallback } from "./callback-hooks.ts";
import { ContractError } from "./contract-error.ts";
import type { DataModule } from "./data-module.ts";
import type { Metric } from "./metric.ts";
import { ModelContract } from "./model-contract.ts";
import { Strategy } from "./strategy.ts";
import type { Task } from "./task.ts";
import type { ConfigSchema, ITrainable } from "./trainable.ts";

/** Is a class of components: instances are made of a config, which its `schema` accepts where it has one. */
export interface ComponentClass<T> {
  new (config: any): T;
  readonly schema?: ConfigSchema<any> | undefined;
  fromConfig?(config: any): T;
}

/** What each kind of component makes. */
interface Kinds {
  model: ITrainable;
  dataset: DataModule;
  metric: Metric;
  loss: object;
  network: nn.Module;
  callback: { readonly name: string };
  logger: { readonly name: string };
  task: Task;
  strategy: Strategy;
  sampler: utils.data.Sampler;
}

/** Names a kind of component. */
export type ComponentKindName = keyof Kinds | "optimizer" | "scheduler" | "store" | "domain";

/** Is a field of work with the components that belong to it. */
export interface Domain {
  description: string;
  models?: Readonly<Record<string, ComponentClass<ITrainable>>>;
  datasets?: Readonly<Record<string, ComponentClass<DataModule>>>;
  metrics?: Readonly<Record<string, ComponentClass<Metric>>>;
  losses?: Readonly<Record<string, ComponentClass<object>>>;
  tasks?: Readonly<Record<string, ComponentClass<Task>>>;
}

const components = {
  model: new Registry<ComponentClass<ITrainable>>("model"),
  dataset: new Registry<ComponentClass<DataModule>>("dataset"),
  metric: new Registry<ComponentClass<Metric>>("metric"),
  loss: new Registry<ComponentClass<object>>("loss"),
  network: new Registry<ComponentClass<nn.Module>>("network"),
  callback: new Registry<ComponentClass<Kinds["callback"]>>("callback"),
  logger: new Registry<ComponentClass<Kinds["logger"]>>("logger"),
  task: new Registry<ComponentClass<Task>>("task"),
  strategy: new Registry<ComponentClass<Strategy>>("strategy"),
  sampler: new Registry<ComponentClass<utils.data.Sampler>>("sampler"),
} satisfies { [K in keyof Kinds]: Registry<ComponentClass<Kinds[K]>> };

components.strategy.register("auto", Strategy);
components.strategy.register("single_device", Strategy);

const domains = new Registry<Domain>("domain");
const registries = {
  ...components,
  optimizer: optim.optimizers,
  scheduler: optim.schedulers,
  domain: domains,
  store: registeredStores,
} as Record<ComponentKindName, Registry<unknown>>;

/** Who registered what: `model my_model` by the name of the plugin. */
const owners = new Map<string, string>();
let registrar: string | undefined;
const registered: { kind: ComponentKindName; name: string }[] = [];
/** What plugins and programs have added, as `model my_model`. */
const added = new Set<string>();
let isBuiltIn = false;

/**
 * Says of everything that `run` registers that a plugin did, and takes it out again where `run` fails.
 * One plugin after the other: returns what this one registered, as `model my_model`.
 */
export async function registerAs(plugin: string, run: () => Promise<unknown>): Promise<string[]> {
  registrar = plugin;
  const before = registered.length;
  try {
    await run();
    return registered.slice(before).map(({ kind, name }) => `${kind} ${name}`);
  } catch (error) {
    for (const { kind, name } of registered.splice(before)) {
      registries[kind].unregister(name);
      owners.delete(key(kind, name));
      added.delete(key(kind, name));
    }
    throw error;
  } finally {
    registrar = undefined;
  }
}

/** Says of what `run` registers that Sconce itself did, though loading a plugin may be what it is first imported by. */
export function registerBuiltIn(run: () => void): void {
  const plugin = registrar;
  registrar = undefined;
  isBuiltIn = true;
  try {
    run();
  } finally {
    registrar = plugin;
    isBuiltIn = false;
  }
}

/** Registers a component of a kind, or returns the decorator that does. */
export interface Register<T> {
  (name: string, component: T): void;
  /** Is used as a class decorator: `@registerModel("my_model")`. */
  (name: string): <C extends T>(component: C, context?: unknown) => C;
}

/** Registers a class of models: `registerModel("my_model", MyModel)`. A class that lacks a member throws. */
export const registerModel = registerer("model", (name, model: ComponentClass<ITrainable>) => {
  const missing = ModelContract.missingMembers(model);
  if (missing.length > 0) throw new ContractError(`registerModel("${name}", ${model.name})`, missing);
});
/** Registers a class of data modules. */
export const registerDataset = registerer("dataset", (name, dataset: ComponentClass<DataModule>) =>
  requireMethods("registerDataset", name, dataset, ["trainDataloader"]),
);
/** Registers a class of metrics. */
export const registerMetric = registerer("metric", (name, metric: ComponentClass<Metric>) =>
  requireMethods("registerMetric", name, metric, ["update", "compute", "reset"]),
);
/** Registers a class of losses, whose `forward` takes outputs and targets. */
export const registerLoss = registerer("loss", (name, loss: ComponentClass<object>) =>
  requireMethods("registerLoss", name, loss, ["forward"]),
);
/** Registers a class of layers, an `nn.Module`, that models are made of: the `net` among a model's options, say. */
export const registerNetwork = registerer("network", (name, network: ComponentClass<nn.Module>) =>
  requireMethods("registerNetwork", name, network, ["forward", "parameters"]),
);
/** Registers a class of callbacks. One with a method that looks like a hook and is none throws. */
export const registerCallback = registerer(
  "callback",
  (name, callback: ComponentClass<Kinds["callback"]>) => {
    const problems = hookProblems((callback as { prototype?: object }).prototype ?? {});
    if (problems.length > 0)
      throw new ContractError(`registerCallback("${name}", ${callback.name})`, problems);
  },
);
/** Registers a class of loggers. */
export const registerLogger = registerer("logger", (name, logger: ComponentClass<Kinds["logger"]>) =>
  requireMethods("registerLogger", name, logger, ["logMetrics"]),
);
/** Registers a class of tasks, whose `train` takes a config as a whole; the config's `task` names it. */
export const registerTask = registerer("task", (name, task: ComponentClass<Task>) =>
  requireMethods("registerTask", name, task, ["train"]),
);
/** Registers a class of strategies, which extends `Strategy`; `trainer.strategy` takes its name. */
export const registerStrategy = registerer("strategy", (name, strategy: ComponentClass<Strategy>) =>
  requireMethods("registerStrategy", name, strategy, [
    "setup",
    "backward",
    "reduceGradients",
    "optimizerStep",
  ]),
);
/** Registers a class of samplers, whose `order` chooses the examples of an epoch. */
export const registerSampler = registerer("sampler", (name, sampler: ComponentClass<utils.data.Sampler>) =>
  requireMethods("registerSampler", name, sampler, ["order"]),
);
/**
 * Registers what opens the tracking stores of URIs that begin with the name, `my_store:...`: a class with a static `open`.
 * `storeContract` of `sconce/testing` holds a store to what those that come along do.
 */
export const registerStore = registerer("store", (name, store: StoreClass) => {
  const { open } = store as { open?: unknown };
  if (typeof open !== "function")
    throw new ContractError(`registerStore("${name}")`, ["the static method open is missing."]);
  if (!/^[a-z][a-z0-9+.-]+$/u.test(name))
    throw new UsageError(
      `registerStore: the name is the scheme of URIs, lower-case letters, digits, "+", "-" and ".", got "${name}".`,
    );
});
/** Registers a maker of optimizers: `(params, options) => new MyOptimizer(params, options)`. */
export const registerOptimizer = registerer<optim.OptimizerFactory>("optimizer");
/** Registers a kind of learning-rate schedule. */
export const registerScheduler = registerer<optim.SchedulerKind>("scheduler");

/** Registers a domain and its components; where one of them cannot be, none is. */
export function registerDomain(name: string, domain: Domain): void {
  const parts: [keyof Kinds, Readonly<Record<string, unknown>>, Register<any>][] = [
    ["model", domain.models ?? {}, registerModel],
    ["dataset", domain.datasets ?? {}, registerDataset],
    ["metric", domain.metrics ?? {}, registerMetric],
    ["loss", domain.losses ?? {}, registerLoss],
    ["task", domain.tasks ?? {}, registerTask],
  ];
  for (const [kind, given] of parts) for (const component of Object.keys(given)) refuseTaken(kind, component);
  refuseTaken("domain", name);
  for (const [, given, register] of parts)
    for (const [component, value] of Object.entries(given)) register(component, value);
  add("domain", name, domain);
}

/** Makes components by their names, says which there are, and takes new ones. */
export const registry = {
  /** @throws UsageError for an unknown name, with the nearest one, or for a config that the class's schema refuses. */
  createModel: (name: string, config: unknown = {}) => create("model", name, config),
  createDataset: (name: string, config: unknown = {}) => create("dataset", name, config),
  createMetric: (name: string, config: unknown = {}) => create("metric", name, config),
  createLoss: (name: string, config: unknown = {}) => create("loss", name, config),
  createNetwork: (name: string, config: unknown = {}) => create("network", name, config),
  createCallback: (name: string, config: unknown = {}) => {
    const callback = create("callback", name, config);
    requireCallback(`callback "${name}"`, callback);
    return callback;
  },
  createLogger: (name: string, config: unknown = {}) => create("logger", name, config),
  createTask: (name: string, config: unknown = {}) => create("task", name, config),
  createStrategy: (name: string, config: unknown = {}) => create("strategy", name, config),
  createSampler: (name: string, config: unknown = {}) => create("sampler", name, config),
  /** Opens the store of a registered scheme; `uri` begins with the name. */
  createStore: (name: string, options: { uri: string }): Promise<Store> =>
    registeredStores.get(name).open(options) as Promise<Store>,
  registerModel,
  registerDataset,
  registerMetric,
  registerLoss,
  registerNetwork,
  registerCallback,
  registerLogger,
  registerTask,
  registerStrategy,
  registerSampler,
  registerStore,
  registerOptimizer,
  registerScheduler,
  registerDomain,
  has: (kind: ComponentKindName, name: string): boolean => registries[kind].has(name),
  names: (kind: ComponentKindName): string[] => registries[kind].names(),
  /** Lists what plugins and programs have registered, without what comes along. */
  added: (kind: ComponentKindName): string[] =>
    registries[kind].names().filter((name) => added.has(key(kind, name))),
  kinds: (): ComponentKindName[] => Object.keys(registries) as ComponentKindName[],
  /** Returns the class's schema, by which a config is checked before anything is made. */
  schema: (kind: keyof Kinds, name: string): ConfigSchema<unknown> | undefined =>
    components[kind].get(name).schema,
  domain: (name: string): Domain => domains.get(name),
  /** Returns the plugin that registered a component; undefined for those that a program or Sconce itself registered. */
  owner: (kind: ComponentKindName, name: string): string | undefined => owners.get(key(kind, name)),
};

function registerer<T>(kind: ComponentKindName, check?: (name: string, component: T) => void): Register<T> {
  const register = (name: string, component: T): void => {
    check?.(name, component);
    add(kind, name, component);
  };
  return ((name: string, component?: T) => {
    if (component !== undefined) return register(name, component);
    return (decorated: T) => {
      register(name, decorated);
      return decorated;
    };
  }) as Register<T>;
}

function add(kind: ComponentKindName, name: string, value: unknown): void {
  if (!/^[A-Za-z][\w.-]*$/u.test(name)) {
    throw new UsageError(
      `register ${kind}: a name starts with a letter and has letters, digits, "_", "-" and ".", got ${JSON.stringify(name)}.`,
    );
  }
  refuseTaken(kind, name);
  registries[kind].register(name, value);
  if (!isBuiltIn) added.add(key(kind, name));
  if (registrar === undefined) return;
  owners.set(key(kind, name), registrar);
  registered.push({ kind, name });
}

function refuseTaken(kind: ComponentKindName, name: string): void {
  if (!registries[kind].has(name)) return;
  const plugin = owners.get(key(kind, name));
  const other = added.has(key(kind, name)) ? "this program" : "Sconce itself";
  const owner = plugin === undefined ? other : `the plugin ${plugin}`;
  throw new UsageError(`register ${kind}: the name "${name}" is taken by ${owner}. Choose another name.`);
}

function create<K extends keyof Kinds>(kind: K, name: string, config: unknown): Kinds[K] {
  const component = components[kind].get(name) as unknown as ComponentClass<Kinds[K]>;
  try {
    if (component.fromConfig !== undefined) return component.fromConfig(config);
    return new component(component.schema === undefined ? config : component.schema.parse(config));
  } catch (error) {
    throw new UsageError(`${kind} "${name}": ${reasonOf(error, component.schema)}`, { cause: error });
  }
}

/** Writes out what zod found, or the message of any other error. */
function reasonOf(error: unknown, schema: object | undefined): string {
  const { issues } = (error ?? {}) as {
    issues?: { path: PropertyKey[]; message: string; keys?: string[] }[];
  };
  if (!Array.isArray(issues)) return error instanceof Error ? error.message : String(error);
  const known = Object.keys((schema as { shape?: object } | undefined)?.shape ?? {});
  return issues
    .flatMap(({ path, message, keys }) => {
      const isOwn = path.length === 0 && known.length > 0;
      if (isOwn && keys !== undefined)
        return keys.map((key) => `${key}: unknown option. ${suggestion(key, known)}`);
      return path.length === 0 ? message : `${path.map(String).join(".")}: ${message}`;
    })
    .join("; ");
}

function requireMethods(
  where: string,
  name: string,
  component: ComponentClass<object>,
  methods: readonly string[],
): void {
  const prototype = (component as { prototype?: Record<string, unknown> }).prototype ?? {};
  const missing = methods.filter((method) => typeof prototype[method] !== "function");
  if (missing.length === 0) return;
  throw new ContractError(
    `${where}("${name}", ${component.name})`,
    missing.map((method) => `the method ${method} is missing.`),
  );
}

function key(kind: string, name: string): string {
  return `${kind} ${normalizeName(name)}`;
}
