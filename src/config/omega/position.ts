// A part of a config together with the parts around it, which nodes themselves do not know.
import type { ConfigKey, ConfigNode } from "../node.ts";

/** Is a part of one config during one pass over it; asking twice for a child gives the same object. */
export class Position {
  readonly node: ConfigNode;
  readonly parent: Position | undefined;
  readonly key: ConfigKey | undefined;
  /** True for results of resolvers and of escapes: `${` in them is text. */
  readonly isFinal: boolean;
  /** What an interpolation led to, once that is known. */
  resolved: Position | undefined;
  /** Why it cannot be worked out, once that is known. */
  failure: Error | undefined;
  /** True while its interpolation, or what it holds, is being worked out. */
  isOpen = false;
  #children: Map<ConfigKey, Position> | undefined;

  constructor(
    node: ConfigNode,
    options: { parent?: Position | undefined; key?: ConfigKey; isFinal?: boolean } = {},
  ) {
    this.node = node;
    this.parent = options.parent;
    this.key = options.key;
    this.isFinal = options.isFinal ?? false;
  }

  get root(): Position {
    return this.parent?.root ?? this;
  }

  /** Returns the part under a key of a mapping or an index of a list, or undefined. */
  child(key: ConfigKey): Position | undefined {
    const known = this.#children?.get(key);
    if (known !== undefined) return known;
    const node =
      this.node.kind === "map"
        ? this.node.entries.get(key)?.node
        : this.node.kind === "list"
          ? this.node.items[key as number]
          : undefined;
    if (node === undefined) return undefined;
    const child = new Position(node, { parent: this, key, isFinal: this.isFinal });
    this.#children ??= new Map();
    this.#children.set(key, child);
    return child;
  }

  /** Is the key from the root, as OmegaConf writes it: `a.b[0].c`. */
  get fullKey(): string {
    const { parent, key } = this;
    if (parent === undefined || key === undefined) return parent?.fullKey ?? "";
    const before = parent.fullKey;
    if (parent.node.kind === "list") return `${before}[${String(key)}]`;
    return before === "" ? String(key) : `${before}.${String(key)}`;
  }

  /** Tells whether this part holds another, or is it. */
  holds(other: Position | undefined): boolean {
    for (let part = other; part !== undefined; part = part.parent) if (part === this) return true;
    return false;
  }
}
