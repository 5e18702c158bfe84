// The registered parts of a config: which classes its names mean, whether these take the options, and what they make.
import { ConfigError, camelCaseKeys, foldName, snakeCase, suggestion } from "../base/index.ts";
import type { ConfigIssue } from "../base/index.ts";
import { checkModule, inFileOrder, isConfigMap, listedPlugins, valueAt } from "../config/index.ts";
import type { ConfigMap, ConfigPath, MapNode, ModuleConfig, ModuleReport } from "../config/index.ts";
import { registry } from "../contracts/index.ts";
import type { ComponentKindName, ConfigSchema, DataModule } from "../contracts/index.ts";
import { loadPlugins } from "../plugins/index.ts";
import { Tensor, optim, zeros } from "../torch/index.ts";
import type { TrainableModule } from "../trainer/index.ts";

/** Kinds with classes that have a schema. */
type ClassKind = Parameters<typeof registry.schema>[0];

/** What a component among a model's options may be. */
const nestedKinds = [
  "network",
  "model",
  "loss",
  "metric",
  "dataset",
  "sampler",
  "callback",
  "logger",
  "task",
] as const;

/**
 * Checks the config of a training of registered parts as a whole: loads the plugins, then proves every section, and the
 * options of registered components against their classes. All that is wrong comes back at once.
 *
 * @throws ConfigError for interpolations that cannot be resolved
 */
export async function checkRegistered(job: MapNode, projectRoot: string): Promise<ModuleReport> {
  const plugins = await loadPlugins(projectRoot, { listed: listedPlugins(job) });
  const report = await checkModule(job, projectRoot, {
    callback: registry.added("callback"),
    logger: registry.added("logger"),
    optimizer: registry.added("optimizer"),
    scheduler: registry.added("scheduler"),
    strategy: registry.added("strategy"),
  });
  const issues = inFileOrder([
    ...report.issues,
    ...plugins.flatMap(({ name, from, error }) =>
      from === "config" && error !== undefined ? [report.locate(["plugins"], `${name}: ${error}`)] : [],
    ),
    ...checkParts(report),
  ]);
  const { config, ...rest } = report;
  return issues.length === 0 && config !== undefined ? { ...rest, issues, config } : { ...rest, issues };
}

function checkParts(report: ModuleReport): ConfigIssue[] {
  const { value, components } = report;
  const sections = (["callbacks", "loggers"] as const).flatMap((section) => {
    const kind = section === "callbacks" ? "callback" : "logger";
    const items = Array.isArray(value[section]) ? value[section] : [];
    return items.flatMap((item, index) => (isAdded(kind, item) ? [{ kind, path: [section, index] }] : []));
  });
  return [
    ...checkOptions(report, "model", ["model"]),
    ...checkOptions(report, "dataset", ["dataset"]),
    ...components.flatMap((path) => checkNested(report, path)),
    ...checkNamed(report, "task", ["task"]),
    ...checkSampler(report),
    ...lossesAndMetrics(report).flatMap(({ kind, path }) => checkOptions(report, kind, path)),
    ...sections.flatMap(({ kind, path }) => checkOptions(report, kind as ClassKind, path)),
    ...checkStrategy(report),
    ...(isAdded("optimizer", value["optimizer"]) ? checkOptimizer(report) : []),
    ...(isAdded("scheduler", value["scheduler"]) ? checkScheduler(report) : []),
  ];
}

/** Checks one component: its name, and its options against the schema of its class. */
function checkOptions(report: ModuleReport, kind: ClassKind, path: ConfigPath): ConfigIssue[] {
  const part = partAt(report.value, path);
  if (part === undefined || typeof part["name"] !== "string") return []; // told already
  const { name, ...options } = part;
  const registered = registeredName(kind, name);
  if (registered === undefined) return [report.locate([...path, "name"], unknown(kind, name))];
  return checkAgainst(registry.schema(kind, registered), report, { path, options: camelCaseDeep(options) });
}

/** A model's `loss` and `metrics` are registered ones wherever they are mappings with a name. */
function lossesAndMetrics({ value, components }: ModuleReport): { kind: ClassKind; path: ConfigPath }[] {
  const metrics = Object.keys(partAt(value, ["model", "metrics"]) ?? {});
  const named = [
    { kind: "loss" as const, path: ["model", "loss"] },
    ...metrics.map((key) => ({ kind: "metric" as const, path: ["model", "metrics", key] })),
  ];
  const isChecked = (path: ConfigPath): boolean => components.some((other) => other.join() === path.join());
  return named.filter(({ path }) => partAt(value, path)?.["name"] !== undefined && !isChecked(path));
}

