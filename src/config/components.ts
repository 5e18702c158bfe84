// Components by name: the closed table that turns `name`, `_target_`, `class_path` and `module`/`func` into one form.
import { type ConfigIssue, didYouMean, foldName, own, suggestion } from "../base/index.ts";
import type { SchemaIssue } from "./schema-issues.ts";
import {
  type ConfigMap,
  type ConfigPath,
  type ConfigValue,
  formatValue,
  isConfigMap,
  startsWith,
} from "./value.ts";

/** Names one component and the other spellings that mean it. */
export interface ComponentNames {
  name: string;
  /** Python's class or function names, `EarlyStopping`. */
  classes: readonly string[];
  /** Python modules that hold the classes, where they are not those of the kind. */
  modules?: readonly string[];
  /** Other spellings of `name`. */
  aliases?: readonly string[];
  /** Options by their Python names, where ours differ: `num_warmup_steps` is `warmup_steps`. */
  renamedOptions?: Readonly<Record<string, string>>;
  /** Options that exist in the Python component and not here, each with the reason. */
  refusedOptions?: Readonly<Record<string, string>>;
  /** Values of such options that ask for what is done here anyway: where the component is named as in Python, they may stand. */
  neutralOptions?: Readonly<Record<string, readonly ConfigValue[]>>;
  /** True for one that a plugin registered: the class may stand in any module. */
  isRegistered?: boolean;
}

/** Describes one kind of component: where it stands in Python, and which ones there are. */
export interface ComponentKind {
  /** As messages call it: `optimizer`. */
  kind: string;
  /** Python modules that hold the classes; submodules of them count too. */
  modules: readonly string[];
  components: readonly ComponentNames[];
  /** Names that users of the Python peers know and that are not available here yet. */
  unavailable: readonly string[];
  /** Names that mean nothing in a config, each with the reason and what to use instead. */
  refused?: Readonly<Record<string, string>>;
}

/** Collects what normalising finds, and remembers where the parts of a config were written. */
export class NormalizeSink {
  readonly issues: SchemaIssue[] = [];
  readonly #moves: { to: ConfigPath; from: ConfigPath }[] = [];

  report(path: ConfigPath, code: ConfigIssue["code"], message: string): void {
    this.issues.push({ path, code, message });
  }

  /** Says that the part at `to` was written at `from`. */
  moved(to: ConfigPath, from: ConfigPath): void {
    this.#moves.push({ to, from });
  }

  /** Leads from a path to where its part was written. */
  original(path: ConfigPath): ConfigPath {
    const fitting = this.#moves.filter(({ to }) => startsWith(path, to));
    const longest = Math.max(...fitting.map(({ to }) => to.length));
    const move = fitting.findLast(({ to }) => to.length === longest);
    return move === undefined ? path : [...move.from, ...path.slice(move.to.length)];
  }
}

/**
 * Brings a component to `{ name, ...options }` from any of its spellings:
 * `adamw`, `{ name }`, `{ _target_ }`, `{ class_path, init_args }`, `{ module, func, kwargs }`.
 * What cannot be resolved is reported, and undefined comes back.
 */
export function normalizeComponent(
  value: ConfigValue,
  kind: ComponentKind,
  path: ConfigPath,
  sink: NormalizeSink,
): ConfigMap | undefined {
  if (typeof value === "string") {
    const found = byName(value, kind, path, sink);
    return found && { name: found.name };
  }
  if (!isConfigMap(value)) {
    sink.report(path, "type", `expected a name, or a mapping of options, got ${formatValue(value)}.`);
    return undefined;
  }
  const spelling = spellings.find(({ key }) => Object.hasOwn(value, key));
  if (spelling === undefined) {
    sink.report(path, "missing", `which ${kind.kind} is not said. Add "name", one of ${nameList(kind)}.`);
    return undefined;
  }
  const component = resolve(value, spelling, kind, path, sink);
  return component && withOptions(value, spelling, component, path, sink);
}

interface Spelling {
  key: string;
  /** Keys beside it that are not options. */
  beside: readonly string[];
  /** The key whose mapping holds the options, if they stand apart. */
  options?: string;
}

/** Says how Python calls a target: nothing to do here. */
export const hydraMarks: readonly string[] = ["_partial_", "_recursive_", "_convert_"];
const spellings: readonly Spelling[] = [
  { key: "_target_", beside: hydraMarks },
  { key: "class_path", beside: [], options: "init_args" },
  { key: "module", beside: ["func"], options: "kwargs" },
  { key: "name", beside: [] }, // last, as Python's classes may have an option of that name
];

