// Brings the spellings that a config may use to one form, and remembers where each part was written.
import { own } from "../base/index.ts";
import { bareMetricName, metricMode, normalizeMetricName } from "./metric-names.ts";
import { callbackKind, loggerKind } from "./callbacks.ts";
import { type ComponentKind, NormalizeSink, normalizeComponent } from "./components.ts";
import { profilerKind } from "./profilers.ts";
import { optimizerKind } from "./optimizers.ts";
import { schedulerKind } from "./schedulers.ts";
import type { SchemaIssue } from "./schema-issues.ts";
import { type ConfigMap, type ConfigPath, type ConfigValue, formatValue, isConfigMap } from "./value.ts";

/** Holds a config in its one form; `original` leads from its paths to those that were written. */
export interface NormalizedUseCase {
  value: ConfigMap;
  issues: readonly SchemaIssue[];
  /** Keys that were set to null, which means "not set". */
  nulls: readonly ConfigPath[];
  original: (path: ConfigPath) => ConfigPath;
}

/**
 * Normalises a copy of a config: components to `{ name, ...options }`, `tracking` to `mlops.tracking`,
 * `val/loss` to `val_loss`, null to absent. `isWholeShare` tells whether a number was written `1.0`.
 */
export function normalizeUseCase(
  config: ConfigMap,
  {
    useCase,
    isWholeShare,
    kinds = useCaseKinds,
  }: { useCase: string; isWholeShare: (path: ConfigPath) => boolean; kinds?: SectionKinds },
): NormalizedUseCase {
  const sink = new NormalizeSink();
  const nulls: ConfigPath[] = [];
  const value = dropNulls(config, [], nulls, sink) as ConfigMap;
  value["use_case"] ??= useCase;
  if (typeof value["$schema"] === "string") delete value["$schema"]; // editors' matter
  for (const [section, kind] of Object.entries(kinds)) normalizeSection(value, section, kind, sink);
  normalizeProfiler(value, sink);
  mergeTracking(value, sink);
  normalizeMetrics(value);
  dropWholeShares(value, isWholeShare, sink);
  fillDefaults(value, kinds);
  return { value, issues: sink.issues, nulls, original: (path) => sink.original(path) };
}

/** Which kind of component stands in which section. */
export type SectionKinds = Readonly<Record<string, ComponentKind>>;

/** The kinds of a use case's sections. */
export const useCaseKinds: SectionKinds = {
  optimizer: optimizerKind,
  scheduler: schedulerKind,
  callbacks: callbackKind,
  loggers: loggerKind,
};

/** Returns the kind of component that stands at a path, if one does. */
export function componentKindAt(path: ConfigPath, kinds = useCaseKinds): ComponentKind | undefined {
  if (path[0] === "trainer") return path[1] === "profiler" ? profilerKind : undefined;
  const kind = own(kinds, String(path[0]));
  const depth = path[0] === "callbacks" || path[0] === "loggers" ? 2 : 1;
  return path.length >= depth ? kind : undefined;
}

function normalizeSection(value: ConfigMap, section: string, kind: ComponentKind, sink: NormalizeSink): void {
  const part = value[section];
  if (part === undefined) return;
  const isList = section === "callbacks" || section === "loggers";
  if (!isList) {
    const component = normalizeComponent(part, kind, [section], sink);
    if (component === undefined) delete value[section];
    else value[section] = component;
  } else if (Array.isArray(part)) {
    // an unknown one is reported already; something valid keeps the places of those after it
    const placeholder: ConfigMap = { name: kind.components[0]!.name };
    value[section] = part.map((item, index) => {
      const path = [section, index];
      if (section !== "callbacks" || typeof item !== "string" || metricMode(item) === undefined)
        return normalizeComponent(item, kind, path, sink) ?? placeholder;
      const message = `"${item}" is a metric, not a callback. Let one monitor it: early_stopping: {monitor: ${item}}.`;
      sink.report(path, "value", message);
      return placeholder;
    });
  }
}

function normalizeProfiler({ trainer }: ConfigMap, sink: NormalizeSink): void {
  if (!isConfigMap(trainer) || trainer["profiler"] === undefined) return;
  const profiler = normalizeComponent(trainer["profiler"], profilerKind, ["trainer", "profiler"], sink);
  if (profiler === undefined) delete trainer["profiler"];
  else trainer["profiler"] = profiler;
}

/** Moves `tracking` into `mlops.tracking`; a setting that stands in both with different values is an issue. */
function mergeTracking(value: ConfigMap, sink: NormalizeSink): void {
  const short = value["tracking"];
  if (short === undefined) return;
  delete value["tracking"];
  value["mlops"] ??= {};
  const mlops = value["mlops"];
  if (!isConfigMap(mlops)) return;
  const long = mlops["tracking"];
  if (isConfigMap(long) && isConfigMap(short)) {
    for (const [key, setting] of Object.entries(short)) {
      if (Object.hasOwn(long, key) && long[key] !== setting) {
        const other = formatValue(long[key]);
        sink.report(
          ["tracking", key],
          "value",
          `the same setting is ${other} in mlops.tracking.${key}. Delete one.`,
        );
      }
      if (!Object.hasOwn(long, key)) sink.moved(["mlops", "tracking", key], ["tracking", key]);
    }
    mlops["tracking"] = { ...short, ...long };
  } else if (long === undefined) {
    mlops["tracking"] = short;
    sink.moved(["mlops", "tracking"], ["tracking"]);
  }
}

