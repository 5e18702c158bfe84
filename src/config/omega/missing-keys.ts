// Finds the values of a config that have yet to be given.
import type { ConfigNode } from "../node.ts";
import { ResolutionFailure, configError } from "./failure.ts";
import { isInterpolation, isMissing } from "./kinds.ts";
import type { Position } from "./position.ts";
import { Resolution } from "./resolution.ts";

/**
 * Lists the keys whose value is "???", as `a.b[0]`, each once. Interpolations are followed to mappings and lists;
 * one that leads to a "???" adds nothing of its own. Others that fail throw a `ConfigError`.
 */
export function missingKeys(root: ConfigNode): string[] {
  const resolution = new Resolution(root);
  const keys = new Set<string>();
  const seen = new Set<Position>();
  const visit = (container: Position): void => {
    if (seen.has(container)) return;
    seen.add(container);
    const { node } = container;
    const names = node.kind === "map" ? node.entries.keys() : node.kind === "list" ? node.items.keys() : [];
    for (const name of names) {
      const child = container.child(name)!;
      if (isMissing(child.node)) keys.add(child.fullKey);
      else if (child.node.kind !== "scalar") visit(child);
      else if (!child.isFinal && isInterpolation(child.node)) {
        const target = follow(resolution, child);
        if (target !== undefined && target.node.kind !== "scalar") visit(target);
      }
    }
  };
  visit(resolution.root);
  return [...keys];
}

function follow(resolution: Resolution, position: Position): Position | undefined {
  try {
    return resolution.dereference(position);
  } catch (error) {
    if (!(error instanceof ResolutionFailure)) throw error;
    if (error.isMissing) return undefined;
    throw configError([error.issue]);
  }
}
