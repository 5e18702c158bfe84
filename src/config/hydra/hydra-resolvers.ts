// The resolvers that Hydra adds: `${now:%H-%M}`, `${hydra:job.name}` and `${python_version:minor}`.
import { UsageError } from "../../base/index.ts";
import { type ConfigNode, type MapNode, mapNode } from "../node.ts";
import { select } from "../omega/resolve.ts";
import { type ResolverContext, copyCache, hasResolver, registerNewResolver } from "../omega/resolvers.ts";
import { strftime } from "./strftime.ts";

/** The whole config, with the section `hydra`, that each config of a job was taken from. */
const wholes = new WeakMap<ConfigNode, MapNode>();

/**
 * Takes the config of a job out of a composed one: all but the section `hydra`, which `${hydra:...}` still finds.
 * Both give `${now:...}` the same values.
 */
export function jobConfig(whole: MapNode): MapNode {
  const job = mapNode(
    whole.origin,
    [...whole.entries].filter(([key]) => key !== "hydra"),
  );
  wholes.set(job, whole);
  copyCache(whole, job);
  return job;
}

/** Registers those of Hydra's resolvers that are not there; every composition does so. */
export function registerHydraResolvers(): void {
  if (!hasResolver("now")) registerNewResolver("now", now, { useCache: true });
  if (!hasResolver("hydra")) registerNewResolver("hydra", hydraPart, { context: true });
  // Node.js stands in the place of Python
  if (!hasResolver("python_version")) registerNewResolver("python_version", nodeVersion);
}

function now(pattern: string): string {
  return strftime(String(pattern), new Date());
}

function hydraPart({ root }: ResolverContext, path: string): ConfigNode | null {
  const whole = wholes.get(root) ?? root;
  if (whole.kind !== "map" || !whole.entries.has("hydra"))
    throw new UsageError(
      `\${hydra:${path}}: this config was not composed with the section hydra. Compose it with returnHydraConfig.`,
    );
  return select(whole, `hydra.${path}`) ?? null;
}

function nodeVersion(level = "minor"): string | null {
  const parts = process.versions.node.split(".");
  const lengths: Readonly<Record<string, number>> = { major: 1, minor: 2, micro: 3 };
  return Object.hasOwn(lengths, level) ? parts.slice(0, lengths[level]).join(".") : null;
}
