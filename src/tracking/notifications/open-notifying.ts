// Opens the store of a process that tells of its own runs.
import { isServerUri, logger } from "../../base/index.ts";
import type { Notification } from "../../base/index.ts";
import { openStore } from "../open-store.ts";
import type { Store } from "../open-store.ts";
import { Notifier } from "./notifier.ts";
import { notifyingStore } from "./notifying-store.ts";

/**
 * Opens a store and tells of what is changed through it. Behind a server the server tells, of every client's changes
 * and once: the list is not used then, which a warning says.
 */
export async function openNotifyingStore(
  uri: string,
  notifications: readonly Notification[],
): Promise<Store> {
  if (notifications.length === 0) return openStore(uri);
  const notifier = new Notifier(notifications); // what is wrong with the list is said first
  const store = await openStore(uri);
  if (!isServerUri(uri)) return notifyingStore(store, notifier);
  logger.warn(
    `mlops.notifications: ${store.uri} is a server, so it tells of runs, not this process. Start it with --notify.`,
  );
  return store;
}
