// Writes pickles of protocol 2, which Python's torch.load reads with weights_only=True. Reading: ./unpickler.ts.
import { UsageError } from "../../base/index.ts";

/** Writes what is no plain data; returns false for what it does not know. */
export type SpecialWriter = (value: object, pickler: Pickler) => boolean;

const maxDepth = 900; // Python's own pickler stops near 1000

/** Writes values of JavaScript as Python's: Maps and plain objects as dicts, arrays as lists, Sets as sets. */
export class Pickler {
  readonly #chunks: Buffer[] = [];
  readonly #memo = new Map<unknown, number>();
  readonly #place: string[] = [];
  readonly #writeSpecial: SpecialWriter;

  constructor(writeSpecial: SpecialWriter) {
    this.#writeSpecial = writeSpecial;
  }

  /** Returns the whole pickle of a value. */
  dump(value: unknown): Buffer {
    this.opcode("\x80\x02");
    this.write(value);
    this.opcode(".");
    return Buffer.concat(this.#chunks);
  }

  write(value: unknown): void {
    switch (typeof value) {
      case "boolean":
        return this.opcode(value ? "\x88" : "\x89");
      case "number":
        return this.#number(value);
      case "bigint":
        return this.#long(value);
      case "string":
        return this.#text(value);
      case "object":
        return value === null ? this.opcode("N") : this.#object(value);
      default:
        throw this.#refused(typeof value);
    }
  }

  /** Writes a call of a global with arguments that `writeArguments` leaves on the stack. */
  reduce(global: string, writeArguments: () => void): void {
    this.global(global);
    this.tuple(writeArguments);
    this.opcode("R");
  }

  /** Writes a class or function by its full name. */
  global(name: string): void {
    const key = Symbol.for(name); // apart from text
    if (this.#recall(key)) return;
    const dot = name.lastIndexOf(".");
    this.opcode(`c${name.slice(0, dot)}\n${name.slice(dot + 1)}\n`);
    this.remember(key);
  }

  tuple(writeItems: () => void): void {
    this.opcode("(");
    writeItems();
    this.opcode("t");
  }

  /** Writes bytes of the format, one for each character. */
  opcode(latin1: string): void {
    this.#chunks.push(Buffer.from(latin1, "latin1"));
  }

  /** Lets the value on the stack stand for `key` from now on. */
  remember(key: unknown): void {
    const index = this.#memo.size;
    this.#memo.set(key, index);
    if (index < 256) return this.#sized("q", index, 1);
    this.#sized("r", index, 4);
  }

  #recall(key: unknown): boolean {
    const index = this.#memo.get(key);
    if (index === undefined) return false;
    if (index < 256) this.#sized("h", index, 1);
    else this.#sized("j", index, 4);
    return true;
  }

  #number(value: number): void {
    if (Number.isSafeInteger(value) && !Object.is(value, -0)) return this.#long(BigInt(value));
    const bytes = Buffer.alloc(9, "G");
    bytes.writeDoubleBE(value, 1);
    this.#chunks.push(bytes);
  }

  #long(value: bigint): void {
    if (BigInt.asUintN(8, value) === value) return this.#sized("K", Number(value), 1);
    if (BigInt.asUintN(16, value) === value) return this.#sized("M", Number(value), 2);
    if (BigInt.asIntN(32, value) === value) return this.#sized("J", Number(value) >>> 0, 4);
    let length = 8;
    while (BigInt.asIntN(8 * length, value) !== value) length += 8;
    if (length > 255) throw this.#refused("an integer of more than 2040 bits");
    const hex = BigInt.asUintN(8 * length, value)
      .toString(16)
      .padStart(2 * length, "0");
    this.#sized("\x8a", length, 1);
    this.#chunks.push(Buffer.from(hex, "hex").reverse());
  }

  #text(value: string): void {
    if (this.#recall(value)) return;
    if (/\p{Surrogate}/u.test(value)) throw this.#refused("text that is no valid Unicode");
    const bytes = Buffer.from(value);
    this.#sized("X", bytes.length, 4);
    this.#chunks.push(bytes);
    this.remember(value);
  }

  #object(value: object): void {
    if (this.#recall(value)) return;
    if (this.#place.length >= maxDepth)
      throw this.#refused(`containers that are nested more than ${maxDepth} deep`);
    if (this.#writeSpecial(value, this)) return this.remember(value);
    if (Array.isArray(value)) return this.#list(value);
    if (value instanceof Map) return this.#dict(value, value);
    if (value instanceof Set) return this.#set(value);
    if (value instanceof Uint8Array) return this.#bytes(value);
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype === null || prototype === Object.prototype) return this.#dict(value, Object.entries(value));
    throw this.#refused(`a ${value.constructor.name}`);
  }

  #list(items: readonly unknown[]): void {
    this.opcode("]");
    this.remember(items);
    if (items.length === 0) return;
    this.opcode("(");
    for (const [i, item] of items.entries()) this.#within(`[${i}]`, () => this.write(item));
    this.opcode("e");
  }

  #dict(identity: object, entries: Iterable<[unknown, unknown]>): void {
    this.opcode("}");
    this.remember(identity);
    this.opcode("(");
    for (const [key, value] of entries) {
      this.#within(`[${JSON.stringify(key) ?? String(key)}]`, () => {
        this.#key(key);
        this.write(value);
      });
    }
    this.opcode("u");
  }

  /** Writes a key; Python's lists cannot be one, so an array is a tuple there. */
  #key(key: unknown): void {
    if (Array.isArray(key)) return this.tuple(() => key.forEach((item) => this.#key(item)));
    if (typeof key === "object" && key !== null) throw this.#refused("a key that is an object");
    this.write(key);
  }

  #set(items: ReadonlySet<unknown>): void {
    this.reduce("builtins.set", () => this.#list([...items]));
    this.remember(items);
  }

  #bytes(bytes: Uint8Array): void {
    this.reduce("_codecs.encode", () => {
      this.#text(Buffer.from(bytes).toString("latin1"));
      this.#text("latin1");
    });
    this.remember(bytes);
  }

  #within(key: string, write: () => void): void {
    this.#place.push(key);
    write();
    this.#place.pop();
  }

  #sized(opcode: string, value: number, bytes: 1 | 2 | 4): void {
    const chunk = Buffer.alloc(1 + bytes, opcode, "latin1");
    chunk.writeUIntLE(value, 1, bytes);
    this.#chunks.push(chunk);
  }

  #refused(what: string): UsageError {
    const place = this.#place.length > 20 ? [...this.#place.slice(0, 20), "..."] : this.#place;
    return new UsageError(
      `torch.save: the object${place.join("")} must be a tensor, number, text, bytes, null, or a Map, Set, array or plain ` +
        `object of them, got ${what}. Save module.stateDict() of a module, and torch.tensor(x) of a typed array.`,
    );
  }
}
