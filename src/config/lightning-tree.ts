// Lightning's trees in our form: those of Hydra projects, whose parts are named with _target_, and those of LightningCLI,
// with class_path. What each part may say is checked afterwards, as for any other config.
import type { ConfigIssue } from "../base/index.ts";
import {
  type ConfigKey,
  type ConfigNode,
  type MapEntry,
  type MapNode,
  listNode,
  renameKey,
  scalarNode,
  valueOf,
} from "./node.ts";
import { hydraMarks } from "./components.ts";
import { issueAt } from "./omega/failure.ts";
import { type ConfigPath, formatPath, formatValue } from "./value.ts";

/** Is what translating a tree found, beside the tree itself. */
export interface Translated {
  issues: ConfigIssue[];
  /** Paths of components within the options of model and data set. */
  components: ConfigPath[];
}

type Entries = Map<ConfigKey, MapEntry>;

/** Tells whether a tree is one of Lightning's. */
export function isLightningTree({ entries }: MapNode): boolean {
  if (entries.has("seed_everything") || isMap(entries.get("fit")?.node)) return true;
  const trainer = entries.get("trainer")?.node;
  if (isMap(trainer) && trainer.entries.has("_target_")) return true;
  return ["model", "data", "datamodule"].some((key) => isComponent(entries.get(key)?.node));
}

