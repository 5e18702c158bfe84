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

  constructor(kind: string) {
    this.kind = kind;
  }

  /** Adds a component; a name that is taken already throws. */
  register(name: string, value: T): void {
    const key = normalizeName(name);
    if (this.#entries.has(key)) {
      throw new UsageError(`register ${this.kind}: the name "${name}" is taken. Choose another name.`);
    }
    this.#entries.set(key, { name, value });
  }

  has(name: string): boolean {
    return this.#entries.has(normalizeName(name));
  }

  /** Returns the component, or throws with the nearest name and all valid ones. */
  get(name: string): T {
    const entry = this.#entries.get(normalizeName(name));
    if (entry === undefined) {
      throw new UsageError(`${this.kind}: unknown name "${name}". ${suggestion(name, this.names())}`);
    }
    return entry.value;
  }

  names(): string[] {
    return [...this.#entries.values()].map(({ name }) => name).sort();
  }
}

/** Folds the spellings of a name that count as one: case, `-` and `_`. */
export function normalizeName(name: string): string {
  return name.toLowerCase().replaceAll("-", "_");
}