function resolve(
  value: ConfigMap,
  { key }: Spelling,
  kind: ComponentKind,
  path: ConfigPath,
  sink: NormalizeSink,
): ComponentNames | undefined {
  const given = value[key];
  const at = [...path, key];
  if (typeof given !== "string") {
    sink.report(at, "type", `expected the name of the ${kind.kind}, got ${formatValue(given)}.`);
    return undefined;
  }
  if (key === "name") return byName(given, kind, at, sink);
  if (key !== "module") return byTarget(given, kind, at, sink);
  if (typeof value["func"] !== "string") {
    sink.report(at, "missing", `"func" must stand beside "module" and name the class.`);
    return undefined;
  }
  return byTarget(`${given}.${value["func"]}`, kind, at, sink);
}

function withOptions(
  value: ConfigMap,
  { key, beside, options: optionsKey }: Spelling,
  component: ComponentNames,
  path: ConfigPath,
  sink: NormalizeSink,
): ConfigMap {
  const result: ConfigMap = { name: component.name };
  sink.moved([...path, "name"], [...path, key]);
  const add = (options: ConfigMap, from: ConfigPath): void => {
    for (const [option, setting] of Object.entries(options)) {
      if (key !== "name" && isNeutral(component, option, setting)) continue;
      const name = own(component.renamedOptions, option) ?? option;
      if (Object.hasOwn(result, name)) {
        sink.report([...from, option], "value", `"${name}" is set twice for this component. Delete one.`);
      } else result[name] = setting;
      sink.moved([...path, name], [...from, option]);
    }
  };
  const taken = new Set([key, ...beside, ...(optionsKey === undefined ? [] : [optionsKey])]);
  add(Object.fromEntries(Object.entries(value).filter(([name]) => !taken.has(name))), path);
  const apart = optionsKey === undefined ? undefined : value[optionsKey];
  if (apart === undefined || apart === null) return result;
  if (isConfigMap(apart)) add(apart, [...path, optionsKey!]);
  else
    sink.report([...path, optionsKey!], "type", `expected a mapping of options, got ${formatValue(apart)}.`);
  return result;
}

/** Python's tools write every option out, and most of those have their usual value. */
function isNeutral({ neutralOptions = {} }: ComponentNames, option: string, setting: ConfigValue): boolean {
  return Object.hasOwn(neutralOptions, option) && neutralOptions[option]!.includes(setting);
}

function byName(
  name: string,
  kind: ComponentKind,
  path: ConfigPath,
  sink: NormalizeSink,
): ComponentNames | undefined {
  const found = kind.components.find((component) => isNamed(component, name));
  if (found !== undefined) return found;
  sink.report(
    path,
    "value",
    refusalOf(name, kind) ??
      (isUnavailable(name, kind)
        ? `the ${kind.kind} "${name}" is not available yet. Available: ${nameList(kind)}.`
        : `unknown ${kind.kind} "${name}". ${suggestion(name, names(kind))}`),
  );
  return undefined;
}

function byTarget(
  target: string,
  kind: ComponentKind,
  path: ConfigPath,
  sink: NormalizeSink,
): ComponentNames | undefined {
  const dot = target.lastIndexOf(".");
  const [module, className] = [target.slice(0, dot), target.slice(dot + 1)];
  const isIn = (modules: readonly string[]) =>
    isDotted.test(target) && modules.some((name) => module === name || module.startsWith(`${name}.`));
  const isShort = dot === -1; // LightningCLI takes a class without its module
  const isKnownModule = isIn(kind.modules);
  const found =
    kind.components.find(
      ({ classes, modules = kind.modules }) => classes.includes(className) && (isShort || isIn(modules)),
    ) ??
    kind.components.find(
      (component) => component.isRegistered === true && isNamed(component, target, className),
    );
  if (found !== undefined) return found;
  const classes = kind.components.flatMap((component) => component.classes);
  sink.report(
    path,
    "value",
    (isKnownModule || isShort ? refusalOf(className, kind) : undefined) ??
      (isKnownModule && isUnavailable(className, kind)
        ? `the ${kind.kind} "${className}" is not available yet. Available: ${classes.join(", ")}.`
        : `no ${kind.kind} is known as "${target}"; a config never imports code.` +
          (isKnownModule ? didYouMean(className, classes) : "") +
          ` Known: ${classes.join(", ")} of ${kind.modules.join(", ")}.`),
  );
  return undefined;
}

const isDotted = /^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$/u;

/** Tells whether one of several spellings is the component's. */
function isNamed({ name, classes, aliases = [] }: ComponentNames, ...spellings: string[]): boolean {
  const known = [name, ...classes, ...aliases].map(foldName);
  return spellings.some((spelling) => known.includes(foldName(spelling)));
}

function refusalOf(name: string, { kind, refused = {} }: ComponentKind): string | undefined {
  const known = Object.keys(refused).find((other) => foldName(other) === foldName(name));
  return known && `the ${kind} "${name}" is refused: ${refused[known]}.`;
}

function isUnavailable(name: string, { unavailable }: ComponentKind): boolean {
  return unavailable.some((other) => foldName(other) === foldName(name));
}

function names({ components }: ComponentKind): string[] {
  return components.map(({ name }) => name);
}

function nameList(kind: ComponentKind): string {
  return names(kind).sort().join(", ");
}