/** Lists the keys at the top that interpolations of a config lead to: they may be there for these alone. */
function referencedKeys(root: MapNode): Set<string> {
  const keys = new Set<string>();
  const visit = (node: ConfigNode): void => {
    if (node.kind === "list") node.items.forEach(visit);
    else if (node.kind === "map") for (const { node: part } of node.entries.values()) visit(part);
    else if (typeof node.value === "string")
      for (const [, key] of node.value.matchAll(/\$\{\s*([A-Za-z_]\w*)(?=[.[}\s])/gu)) keys.add(key!);
  };
  visit(root);
  return keys;
}

/** Lists the keys at the top of a tree that are there for interpolations alone: resolved, it does without them. */
export function helperKeys(job: MapNode): string[] {
  if (!isLightningTree(job)) return [];
  const referenced = referencedKeys(job);
  const isHelper = (key: ConfigKey): key is string =>
    typeof key === "string" && !ownKeys.has(key) && !foreignKeys.has(key) && referenced.has(key);
  return [...job.entries.keys()].filter(isHelper);
}

/** Brings a resolved tree to our form in place; `helpers` are the keys of `helperKeys`. */
export function translateLightning(root: MapNode, helpers: readonly string[]): Translated {
  return new Translation(root, helpers).run();
}

/** Keys that the trees have and that mean something here under the same name. */
const ownKeys = new Set(
  "use_case experiment seed model dataset optimizer scheduler trainer callbacks loggers logger mlops tracking tags train test ckpt_path plugins distributed".split(
    " ",
  ),
);

/** Keys that mean something here under another name. */
const foreignKeys = new Set(
  "seed_everything fit validate predict data datamodule lr_scheduler task_name extras weights_only".split(
    " ",
  ),
);

class Translation {
  readonly #entries: Entries;
  readonly #helpers: readonly string[];
  readonly #issues: ConfigIssue[] = [];
  readonly #components: ConfigPath[] = [];

  constructor(root: MapNode, helpers: readonly string[]) {
    this.#entries = root.entries;
    this.#helpers = helpers;
  }

  run(): Translated {
    this.#unwrapSubcommand();
    this.#seed();
    renameKey(this.#entries, "data", "dataset");
    renameKey(this.#entries, "datamodule", "dataset");
    renameKey(this.#entries, "lr_scheduler", "scheduler");
    renameKey(this.#entries, "task_name", "experiment");
    for (const key of ["model", "dataset"]) this.#part(key);
    this.#optimizer();
    this.#trainer();
    this.#extras();
    this.#entries.delete("weights_only"); // our checkpoints hold no code, so that it is always so
    for (const key of this.#helpers) this.#entries.delete(key);
    this.#entries.delete("paths");
    return { issues: this.#issues, components: this.#components };
  }

  /** A file for all subcommands of LightningCLI has the options of each in a section. */
  #unwrapSubcommand(): void {
    const fit = this.#entries.get("fit")?.node;
    if (!isMap(fit)) return;
    for (const command of ["fit", "validate", "test", "predict"]) this.#entries.delete(command);
    for (const [key, entry] of fit.entries) this.#entries.set(key, entry);
  }

  #seed(): void {
    const entry = this.#entries.get("seed_everything");
    if (entry === undefined) return;
    this.#entries.delete("seed_everything");
    const { node } = entry;
    if (node.kind === "scalar" && (node.value === null || node.value === false)) return;
    // without a number Lightning takes 0
    const isTrue = node.kind === "scalar" && node.value === true;
    this.#entries.set("seed", isTrue ? { ...entry, node: scalarNode(node.origin, 0) } : entry);
  }

  /** Brings model or data set to a name with options; its optimizer and schedule move to their sections. */
  #part(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined || !isMap(entry.node)) return;
    const options = this.#options(entry.node, [key]);
    if (key === "model") {
      this.#lift(options, "optimizer", "optimizer");
      this.#lift(options, "scheduler", "scheduler");
      this.#lift(options, "lr_scheduler", "scheduler");
    }
    for (const [name, option] of options) this.#nested(option.node, [key, String(name)]);
    entry.node.entries.clear();
    for (const [name, option] of options) entry.node.entries.set(name, option);
  }

  #options(node: MapNode, path: ConfigPath): Entries {
    const options = flatOptions(node);
    const init = node.entries.get("init_args")?.node;
    const taken = node.entries.get("name") ?? (isMap(init) ? init.entries.get("name") : undefined);
    if (isComponent(node) && taken !== undefined)
      this.#report(taken, [...path, "name"], 'an option cannot be called "name" here. Give it another name.');
    return options;
  }

  #lift(options: Entries, key: string, section: string): void {
    const entry = options.get(key);
    if (entry === undefined || !isComponent(entry.node)) return;
    options.delete(key);
    if (!this.#entries.has(section) || isNull(this.#entries.get(section)!.node))
      this.#entries.set(section, entry);
    else this.#reportTwice(entry, ["model", key], section);
  }

  /** Components among the options become names with options too. */
  #nested(node: ConfigNode, path: ConfigPath): void {
    if (node.kind === "list") node.items.forEach((item, index) => this.#nested(item, [...path, index]));
    if (node.kind !== "map") return;
    if (isComponent(node)) {
      const options = this.#options(node, path);
      node.entries.clear();
      for (const [name, option] of options) node.entries.set(name, option);
      this.#components.push(path);
    }
    for (const [name, option] of node.entries) this.#nested(option.node, [...path, String(name)]);
  }

  /** PyTorch's optimizers draw all weights to zero that they are given; ours spare some unless told otherwise. */
  #optimizer(): void {
    const entry = this.#entries.get("optimizer");
    if (entry === undefined || !isComponent(entry.node)) return;
    const name = targetOf(entry.node);
    if (name.startsWith("torch.optim.") && !name.endsWith(".Rprop"))
      entry.node.entries.set("no_decay", { origin: entry.origin, node: scalarNode(entry.origin, false) });
  }

  #trainer(): void {
    const entry = this.#entries.get("trainer");
    if (entry === undefined || !isMap(entry.node)) return;
    const flags = entry.node.entries;
    const target = flags.get("_target_");
    flags.delete("_target_");
    if (target !== undefined && !trainerName.test(String(valueOf(target.node))))
      this.#report(
        target.node,
        ["trainer", "_target_"],
        `expected lightning.pytorch.Trainer, got ${formatValue(valueOf(target.node))}; a config never imports code.`,
      );
    for (const mark of hydraMarks) flags.delete(mark);
    this.#hoist(flags, "callbacks", "callbacks");
    this.#hoist(flags, "logger", "loggers");
    if (this.#entries.has("logger") && !this.#entries.has("loggers")) this.#hoistLogger();
    this.#endless(entry, flags);
  }

  /** Moves what stands among the trainer's flags to a section of its own, as a list. */
  #hoist(flags: Entries, key: string, section: string): void {
    const entry = flags.get(key);
    if (entry === undefined) return;
    flags.delete(key);
    const list = listIn(entry.node);
    if (list === undefined) return;
    const there = this.#entries.get(section);
    if (there === undefined || isNull(there.node)) this.#entries.set(section, { ...entry, node: list });
    else this.#reportTwice(entry, ["trainer", key], section);
  }

  #hoistLogger(): void {
    const entry = this.#entries.get("logger")!;
    this.#entries.delete("logger");
    const list = isMap(entry.node) && !isComponent(entry.node) ? entry.node : listIn(entry.node);
    if (list !== undefined) this.#entries.set("loggers", { ...entry, node: list });
  }

  /** Lightning stops after 1000 epochs where nothing else is said; our own default is 3. */
  #endless({ origin }: MapEntry, flags: Entries): void {
    const isSaid = (flag: string): boolean => {
      const node = flags.get(flag)?.node;
      return node !== undefined && !isNull(node) && !(node.kind === "scalar" && node.value === -1);
    };
    const epochs = flags.get("max_epochs")?.node;
    if (epochs !== undefined && !isNull(epochs)) return;
    if (["max_steps", "max_time", "fast_dev_run"].some(isSaid)) return;
    flags.set("max_epochs", { origin, node: scalarNode(origin, 1000) });
  }

  /** The template's extras are Python's matter, but for one. */
  #extras(): void {
    const entry = this.#entries.get("extras");
    if (entry === undefined) return;
    this.#entries.delete("extras");
    if (!isMap(entry.node)) return;
    for (const [key, extra] of entry.node.entries) {
      const { node } = extra;
      const isKnown = ["ignore_warnings", "enforce_tags", "print_config"].includes(String(key));
      if (!isKnown) this.#report(extra, ["extras", String(key)], "unknown key. Delete it.", "unknown_key");
      else if (node.kind !== "scalar" || typeof node.value !== "boolean")
        this.#report(
          { origin: node.origin },
          ["extras", String(key)],
          `expected true or false, got ${formatValue(valueOf(node))}.`,
          "type",
        );
      else if (key === "enforce_tags" && node.value && isEmpty(this.#entries.get("tags")?.node))
        this.#report(extra, ["extras", "enforce_tags"], 'there are no tags. Write tags: ["..."].');
    }
  }

  #reportTwice(at: MapEntry, path: ConfigPath, section: string): void {
    this.#report(at, path, `the same is said in the section "${section}" of the config. Delete one.`);
  }

  #report(
    at: Pick<MapEntry, "origin">,
    path: ConfigPath,
    message: string,
    code: ConfigIssue["code"] = "value",
  ): void {
    this.#issues.push(issueAt(at, formatPath(path), message, code));
  }
}

