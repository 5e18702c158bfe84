// Maps the names that configs use to the components that they stand for.
import { UsageError } from "./errors.ts";
import { suggestion } from "./suggest.ts";

/**
 * Holds components of one kind by name. Names ignore case, and `-` equals `_`.
 *
 * @example
 * const optimizers = new Registry<string>("optimizer");
 * optimizers.register("adamw", "AdamW");
 * optimizers.get("AdamW"); // => "AdamW"
 */
export class Registry<T> {
  readonly kind: string;
  readonly #entries = new Map<string, { name: string; value: T }>();
  readonly #aliases = new Map<string, string>();

  constructor(kind: string) {
    this.kind = kind;
  }

  /** Adds a component; a name that is taken already throws. `aliases` find it too, but are not listed. */
  register(name: string, value: T, aliases: readonly string[] = []): void {
    for (const each of [name, ...aliases]) {
      if (this.has(each)) {
        throw new UsageError(`register ${this.kind}: the name "${each}" is taken. Choose another name.`);
      }
    }
    this.#entries.set(normalizeName(name), { name, value });
    for (const alias of aliases) this.#aliases.set(normalizeName(alias), normalizeName(name));
  }

  /** Takes a component out again, with its aliases. */
  unregister(name: string): void {
    const key = normalizeName(name);
    this.#entries.delete(key);
    for (const [alias, target] of this.#aliases) if (target === key) this.#aliases.delete(alias);
  }

  has(name: string): boolean {
    return this.#find(name) !== undefined;
  }

  /** Returns the component, or throws with the nearest name and all valid ones. */
  get(name: string): T {
    const entry = this.#find(name);
    if (entry === undefined) {
      throw new UsageError(`${this.kind}: unknown name "${name}". ${suggestion(name, this.names())}`);
    }
    return entry.value;
  }

  #find(name: string): { name: string; value: T } | undefined {
    const key = normalizeName(name);
    return this.#entries.get(this.#aliases.get(key) ?? key);
  }

  names(): string[] {
    return [...this.#entries.values()].map(({ name }) => name).sort();
  }
}

/** Folds the spellings of a name that count as one: case, `-` and `_`. */
export function normalizeName(name: string): string {
  return name.toLowerCase().replaceAll("-", "_");
}

/** Folds `RMSprop`, `rms-prop` and `rms_prop` into one. */
export function foldName(name: string): string {
  return normalizeName(name).replaceAll("_", "");
}
