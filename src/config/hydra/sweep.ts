// Sweeps: which jobs the values of a command line make together, and how each of them is composed.
import { type MapNode, valueOf } from "../node.ts";
import { select } from "../omega/resolve.ts";
import { copyCache } from "../omega/resolvers.ts";
import { formatValue } from "../value.ts";
import { type ComposeOptions, type Composition, composeAll } from "./compose.ts";
import { expandSweeps } from "./expand-sweeps.ts";
import { basicLauncher, basicSweeper } from "./hydra-config.ts";
import { isHydraOverride } from "./override.ts";
import { parseOverride } from "./parse-override.ts";
import { problemAt } from "./problem.ts";
import { setJobNumber } from "./run-folders.ts";

/**
 * Lists the jobs of a sweep in batches, each job as its overrides. The values of `hydra.sweeper.params` come first,
 * those of the command line replace them.
 */
export function planSweep({ config, overrides, repository }: Composition): string[][][] {
  refuseOthers(config, "launcher", basicLauncher);
  refuseOthers(config, "sweeper", basicSweeper);
  const params = plainAt(config, "hydra.sweeper.params") ?? {};
  const lines = Object.entries(params).map(([key, value]) => `${key}=${String(value)}`);
  const size = plainAt(config, "hydra.sweeper.max_batch_size");
  return expandSweeps(
    [...lines.map((line) => parseOverride(line)), ...overrides.filter((each) => !isHydraOverride(each))],
    {
      groupOptions: (group) => repository.list(group, "configs"),
      ...(typeof size === "number" && size !== -1 ? { maxBatchSize: size } : {}),
    },
  );
}

/** Composes one job of a sweep; `${now:...}` gives what it gave for the sweep. */
export function composeJob(
  sweep: Composition,
  { number, overrides }: { number: number; overrides: readonly string[] },
  options: ComposeOptions,
): Composition {
  const hydraLines = sweep.overrides.filter(isHydraOverride).map(({ text }) => text);
  const job = composeAll({ ...options, overrides: [...hydraLines, ...overrides] });
  copyCache(sweep.config, job.config);
  setJobNumber(job.hydra, number);
  return job;
}

/** Composes every job that a sweep's overrides make together. */
export function composeSweep(options: ComposeOptions): Composition[] {
  const sweep = composeAll({ ...options, isMultirun: true });
  return planSweep(sweep)
    .flat()
    .map((overrides, number) => composeJob(sweep, { number, overrides }, options));
}

function refuseOthers(config: MapNode, key: string, known: string): void {
  const node = select(config, `hydra.${key}._target_`);
  const target = node && valueOf(node);
  if (target === known) return;
  throw problemAt(
    (node ?? select(config, `hydra.${key}`) ?? config).origin,
    `${formatValue(target ?? null)} cannot run jobs here. Use hydra/${key}=basic, or plan the jobs with sconce tune.`,
    "value",
    `hydra.${key}._target_`,
  );
}

function plainAt(config: MapNode, key: string): unknown {
  const node = select(config, key);
  return node && valueOf(node);
}