/** Checks a component that is a name alone, or a mapping with it and its options. */
function checkNamed(report: ModuleReport, kind: ClassKind, path: ConfigPath): ConfigIssue[] {
  const name = valueAt(report.value, path);
  if (typeof name !== "string") return checkOptions(report, kind, path);
  if (!registry.has(kind, name)) return [report.locate(path, unknown(kind, name))];
  return checkAgainst(registry.schema(kind, name), report, { path, options: {} });
}

/** A sampler in a dialect of its own is among the nested components. */
function checkSampler(report: ModuleReport): ConfigIssue[] {
  const path = ["dataset", "sampler"];
  const isNested = report.components.some((other) => other.join() === path.join());
  return isNested ? [] : checkNamed(report, "sampler", path);
}

/** Names that nothing has are told already, by the schema of the trainer's flags. */
function checkStrategy(report: ModuleReport): ConfigIssue[] {
  const path = ["trainer", "strategy"];
  const given = valueAt(report.value, path);
  const name = isConfigMap(given) ? given["name"] : given;
  const isKnown = typeof name === "string" && registry.has("strategy", name);
  return isKnown ? checkNamed(report, "strategy", path) : [];
}

function checkNested(report: ModuleReport, path: ConfigPath): ConfigIssue[] {
  const name = partAt(report.value, path)?.["name"];
  if (typeof name !== "string") return [report.locate(path, "expected the name of a component.", "type")];
  const kind = nestedKinds.find((each) => registeredName(each, name) !== undefined);
  if (kind !== undefined) return checkOptions(report, kind, path);
  const known = nestedKinds.flatMap((each) => registry.added(each));
  const hint =
    known.length === 0
      ? "Nothing is registered: write a plugin."
      : suggestion(name.slice(name.lastIndexOf(".") + 1), known);
  return [
    report.locate(
      [...path, "name"],
      `nothing is registered as "${name}"; a config never imports code. ${hint}`,
    ),
  ];
}

function checkAgainst(
  schema: ConfigSchema<unknown> | undefined,
  { locate }: ModuleReport,
  { path, options }: { path: ConfigPath; options: Record<string, unknown> },
): ConfigIssue[] {
  try {
    schema?.parse(options);
    return [];
  } catch (error) {
    const known = Object.keys((schema as { shape?: object }).shape ?? {});
    return refusals(error, options, known).map((refusal) =>
      locate([...path, ...refusal.path], refusal.message, refusal.code),
    );
  }
}

/** A registered optimizer says of its options itself whether they can be: one is made of a weight of its own. */
function checkOptimizer({ value, locate }: ModuleReport): ConfigIssue[] {
  const { name, no_decay: _, ...options } = value["optimizer"] as ConfigMap & { name: string };
  try {
    optim.createOptimizer(name, [standInWeight()], camelCaseDeep(options));
    return [];
  } catch (error) {
    const { message } = error as Error;
    const unknownOption = /unknown option "(\w+)"\./u.exec(message);
    const option = Object.keys(options).find((key) => {
      const spelt = Object.keys(camelCaseKeys({ [key]: 0 }))[0]!;
      return unknownOption === null
        ? new RegExp(`\\b${spelt}\\b`, "u").test(message)
        : spelt === unknownOption[1];
    });
    return [locate(option === undefined ? ["optimizer"] : ["optimizer", option], message)];
  }
}

/** Is a weight of which optimizers see what they check; whoever computes with it finds one, and loads libtorch for it. */
function standInWeight(): Tensor {
  let weight: Tensor | undefined;
  return Object.create(Tensor.prototype, {
    handle: { get: () => (weight ??= zeros([1], { requiresGrad: true })).handle },
    isLeaf: { value: true },
    requiresGrad: { value: true },
    shape: { value: [1] },
    strides: { value: [1] },
  }) as Tensor;
}

/** Options of every schedule of a config; those of its own a registered kind lists. */
const scheduleOptions = ["interval", "monitor", "mode", "warmup_steps", "warmup_ratio"];

function checkScheduler({ value, locate }: ModuleReport): ConfigIssue[] {
  const { name, ...options } = value["scheduler"] as ConfigMap & { name: string };
  const { options: own, required = [], warmup = false } = optim.schedulers.get(name);
  const known = [...own.map(snakeCase), ...scheduleOptions];
  const given = Object.keys(options);
  const missing = required.filter((key) => key !== "trainingSteps" && !given.includes(snakeCase(key)));
  return [
    ...given
      .filter((key) => !known.includes(key))
      .map((key) => locate(["scheduler", key], `unknown option. ${suggestion(key, known)}`, "unknown_key")),
    ...given
      .filter((key) => !warmup && key.startsWith("warmup_") && Number(options[key]) > 0)
      .map((key) =>
        locate(
          ["scheduler", key],
          `the schedule "${name}" has no warm-up. Delete the option, or set it to 0.`,
        ),
      ),
    ...missing.map((key) => locate(["scheduler"], `${snakeCase(key)} must be given.`, "missing")),
  ];
}