function normalizeMetrics(value: ConfigMap): void {
  const components = [value["scheduler"], ...(Array.isArray(value["callbacks"]) ? value["callbacks"] : [])];
  const holders = [...components, value["tune"]].filter((part) => isConfigMap(part));
  for (const holder of holders) {
    for (const key of ["monitor", "metric"]) {
      if (typeof holder[key] === "string") holder[key] = normalizeMetricName(holder[key]);
    }
  }
  for (const rule of [value["champion"], value["retrain"]]) {
    if (!isConfigMap(rule) || typeof rule["metric"] !== "string") continue;
    const name = normalizeMetricName(rule["metric"]);
    rule["metric"] = name.startsWith("test_") ? bareMetricName(name) : name;
  }
}

/** Takes out shares of 1.0, which mean "all" and are the default; 1 stays, which is one batch. */
function dropWholeShares(
  value: ConfigMap,
  isWholeShare: (path: ConfigPath) => boolean,
  sink: NormalizeSink,
): void {
  const trainer = value["trainer"];
  if (!isConfigMap(trainer)) return;
  for (const flag of [
    "val_check_interval",
    "limit_train_batches",
    "limit_val_batches",
    "limit_test_batches",
  ]) {
    if (trainer[flag] === 1 && isWholeShare(["trainer", flag])) delete trainer[flag];
  }
  const { profiler } = trainer;
  const restriction = sink.original(["trainer", "profiler", "line_count_restriction"]);
  if (isConfigMap(profiler) && profiler["line_count_restriction"] === 1 && isWholeShare(restriction))
    delete profiler["line_count_restriction"];
  const overfit = ["trainer", "overfit_batches"];
  if (trainer["overfit_batches"] === 1 && isWholeShare(overfit)) {
    sink.report(overfit, "value", "a share must be below 1, got 1.0. Write 1 for one batch.");
  }
}

/** Fills in the defaults that follow from another key. */
function fillDefaults(value: ConfigMap, kinds: SectionKinds): void {
  if (typeof value["use_case"] === "string") value["register"] ??= value["use_case"];
  else value["register"] ??= "unnamed"; // the use case is reported
  const { dataset, trainer, champion, tune, scheduler, callbacks } = value;
  if (isConfigMap(dataset) && Number(dataset["batch_size"]) >= 1) {
    dataset["eval_batch_size"] ??= 2 * Math.trunc(Number(dataset["batch_size"]));
  }
  if (isConfigMap(trainer) && Number(trainer["max_steps"] ?? -1) > 0) trainer["max_epochs"] ??= -1;
  const builtIn = (part: ConfigValue | undefined, section: string): boolean =>
    isConfigMap(part) &&
    !kinds[section]!.components.some(({ name, isRegistered }) => isRegistered && name === part["name"]);
  const monitoring = [
    ...(builtIn(scheduler, "scheduler") ? [scheduler] : []),
    ...(Array.isArray(callbacks) ? callbacks.filter((part) => builtIn(part, "callbacks")) : []),
  ];
  for (const rule of [champion, ...monitoring]) {
    const mode = isConfigMap(rule) ? metricMode(String(rule["monitor"] ?? rule["metric"])) : undefined;
    if (mode !== undefined) (rule as ConfigMap)["mode"] ??= mode;
  }
  const mode = isConfigMap(tune) ? metricMode(String(tune["metric"])) : undefined;
  if (mode !== undefined) (tune as ConfigMap)["direction"] ??= `${mode}imize`;
}

/** Where Lightning gives null a meaning of its own. */
const meantNull = /^(trainer\.check_val_every_n_epoch|callbacks\..*early_stop_threshold)$/u;

/** Copies a value without its nulls, whose paths it collects; what Hydra would replace is reported. */
export function dropNulls(
  value: ConfigValue,
  path: ConfigPath,
  nulls: ConfigPath[],
  sink: NormalizeSink,
): ConfigValue {
  if (Array.isArray(value)) return value.map((item, index) => dropNulls(item, [...path, index], nulls, sink));
  if (typeof value === "string") checkText(value, path, sink);
  if (!isConfigMap(value)) return value;
  const result: ConfigMap = {};
  for (const [key, entry] of Object.entries(value)) {
    const at = [...path, key];
    if (entry === null && !meantNull.test(at.join("."))) nulls.push(at);
    else result[key] = dropNulls(entry, at, nulls, sink);
  }
  return result;
}

/** Refuses what Hydra would replace: taken literally, it would be a silent mistake. */
function checkText(text: string, path: ConfigPath, sink: NormalizeSink): void {
  if (text === "???")
    sink.report(path, "missing", 'must be set: "???" stands for a value that is still to be given.');
  if (text.includes("${")) {
    sink.report(
      path,
      "value",
      `an interpolation works in YAML with a defaults list alone, got ${formatValue(text)}. Write the value itself.`,
    );
  }
}
