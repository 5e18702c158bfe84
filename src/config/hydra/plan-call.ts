// Checks a config that is to be instantiated as a whole, before anything in it is called.
import { ConfigError, type ConfigIssue } from "../../base/index.ts";
import { limits } from "../document.ts";
import type { ConfigKey, ConfigNode, ListNode, MapNode, ScalarNode } from "../node.ts";
import { hint, issueAt } from "../omega/failure.ts";
import { isMissing } from "../omega/kinds.ts";
import { forbiddenKeys, formatPath, formatValue } from "../value.ts";
import { type TargetDescription, type TargetLookup, findTarget } from "./target.ts";

/** Is a part of a config with everything about it decided. */
export type Plan = ValuePlan | ListPlan | MapPlan | CallPlan;

/** Is data that is handed over as it is. */
interface ValuePlan {
  kind: "value";
  node: ConfigNode;
  keepsOrigin: boolean;
}

interface ListPlan {
  kind: "list";
  node: ListNode;
  items: Plan[];
  keepsOrigin: boolean;
}

interface MapPlan {
  kind: "map";
  node: MapNode;
  entries: [ConfigKey, Plan][];
  keepsOrigin: boolean;
}

/** Is a mapping with `_target_`. */
export interface CallPlan {
  kind: "call";
  node: MapNode;
  /** As the config names it. */
  name: string;
  path: string;
  description: TargetDescription;
  isPartial: boolean;
  args: Plan[];
  named: [string, Plan][];
}

interface Modes {
  /** Whether what stands inside a call is instantiated too. */
  recursive: boolean;
  convert: string;
}

const conversions = ["none", "partial", "object", "all"];
const modeMarks = ["_partial_", "_recursive_", "_convert_"];
const marks = ["_target_", "_args_", ...modeMarks];

export interface Planner {
  lookup: TargetLookup;
  names: (() => Iterable<string>) | undefined;
}

/** Decides what becomes of every part; all that is wrong is told in one `ConfigError`. */
export function planCall(root: ConfigNode, planner: Planner): Plan {
  const issues: ConfigIssue[] = [];
  const plan = new CallPlanner(planner, issues).part(root, [], { recursive: true, convert: "none" });
  if (issues.length > 0) throw new ConfigError(issues[0]!.source ?? "config", issues);
  return plan;
}

class CallPlanner {
  readonly #planner: Planner;
  readonly #issues: ConfigIssue[];

  constructor(planner: Planner, issues: ConfigIssue[]) {
    this.#planner = planner;
    this.#issues = issues;
  }

