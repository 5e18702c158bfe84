// The classes of a classifier: which name has which number. Training decides it once; the model's config keeps it.
import { DataError, nearest } from "../base/index.ts";

/** Names the place of a row for error messages, `train.csv:12`. */
export type PlaceOfRow = (row: number) => string;

/**
 * Maps class names to ids `0..numLabels-1` and back.
 *
 * @example
 * const labels = LabelMap.fromLabels(["spam", "ham", "spam"]);
 * labels.names; // => ["ham", "spam"]
 */
export class LabelMap {
  readonly names: readonly string[];
  readonly #ids: ReadonlyMap<string, number>;

  /** Takes the names in the order of their ids. */
  constructor(names: readonly string[]) {
    this.names = names;
    this.#ids = new Map(names.map((name, id) => [name, id]));
    if (this.#ids.size !== names.length) {
      const twice = names.find((name, id) => this.#ids.get(name) !== id)!;
      throw new DataError(`LabelMap: names must differ, ${JSON.stringify(twice)} stands twice. Rename one.`);
    }
  }

  /**
   * Collects the classes of a training set. Names are trimmed and sorted: whole numbers by value, others by code
   * point as Python's `sorted` and scikit-learn's `LabelEncoder` do. Fewer than two classes throw.
   */
  static fromLabels(labels: Iterable<string>): LabelMap {
    const names = new Set<string>();
    for (const label of labels) {
      const name = label.trim();
      if (name !== "") names.add(name);
    }
    if (names.size < 2) {
      const found = names.size === 0 ? "none" : `only ${JSON.stringify([...names][0])}`;
      throw new DataError(
        `labels: a classifier needs at least two classes, the training data has ${found}. ` +
          `Check dataset.label_column.`,
      );
    }
    const isNumeric = [...names].every((name) => /^-?\d{1,15}$/.test(name));
    return new LabelMap([...names].sort(isNumeric ? compareNumbers : compareCodePoints));
  }

  /** Takes the classes from the `id2label` of a Hugging Face `config.json`. */
  static fromId2Label(id2label: Readonly<Record<string, string>>): LabelMap {
    const names = Object.keys(id2label).map((_, id) => id2label[id]);
    const gap = names.indexOf(undefined);
    if (gap !== -1) {
      throw new DataError(
        `id2label: ids must run from 0 to ${names.length - 1}, ${gap} is missing. Mend the model's config.json.`,
      );
    }
    return new LabelMap(names as string[]);
  }

  get numLabels(): number {
    return this.names.length;
  }

  /** Returns `{"0": "ham", "1": "spam"}` as `config.json` has it. */
  get id2label(): Record<string, string> {
    return Object.fromEntries(this.names.map((name, id) => [String(id), name]));
  }

  /** Returns `{"ham": 0, "spam": 1}` as `config.json` has it. */
  get label2id(): Record<string, number> {
    return Object.fromEntries(this.#ids);
  }

  /** Returns the id of a class, or undefined when there is no such class. */
  id(name: string): number | undefined {
    return this.#ids.get(name.trim());
  }

  /** Turns a column of labels into ids; empty and unknown labels throw with their rows. */
  encode(labels: readonly string[], place: PlaceOfRow): Int32Array {
    const ids = new Int32Array(labels.length);
    const unknown = new Map<string, number[]>();
    for (const [row, label] of labels.entries()) {
      const id = this.id(label);
      if (id !== undefined) ids[row] = id;
      else {
        const rows = unknown.get(label.trim());
        if (rows === undefined) unknown.set(label.trim(), [row]);
        else rows.push(row);
      }
    }
    if (unknown.size > 0) throw this.#unknownLabels(unknown, place);
    return ids;
  }

  #unknownLabels(unknown: ReadonlyMap<string, readonly number[]>, place: PlaceOfRow): DataError {
    const [name, rows] = [...unknown][0]!;
    const first = rows.slice(0, 5).map(place).join(", ");
    const more = rows.length > 5 ? ` and ${rows.length - 5} more` : "";
    if (name === "") {
      return new DataError(
        `${place(rows[0]!)}: every row needs a label, ${rows.length} ${plural(rows, "row has", "rows have")} none ` +
          `(${first}${more}). Label them, or remove them.`,
      );
    }
    const others = unknown.size > 1 ? ` Other unknown labels: ${unknown.size - 1}.` : "";
    const near = nearest(name, this.names);
    const hint = near === undefined ? "" : `Did you mean ${JSON.stringify(near)}? `;
    const known = this.names.slice(0, 10).map((known) => JSON.stringify(known));
    const rest = this.numLabels > 10 ? ` and ${this.numLabels - 10} more` : "";
    return new DataError(
      `${place(rows[0]!)}: label ${JSON.stringify(name)} is not among the classes of the training data, ` +
        `at ${rows.length} ${plural(rows, "row", "rows")} (${first}${more}).${others} ${hint}` +
        `Known: ${known.join(", ")}${rest}. Correct or remove these rows, or add such rows to the training data.`,
    );
  }
}

function plural(rows: readonly number[], one: string, many: string): string {
  return rows.length === 1 ? one : many;
}

function compareNumbers(a: string, b: string): number {
  return Number(a) - Number(b) || compareCodePoints(a, b);
}

/** Orders strings as Python does; JavaScript's own order puts astral characters before U+E000. */
function compareCodePoints(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    if (a.charCodeAt(i) !== b.charCodeAt(i)) return rank(a.charCodeAt(i)) - rank(b.charCodeAt(i));
  }
  return a.length - b.length;
}

/** Lifts surrogates above all other UTF-16 units, as the code points that they stand for are. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}
