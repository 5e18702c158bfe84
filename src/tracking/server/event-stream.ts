// Server-sent events: tells live views what changed through this server, so that they need not ask again and again.
// https://html.spec.whatwg.org/multipage/server-sent-events.html
import type { IncomingMessage, ServerResponse } from "node:http";
import { TrackingError } from "../../base/index.ts";
import type { Change, ChangeFeed } from "./change-feed.ts";

const maxListeners = 256;
const keepAliveMs = 15_000;
const maxBufferedBytes = 1 << 20;

/** Sends changes until the client goes away; `kinds` and `ids` choose, empty ones choose all. */
export function streamChanges(
  request: IncomingMessage,
  response: ServerResponse,
  feed: Pick<ChangeFeed, "size" | "subscribe">,
  { kinds, ids }: { kinds: readonly string[]; ids: readonly string[] },
): void {
  if (feed.size >= maxListeners) {
    throw new TrackingError(`events: at most ${maxListeners} views can listen at once. Close some.`, {
      code: "TEMPORARILY_UNAVAILABLE",
    });
  }
  response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
  response.write("retry: 2000\n\n");
  const unsubscribe = feed.subscribe((change) => {
    if (!isWanted(change, kinds, ids)) return;
    // a client that does not read is let go; it asks anew when it is back
    if (response.writableLength > maxBufferedBytes) response.destroy();
    else response.write(`event: ${change.kind}\ndata: ${JSON.stringify(change)}\n\n`);
  });
  const timer = setInterval(() => response.write(": alive\n\n"), keepAliveMs);
  timer.unref();
  request.once("close", () => {
    clearInterval(timer);
    unsubscribe();
  });
}

function isWanted({ kind, id }: Change, kinds: readonly string[], ids: readonly string[]): boolean {
  return (kinds.length === 0 || kinds.includes(kind)) && (ids.length === 0 || ids.includes(id));
}
