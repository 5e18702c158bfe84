// What one override of the command line says: the parts that parse-override.ts reads and everything else works on.
import type { ConfigNode, ListNode, ScalarNode } from "../node.ts";

/** Is one override, read but not yet applied. */
export interface Override {
  /** As it was written. */
  text: string;
  /** `a.b=v` sets, `+` adds what must be new, `++` sets or adds, `~` deletes, `a=extend_list(v)` appends to a list. */
  action: "set" | "add" | "force" | "delete" | "extend";
  /** A path of keys (`optimizer.lr`) or a config group (`db/engine`); empty in `@package=option`. */
  keyOrGroup: string;
  /** What follows `@`; empty where nothing does. */
  package?: string;
  /** One value: absent in `~a.b` and for a sweep. With `extend` it is the list of items to append. */
  value?: ConfigNode;
  /** Several values, one job each. */
  sweep?: Sweep;
}

/** Is a value that stands for many. */
export type Sweep = ChoiceSweep | RangeSweep | IntervalSweep | GlobSweep;

/** Is `1,2,3` (the simple form) or `choice(1, 2, 3)`. */
export interface ChoiceSweep {
  readonly kind: "choice";
  readonly items: readonly ConfigNode[];
  readonly isSimple: boolean;
  /** Whether the items are tried in a random order. */
  readonly shuffle: boolean;
  readonly tags: readonly string[];
}

/** Is `range(start, stop, step)`; `stop` itself is not part of it. */
export interface RangeSweep {
  readonly kind: "range";
  readonly start: NumberNode;
  readonly stop: NumberNode;
  readonly step: NumberNode;
  readonly shuffle: boolean;
  readonly tags: readonly string[];
}

/** Is `interval(start, end)`: any number from `start` up to `end`, which only an optimizer can choose from. */
export interface IntervalSweep {
  readonly kind: "interval";
  readonly start: NumberNode;
  readonly end: NumberNode;
  readonly tags: readonly string[];
}

/** Is `glob(include, exclude)`: those options of a config group whose names match. */
export interface GlobSweep {
  readonly kind: "glob";
  readonly include: readonly string[];
  readonly exclude: readonly string[];
}

/** Is a number of an override; whole numbers too large for a double are bigints. */
export interface NumberNode extends ScalarNode {
  readonly value: number | bigint;
}

/** Is a text of an override that stood in quotes, so that `'1'` stays a text when it is written again. */
export interface QuotedNode extends ScalarNode {
  readonly value: string;
  readonly quote: "'" | '"';
}

/** Tells whether a part of an override stood in quotes. */
export function isQuoted(node: ConfigNode | ListNode | Sweep): node is QuotedNode {
  return node.kind === "scalar" && "quote" in node;
}

/** Tells whether a value stands for many. */
export function isSweep(value: ConfigNode | Sweep): value is Sweep {
  return value.kind !== "scalar" && value.kind !== "list" && value.kind !== "map";
}

/** Tells whether an override concerns the `hydra` section itself, not the job. */
export function isHydraOverride({ keyOrGroup }: Override): boolean {
  return keyOrGroup.startsWith("hydra.") || keyOrGroup.startsWith("hydra/");
}

/** Returns what stands before `=`: `+db/engine@backup`. */
export function keyElement({ action, keyOrGroup, package: packageName }: Override): string {
  const mark = { set: "", extend: "", add: "+", force: "++", delete: "~" }[action];
  return `${mark}${keyOrGroup}${packageName === undefined ? "" : `@${packageName}`}`;
}
