// The runs that a command is told of, in the store that it is told of.
import { UsageError } from "../base/index.ts";
import type { Run, Store } from "../tracking/index.ts";
import { openStore } from "./open-store.ts";
import { storeUri } from "./store-uri.ts";

/** Flags of each command that shows runs. */
export const runFlags = {
  "tracking-uri": { type: "string" },
  json: { type: "boolean", default: false },
} as const;

/** Does some work with the store of a flag, and closes it. */
export async function withStore(
  flags: { "tracking-uri"?: string | undefined },
  work: (store: Store) => Promise<number>,
): Promise<number> {
  const store = await openStore(storeUri(flags["tracking-uri"]), { mustExist: true });
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

/** Returns the run with an id, or the only one whose id begins so. */
export async function findRun(store: Store, id: string): Promise<Run> {
  if (/^[0-9a-f]{32}$/.test(id)) return store.getRun(id);
  if (!/^[0-9a-f]{4,31}$/.test(id)) {
    throw new UsageError(`run: it must be an id, or four or more of its first letters, got "${id}".`);
  }
  const found = await store.searchRuns({
    filter: `attributes.run_id LIKE '${id}%'`,
    viewType: "ALL",
    maxResults: 2,
  });
  const [run, another] = found;
  if (run !== undefined && another === undefined) return run;
  throw new UsageError(
    `run: ${run === undefined ? "no run's id begins" : "the ids of several runs begin"} with "${id}". See: sconce runs list`,
  );
}
