// A run's sign of life: a tag with the time until which it counts as alive, renewed while its process lives.
// A tag, so that it works on every store, other people's MLflow servers among them.
import type { TrackingStore } from "../store.ts";

/** Names the tag that holds the end of a lease in milliseconds since 1970, and the one that holds its length. */
export const leaseTag = { until: "sconce.lease_until", length: "sconce.lease_ms" } as const;

const defaultLeaseMs = 60_000;

/** Returns the tags of a lease that begins now. */
export function leaseTags(leaseMs: number = defaultLeaseMs): Record<string, string> {
  return { [leaseTag.until]: String(Date.now() + leaseMs), [leaseTag.length]: String(leaseMs) };
}

/**
 * Tells whether a run's lease is over by more than its own length: one that is late is not dead yet, and the clocks of
 * two machines differ.
 */
export function isLeaseOver(tags: Record<string, string>, now: number = Date.now()): boolean {
  const until = Number(tags[leaseTag.until]);
  const length = Number(tags[leaseTag.length]);
  return until > 0 && length > 0 && now > until + length;
}

/** Renews the lease of a run three times in each period. A store that fails is asked again at the next turn. */
export class Lease {
  readonly #timer: NodeJS.Timeout;

  constructor(store: TrackingStore, runId: string, leaseMs: number = defaultLeaseMs) {
    let isRenewing = false;
    this.#timer = setInterval(() => {
      if (isRenewing) return;
      isRenewing = true;
      store
        .setTags(runId, leaseTags(leaseMs))
        .catch(() => {}) // the writer says that the store fails
        .finally(() => (isRenewing = false));
    }, leaseMs / 3);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