  part(node: ConfigNode, path: readonly (string | number)[], modes: Modes): Plan {
    if (path.length > limits.depth) {
      this.#report(
        node,
        path.slice(0, 3),
        `more than ${limits.depth} levels of nesting. Flatten the config.`,
      );
      return {
        kind: "value",
        node: { ...node, kind: "scalar", value: null, isFloat: false },
        keepsOrigin: false,
      };
    }
    const keepsOrigin = modes.convert === "none";
    switch (node.kind) {
      case "scalar":
        if (isMissing(node))
          this.#report(node, path, 'the value is missing ("???"). Give it one.', "missing");
        return { kind: "value", node, keepsOrigin };
      case "list":
        return {
          kind: "list",
          node,
          items: node.items.map((item, index) => this.part(item, [...path, index], modes)),
          keepsOrigin,
        };
      case "map":
        return this.#mapping(node, path, modes);
    }
  }

  #mapping(node: MapNode, path: readonly (string | number)[], outer: Modes): Plan {
    const modes = this.#modes(node, path, outer);
    const target = node.entries.get("_target_")?.node;
    if (target === undefined) {
      // as in Hydra: the outermost mapping says how to instantiate, the marks of others are data
      const isData = (key: ConfigKey): boolean => path.length > 0 || !modeMarks.includes(String(key));
      const entries = [...node.entries].filter(([key]) => isData(key));
      return {
        kind: "map",
        node,
        entries: entries.map(([key, entry]) => [key, this.part(entry.node, [...path, String(key)], modes)]),
        keepsOrigin: modes.convert === "none",
      };
    }
    const isPartial = this.#flag(node, "_partial_", path, false);
    const description = this.#target(target, path);
    const inner = (child: ConfigNode, key: string): Plan =>
      modes.recursive
        ? this.part(child, [...path, key], modes)
        : { kind: "value", node: child, keepsOrigin: modes.convert === "none" };
    const named: [string, Plan][] = [];
    for (const [key, { node: child, origin }] of node.entries) {
      if (marks.includes(String(key)) || (isPartial && isMissing(child))) continue;
      if (typeof key !== "string" || forbiddenKeys.includes(key)) {
        this.#report(
          { origin },
          [...path, String(key)],
          `${formatValue(key)} cannot be the name of an argument. Rename it.`,
        );
        continue;
      }
      if (isMissing(child) && !modes.recursive) this.part(child, [...path, key], modes);
      named.push([key, inner(child, key)]);
    }
    return {
      kind: "call",
      node,
      name: target.kind === "scalar" ? String(target.value) : "",
      path: formatPath(path),
      description: description ?? { target: () => undefined, parameters: [] }, // never called: the issue is reported
      isPartial,
      args: this.#args(node, path).map((item, index) => inner(item, `_args_.${index}`)),
      named,
    };
  }

  #target(node: ConfigNode, path: readonly (string | number)[]): TargetDescription | undefined {
    const at = [...path, "_target_"];
    if (node.kind !== "scalar" || typeof node.value !== "string" || node.value === "") {
      this.#report(
        node,
        at,
        `must name a class or function, got ${nodeText(node)}. Write it as a text.`,
        "type",
      );
      return undefined;
    }
    if (isMissing(node)) {
      this.#report(node, at, 'the target is missing ("???"). Name a class or function.', "missing");
      return undefined;
    }
    const found = findTarget(node.value, this.#planner.lookup);
    if (found !== undefined) return found;
    const names = this.#planner.names?.();
    const known = names === undefined ? "" : ` ${hint(node.value, [...names].sort())}`;
    this.#report(
      node,
      at,
      `no target is known as ${formatValue(node.value)}; a config never imports code.${known}`,
    );
    return undefined;
  }

  #args(node: MapNode, path: readonly (string | number)[]): readonly ConfigNode[] {
    const args = node.entries.get("_args_")?.node;
    if (args === undefined) return [];
    if (args.kind === "list") return args.items;
    this.#report(
      args,
      [...path, "_args_"],
      `must be a list, got ${nodeText(args)}. Write [VALUE, ...].`,
      "type",
    );
    return [];
  }

  #modes(node: MapNode, path: readonly (string | number)[], outer: Modes): Modes {
    const recursive = this.#flag(node, "_recursive_", path, outer.recursive);
    const convert = node.entries.get("_convert_")?.node;
    if (convert === undefined) return { recursive, convert: outer.convert };
    if (convert.kind === "scalar" && conversions.includes(String(convert.value)))
      return { recursive, convert: String(convert.value) };
    const message = `must be one of ${conversions.join(", ")}, got ${nodeText(convert)}.`;
    this.#report(convert, [...path, "_convert_"], message);
    return { recursive, convert: "none" };
  }

  #flag(node: MapNode, key: string, path: readonly (string | number)[], outer: boolean): boolean {
    const flag = node.entries.get(key)?.node;
    if (flag === undefined) return outer;
    if (flag.kind === "scalar" && typeof flag.value === "boolean") return flag.value;
    this.#report(flag, [...path, key], `must be true or false, got ${nodeText(flag)}.`, "type");
    return outer;
  }

  #report(
    node: Pick<ScalarNode, "origin">,
    path: readonly (string | number)[],
    message: string,
    code: ConfigIssue["code"] = "value",
  ): void {
    this.#issues.push(issueAt(node, formatPath(path), message, code));
  }
}

function nodeText(node: ConfigNode): string {
  return node.kind === "scalar"
    ? formatValue(typeof node.value === "bigint" ? Number(node.value) : node.value)
    : `a ${node.kind === "map" ? "mapping" : "list"}`;
}
