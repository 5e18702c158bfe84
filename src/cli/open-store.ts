// Opens the store that a command works on.
import { storeKind } from "../base/index.ts";
import { findProjectRoot } from "../config/index.ts";
import * as tracking from "../tracking/index.ts";
import type { OpenStoreOptions, Store } from "../tracking/index.ts";

/** Opens a store; the project's plugins are loaded where the scheme of its URI is unknown: one may register it. */
export async function openStore(uri: string, options?: OpenStoreOptions): Promise<Store> {
  if (storeKind(uri) === undefined) {
    const { loadPlugins } = await import("../plugins/index.ts");
    await loadPlugins(findProjectRoot(process.cwd()));
  }
  return tracking.openStore(uri, options);
}
