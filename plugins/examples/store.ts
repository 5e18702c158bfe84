// A tracking store: another one, beside which a journal says who changed what and when. URI: journal:sqlite:///path.
import { appendFileSync } from "node:fs";
import { userInfo } from "node:os";
import { registerStore } from "sconce";
import { type OpenStoreOptions, type Store, openStore } from "sconce/tracking";

const changes = /^(create|update|rename|delete|restore|set|log|register|transition)/u;

/** Opens the store that the rest of the URI names; each change of it becomes a line of `journal.jsonl`. */
export class JournalStore {
  static async open({ uri, ...options }: { uri: string } & OpenStoreOptions): Promise<Store> {
    const store = await openStore(uri.slice("journal:".length), options);
    return new Proxy(store, {
      get(target, key) {
        if (key === "uri") return `journal:${target.uri}`;
        const value: unknown = Reflect.get(target, key, target);
        if (typeof value !== "function") return value;
        const method = value.bind(target) as (...args: unknown[]) => unknown;
        if (typeof key !== "string" || !changes.test(key)) return method;
        return async (...args: unknown[]) => {
          const result = await method(...args);
          const entry = { time: new Date().toISOString(), user: userInfo().username, change: key, args };
          appendFileSync("journal.jsonl", `${JSON.stringify(entry)}\n`); // only what has come to pass
          return result;
        };
      },
    });
  }
}

registerStore("journal", JournalStore);
