// Requests that arrive together go on together, so that a store can write them in one transaction.

/** Holds requests back until all that have arrived with them are read: no timer, the rest of one turn of the event loop. */
export class Arrivals {
  #next: Promise<void> | undefined;

  wait(): Promise<void> {
    this.#next ??= new Promise((resolve) => {
      setImmediate(() => {
        this.#next = undefined;
        resolve();
      });
    });
    return this.#next;
  }
}
