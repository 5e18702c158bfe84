// Finds configs along a search path; the first place that has one wins. Each is read once.
import type { ConfigNode } from "../node.ts";
import { merge } from "../omega/merge.ts";
import type { ConfigSource } from "./config-source.ts";
import type { DefaultItem } from "./default-item.ts";
import { type PackageHeader, splitDefaults } from "./read-defaults.ts";

/** Is a config that was found. Nobody may change its tree or its items. */
export interface FoundConfig {
  /** The file as the user knows it. */
  source: string;
  package: PackageHeader | undefined;
  /** The config without its defaults list. */
  content: ConfigNode;
  defaults: readonly DefaultItem[] | undefined;
}

/** Is the configs along a search path, as they were when first read. */
export class Repository {
  readonly sources: readonly ConfigSource[];
  readonly #isLegacy: boolean;
  readonly #found = new Map<string, FoundConfig | undefined>();

  /** `isLegacy`: defaults lists are read as Hydra 1.1 did. */
  constructor(sources: readonly ConfigSource[], { isLegacy = false } = {}) {
    this.sources = sources;
    this.#isLegacy = isLegacy;
  }

  /** Returns a config by its path from the root of the search path, without an ending. */
  find(path: string): FoundConfig | undefined {
    if (!this.#found.has(path)) this.#found.set(path, this.#read(path));
    return this.#found.get(path);
  }

  hasGroup(group: string): boolean {
    return this.sources.some((source) => source.hasGroup(group));
  }

  /** Lists the configs, or the groups, that all places together have in a group. */
  list(group: string, kind: "configs" | "groups"): string[] {
    const names = this.sources
      .filter((source) => source.hasGroup(group))
      .flatMap((source) => source.list(group, kind));
    return [...new Set(names)].sort();
  }

  #read(path: string): FoundConfig | undefined {
    for (const source of this.sources) {
      const reading = source.read(path);
      if (reading === undefined) continue;
      const found = {
        source: reading.source,
        package: reading.package,
        ...splitDefaults(reading.node, { isLegacy: this.#isLegacy }),
      };
      const schema = source.scheme === "structured" ? undefined : this.sources.at(-1)!.read(path);
      return schema === undefined ? found : { ...found, content: merge(schema.node, found.content) };
    }
    return undefined;
  }
}
