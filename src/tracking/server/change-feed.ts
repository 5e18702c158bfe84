// Tells live views what changed. Who reads too slowly loses the feed, never slows a writer.

/** Is one change: which entity, and its id. */
export interface Change {
  kind: "experiment" | "run" | "logged_model" | "registered_model";
  id: string;
}

type Listener = (change: Change) => void;

/** Passes changes on to all who listen. */
export class ChangeFeed {
  readonly #listeners = new Set<Listener>();

  publish(change: Change): void {
    for (const listener of this.#listeners) listener(change);
  }

  /** Calls `listener` for every change from now on; returns the function that ends it. */
  subscribe(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  get size(): number {
    return this.#listeners.size;
  }
}
