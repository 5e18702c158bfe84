// Resolves trees and selects their parts, with every problem told at once and with its place.
import type { ConfigIssue } from "../../base/index.ts";
import { type ConfigNode, scalarNode } from "../node.ts";
import { NoContainer, ResolutionFailure, configError } from "./failure.ts";
import { isMissing, missing } from "./kinds.ts";
import type { Position } from "./position.ts";
import { Resolution } from "./resolution.ts";

/** Says what becomes of interpolations that fail. */
export interface ResolveOptions {
  /** Throws for an interpolation that leads to "???", which otherwise becomes "???" itself. @default false */
  throwOnMissing?: boolean;
  /** Receives what fails, and the nulls that stand in for it. @default all that fails is thrown */
  failed?: { issues: ConfigIssue[]; nodes: Set<ConfigNode> };
}

/**
 * Copies a tree with every interpolation replaced by what it leads to. All that fail are told in one `ConfigError`,
 * up to a hundred of them.
 * Results take the place in the file where their interpolation stands.
 */
export function resolve(
  root: ConfigNode,
  { throwOnMissing = false, failed }: ResolveOptions = {},
): ConfigNode {
  const resolution = new Resolution(root);
  const issues = new Map<string, ConfigIssue>();
  const resolved = resolution.build(resolution.root, (failure) => {
    const { origin } = failure.at.node;
    if (failure.isMissing && !throwOnMissing) return scalarNode(origin, missing);
    issues.set(`${failure.issue.path}\0${failure.message}`, failure.issue);
    if (issues.size >= maxIssues) throw configError([...issues.values()]);
    const nothing = scalarNode(origin, null);
    failed?.nodes.add(nothing);
    return nothing;
  });
  if (failed !== undefined) failed.issues.push(...issues.values());
  else if (issues.size > 0) throw configError([...issues.values()]);
  return resolved;
}

const maxIssues = 100;

/** Says what is returned where nothing stands. */
export interface SelectOptions {
  /** Stands for a part that is absent or "???". */
  default?: ConfigNode;
  /** Throws for a part that is "???". @default false */
  throwOnMissing?: boolean;
  /** Takes an interpolation that fails for an absent part when false. @default true */
  throwOnResolutionFailure?: boolean;
  /** Replaces the interpolations within the part as well; without it only the part itself is followed. @default true */
  resolve?: boolean;
}

/** Returns the part of a config that `a.b[0]` names, or undefined where there is none. An empty key names the root. */
export function select(root: ConfigNode, key: string, options: SelectOptions = {}): ConfigNode | undefined {
  const { throwOnMissing = false, throwOnResolutionFailure = true } = options;
  const resolution = new Resolution(root);
  try {
    const found = findPart(resolution, key, throwOnMissing);
    if (found === undefined || isMissing(found.node)) return options.default;
    return options.resolve === false ? found.node : resolution.build(found);
  } catch (error) {
    if (!(error instanceof ResolutionFailure)) throw error;
    if (throwOnResolutionFailure || (error.isMissing && throwOnMissing)) throw configError([error.issue]);
    return options.default;
  }
}

function findPart(resolution: Resolution, key: string, throwOnMissing: boolean): Position | undefined {
  const { root } = resolution;
  try {
    return resolution.find(key, { from: root, at: root, throwOnMissing }).found;
  } catch (error) {
    if (error instanceof NoContainer && error.at === root) return undefined;
    throw error;
  }
}