/** Makes model and data set of a config that `checkRegistered` passed; what a constructor refuses is told with its place. */
export function makeParts(
  config: ModuleConfig,
  { components, locate, source }: ModuleReport,
): { model: TrainableModule; dataset: DataModule } {
  const named = structuredClone({ model: config.model, dataset: config.dataset }) as unknown as ConfigMap;
  for (const path of components) {
    const part = partAt(named, path)!;
    const kind = nestedKinds.find((each) => registeredName(each, String(part["name"])) !== undefined)!;
    part["name"] = registeredName(kind, String(part["name"]))!;
  }
  const issues: ConfigIssue[] = [];
  const attempt = <T>(
    kind: "model" | "dataset",
    make: (name: string, options: object) => T,
  ): T | undefined => {
    const { name, ...options } = named[kind] as ConfigMap & { name: string };
    try {
      return make(registeredName(kind, name)!, camelCaseDeep(options));
    } catch (error) {
      issues.push(locate([kind], (error as Error).message.replace(/^(model|dataset) ("[^"]*"): /u, "$2: ")));
      return undefined;
    }
  };
  const model = attempt("model", (name, options) => registry.createModel(name, options));
  const dataset = attempt("dataset", (name, options) => registry.createDataset(name, options));
  if (issues.length > 0) throw new ConfigError(source, issues);
  return { model: model as TrainableModule, dataset: dataset! };
}

/**
 * Returns the registered name that a config means: `my_model` as it is; `my_package.models.MyModel` where that is
 * registered, or else `MyModel` or `my_model`; `RandomSampler` is the sampler `random`.
 */
function registeredName(kind: ComponentKindName, given: string): string | undefined {
  if (registry.has(kind, given)) return given;
  if (!given.includes(".")) return undefined;
  const last = given.slice(given.lastIndexOf(".") + 1);
  const isMeant = (name: string): boolean =>
    [name, `${name}_${kind}`].some((each) => foldName(each) === foldName(last));
  return registry.names(kind).find(isMeant);
}

function isAdded(kind: ComponentKindName, part: unknown): boolean {
  const { name } = (part ?? {}) as { name?: unknown };
  return typeof name === "string" && registry.added(kind).includes(name);
}

/** Spells the options of a component as code does. */
export function camelCaseDeep(value: object): Record<string, unknown> {
  const deep = (part: unknown): unknown =>
    Array.isArray(part) ? part.map(deep) : isPlain(part) ? camelCaseDeep(part) : part;
  return Object.fromEntries(
    Object.entries(camelCaseKeys({ ...value })).map(([key, part]) => [key, deep(part)]),
  );
}

function unknown(kind: ClassKind, name: string): string {
  const hint = suggestion(name.slice(name.lastIndexOf(".") + 1), registry.names(kind));
  return `unknown ${kind} "${name}"${name.includes(".") ? "; a config never imports code" : ""}. ${hint}`;
}

function partAt(value: ConfigMap, path: ConfigPath): ConfigMap | undefined {
  const part = valueAt(value, path);
  return isConfigMap(part) ? part : undefined;
}

/** Parts the refusal of a class's schema into one issue an option, by its name in the file. */
function refusals(
  error: unknown,
  given: object,
  known: readonly string[],
): { path: (string | number)[]; message: string; code?: ConfigIssue["code"] }[] {
  const { issues, message } = error as {
    issues?: {
      path: (string | number)[];
      code?: string;
      expected?: string;
      message: string;
      keys?: string[];
    }[];
    message: string;
  };
  if (!Array.isArray(issues)) return [{ path: [], message }];
  return issues.flatMap((issue) => {
    const path = issue.path.map((step) => (typeof step === "string" ? snakeCase(step) : step));
    if (issue.keys !== undefined) {
      return issue.keys.map((key) => ({
        path: [...path, snakeCase(key)],
        message: `unknown option. ${suggestion(snakeCase(key), known.map(snakeCase))}`,
        code: "unknown_key" as const,
      }));
    }
    const value = valueAt(given as ConfigMap, issue.path);
    if (value === undefined && issue.code === "invalid_type")
      return [{ path, message: `must be given, as ${issue.expected}.`, code: "missing" as const }];
    const got = value === undefined || issue.code === "custom" ? "" : `, got ${JSON.stringify(value)}`;
    return [{ path, message: `${issue.message}${got}.` }];
  });
}

function isPlain(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
