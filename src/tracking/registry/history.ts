// Answers questions about the past from a model's history.
import type { RegistryEvent } from "../types.ts";

/** Says which versions held which stages and aliases at one time. */
export interface Holders {
  /** Stage to versions, in the order in which they came. */
  stages: Map<string, number[]>;
  /** Alias to version. */
  aliases: Map<string, number>;
}

/** Returns who held what at a time (milliseconds since 1970): the events up to then, replayed. */
export function holdersAt(events: readonly RegistryEvent[], timestamp: number = Infinity): Holders {
  const stageOf = new Map<number, string>();
  const aliases = new Map<string, number>();
  for (const event of events) {
    if (event.timestamp > timestamp) break;
    if (event.kind === "alias") {
      if (event.version === undefined) aliases.delete(event.name);
      else aliases.set(event.name, event.version);
    } else if (event.version !== undefined) {
      stageOf.delete(event.version); // the newest comes last
      stageOf.set(event.version, event.name);
    }
  }
  const stages = new Map<string, number[]>();
  for (const [version, stage] of stageOf) stages.set(stage, [...(stages.get(stage) ?? []), version]);
  return { stages, aliases };
}

/** Returns the version that came to a stage last before the one that holds it now, or undefined. */
export function previousHolder(events: readonly RegistryEvent[], stage: string): number | undefined {
  const arrivals = events.filter(
    (event) => event.kind === "stage" && event.name === stage && event.version !== undefined,
  );
  const current = holdersAt(events).stages.get(stage)?.at(-1);
  return arrivals
    .map(({ version }) => version)
    .filter((version) => version !== current)
    .at(-1);
}