const trainerName = /^(lightning(\.pytorch)?|pytorch_lightning)(\.trainer)*\.Trainer$/u;

/** Returns a component's name and options, from wherever they stand. */
function flatOptions(node: MapNode): Entries {
  const options: Entries = new Map();
  for (const [key, entry] of node.entries) {
    if (key === "_target_" || key === "class_path") options.set("name", entry);
    else if ((key === "init_args" || key === "dict_kwargs") && isMap(entry.node))
      for (const [name, option] of entry.node.entries) options.set(name, option);
    else if (!hydraMarks.includes(String(key))) options.set(key, entry);
  }
  return options;
}

function targetOf(node: MapNode): string {
  const target = node.entries.get("_target_") ?? node.entries.get("class_path");
  return target?.node.kind === "scalar" ? String(target.node.value) : "";
}

/** Returns a list of components; one alone is a list of one, and a flag is none. */
function listIn(node: ConfigNode): ConfigNode | undefined {
  if (node.kind === "list") return node;
  if (node.kind === "map") return isComponent(node) ? listNode(node.origin, [node]) : node;
  return node.value === null || typeof node.value === "boolean" ? undefined : node;
}

function isComponent(node: ConfigNode | undefined): node is MapNode {
  return isMap(node) && (node.entries.has("_target_") || node.entries.has("class_path"));
}

function isMap(node: ConfigNode | undefined): node is MapNode {
  return node?.kind === "map";
}

function isNull(node: ConfigNode): boolean {
  return node.kind === "scalar" && node.value === null;
}

function isEmpty(node: ConfigNode | undefined): boolean {
  return node === undefined || isNull(node) || (node.kind === "list" && node.items.length === 0);
}
