// Server-sent events: tells live views what changed through this server, so that they need not ask again and again.
// https://html.spec.whatwg.org/multipage/server-sent-events.html
import type { IncomingMessage, ServerResponse } from "node:http";
import { TrackingError } from "../../base/index.ts";
import { toWireMetric } from "../wire.ts";
import type { Change, ChangeFeed } from "./change-feed.ts";

const maxViews = 256;
const maxViewsEach = 32;
const keepAliveMs = 15_000;

/** Says who listens to what; empty `kinds` and `ids` choose all. */
export interface StreamOptions {
  kinds: readonly string[];
  ids: readonly string[];
  /** Whether changes come with the points that were logged. */
  withPoints: boolean;
  /** The user, or where there are none the address. */
  viewer: string;
  /** Tells what the viewer may see. @default everything */
  mayRead?: ((change: Change) => Promise<boolean>) | undefined;
}

/** Streams changes to views, to so many at once as the server can do with and nobody more than their share. */
export class EventStreams {
  /** Views by viewer. */
  readonly #views = new Map<string, number>();

  /** Sends changes until the client goes away; one that comes back with `Last-Event-ID` gets what it missed. */
  stream(request: IncomingMessage, response: ServerResponse, feed: ChangeFeed, options: StreamOptions): void {
    const leave = this.#enter(options.viewer);
    const seen = request.headers["last-event-id"];
    const isBack = typeof seen === "string" && seen !== "";
    const start = isBack ? seen : feed.lastEventId;
    response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
    // where it begins is said at once: who is cut off before the first change misses none
    response.write(`retry: 2000\n${isBack ? "" : `id: ${start}\n`}\n`);
    const view = new View(response, feed, { ...options, start });
    const unsubscribe = feed.subscribe(() => view.wake());
    view.wake();
    const timer = setInterval(() => {
      if (!response.writableNeedDrain) response.write(": alive\n\n");
    }, keepAliveMs);
    timer.unref();
    response.once("close", () => {
      clearInterval(timer);
      unsubscribe();
      leave();
    });
  }

  #enter(viewer: string): () => void {
    const own = this.#views.get(viewer) ?? 0;
    if (own >= maxViewsEach) {
      throw new TrackingError(
        `events: ${viewer} has ${own} views open, and nobody may have more than ${maxViewsEach}. Close some.`,
        { code: "RESOURCE_EXHAUSTED" },
      );
    }
    const all = [...this.#views.values()].reduce((sum, count) => sum + count, 0);
    if (all >= maxViews) {
      throw new TrackingError(`events: at most ${maxViews} views can listen at once. Close some.`, {
        code: "TEMPORARILY_UNAVAILABLE",
      });
    }
    this.#views.set(viewer, own + 1);
    return () => {
      const left = this.#views.get(viewer)! - 1;
      if (left === 0) this.#views.delete(viewer);
      else this.#views.set(viewer, left);
    };
  }
}

/** Sends one view the changes after the last that it has, as fast as it reads. */
class View {
  readonly #response: ServerResponse;
  readonly #feed: ChangeFeed;
  readonly #options: StreamOptions;
  #at: string;
  #isSending = false;

  constructor(
    response: ServerResponse,
    feed: ChangeFeed,
    { start, ...options }: StreamOptions & { start: string },
  ) {
    this.#response = response;
    this.#feed = feed;
    this.#options = options;
    this.#at = start;
  }

  /** Sends what there is; while it sends already, that is seen anyway. */
  wake(): void {
    if (!this.#isSending) void this.#send();
  }

  async #send(): Promise<void> {
    const { mayRead } = this.#options;
    this.#isSending = true;
    while (!this.#response.destroyed) {
      const next = this.#feed.next(this.#at);
      if (next === undefined) break;
      const { change, eventId } = next;
      this.#at = eventId;
      if (!this.#isWanted(change)) continue;
      if (mayRead !== undefined && !(await mayRead(change).catch(() => false))) continue;
      if (this.#response.destroyed) break;
      const data = JSON.stringify(this.#dataOf(change));
      const hasRoom = this.#response.write(`id: ${eventId}\nevent: ${change.kind}\ndata: ${data}\n\n`);
      if (!hasRoom) await drained(this.#response);
    }
    this.#isSending = false;
  }

  #isWanted({ kind, id }: Change): boolean {
    const { kinds, ids } = this.#options;
    if (kind === "reset") return true;
    return (kinds.length === 0 || kinds.includes(kind)) && (ids.length === 0 || ids.includes(id));
  }

  #dataOf({ kind, id, metrics }: Change): object {
    const withPoints = this.#options.withPoints && metrics !== undefined;
    return { kind, id, ...(withPoints && { metrics: metrics.map(toWireMetric) }) };
  }
}

/** Waits until a client has read what was sent, or is gone. */
function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off("drain", done).off("close", done);
      resolve();
    };
    response.on("drain", done).on("close", done);
  });
}
