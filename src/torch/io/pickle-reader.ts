// Reads what stands behind the opcodes of a pickle: numbers, text and bytes, in binary or as lines. It counts what they
// take, so that a small file cannot unpack to more than memory holds. What they mean is in ./unpickler.ts.
import { FileError } from "../../base/index.ts";

const maxUnpickledBytes = 2 ** 29;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A place in a pickle, and what may yet be read from there. */
export class PickleReader {
  at: number;
  /** Where the present opcode stands, for errors. */
  opcodeAt = 0;
  readonly path: string;
  readonly #bytes: Buffer;
  #spent = 0;

  constructor(path: string, bytes: Buffer, offset: number) {
    this.path = path;
    this.#bytes = bytes;
    this.at = offset;
  }

  /** Reads a byte that later errors give the place of. */
  opcode(): number {
    this.opcodeAt = this.at;
    return this.byte();
  }

  /** Steps over `length` bytes, checks that `needed` are there, and returns where they start. */
  take(length: number, needed = length): number {
    const start = this.at;
    if (!(start + needed <= this.#bytes.length)) {
      throw this.damaged(`${needed} bytes must follow, got ${this.#bytes.length - start}: it is cut off`);
    }
    this.at = start + length;
    return start;
  }

  byte(): number {
    return this.#bytes[this.take(1)]!;
  }

  uint16(): number {
    return this.#bytes.readUInt16LE(this.take(2));
  }

  int32(): number {
    return this.#bytes.readInt32LE(this.take(4));
  }

  float64(): number {
    return this.#bytes.readDoubleBE(this.take(8));
  }

  uint32(): number {
    return this.#bytes.readUInt32LE(this.take(4));
  }

  long64(): number {
    return Number(this.#bytes.readBigUInt64LE(this.take(8)));
  }

  copy(length: number): Uint8Array {
    const start = this.take(length);
    this.spend(length);
    return Uint8Array.from(this.#bytes.subarray(start, start + length));
  }

  text(length: number, encoding: "utf-8" | "latin1" = "utf-8"): string {
    const start = this.take(length);
    this.spend(2 * length);
    if (encoding === "latin1") return this.#bytes.toString("latin1", start, start + length);
    const bytes = this.#bytes.subarray(start, start + length);
    try {
      return utf8.decode(bytes);
    } catch (error) {
      throw this.damaged("text must be UTF-8, got other bytes", { cause: error });
    }
  }

  line(encoding?: "latin1"): string {
    const end = this.#bytes.indexOf(0x0a, this.at);
    if (end === -1) throw this.damaged("a line must end, got none: it is cut off");
    const text = this.text(end - this.at, encoding);
    this.at = end + 1;
    return text;
  }

  decimal(): number {
    const text = this.line();
    if (!/^\d{1,15}$/.test(text)) throw this.damaged(`a number must follow, got ${JSON.stringify(text)}`);
    return Number(text);
  }

  /** An integer of protocol 0 with its L. */
  textLong(): number | bigint {
    return fromBigInt(this.#bigint(this.line().replace(/L$/, "")));
  }

  textInteger(): number | bigint | boolean {
    const text = this.line();
    if (text === "01" || text === "00") return text === "01"; // how protocol 0 spells True and False
    return fromBigInt(this.#bigint(text));
  }

  #bigint(text: string): bigint {
    // parsing takes the square of the digits
    if (!/^-?\d{1,1000}$/.test(text)) {
      throw this.damaged(`a whole number must follow, got ${JSON.stringify(text.slice(0, 40))}`);
    }
    return BigInt(text);
  }

  textFloat(): number {
    const text = this.line();
    const special = new Map([["inf", Infinity], ["-inf", -Infinity], ["nan", NaN]]).get(text); // prettier-ignore
    if (special !== undefined) return special;
    if (!/^-?\d+(\.\d*)?(e[-+]?\d+)?$/i.test(text)) {
      throw this.damaged(`a number must follow, got ${JSON.stringify(text.slice(0, 40))}`);
    }
    return Number(text);
  }

  /** An integer in so many bytes, two's complement, the lowest byte first. */
  longOf(length: number): number | bigint {
    if (length > 1000) throw this.damaged(`a whole number must take at most 1000 bytes, got ${length}`);
    const start = this.take(length);
    const digits = this.#bytes.subarray(start, start + length).toReversed();
    const value = length === 0 ? 0n : BigInt(`0x${Buffer.from(digits).toString("hex")}`);
    return fromBigInt(BigInt.asIntN(8 * length, value));
  }

  quotedText(): string {
    const line = this.line();
    const quote = line[0];
    if (line.length < 2 || (quote !== "'" && quote !== '"') || line.at(-1) !== quote || line.includes("\\")) {
      throw this.damaged("text must be in quotes without escapes, got something else");
    }
    return line.slice(1, -1);
  }

  escapedText(): string {
    return this.line("latin1").replace(
      /\\u([0-9a-f]{4})|\\U00((?:0[0-9a-f]|10)[0-9a-f]{4})/gi,
      (_, short?: string, long?: string) => String.fromCodePoint(parseInt((short ?? long)!, 16)),
    );
  }

  /** Counts what a value takes in memory, and refuses what takes too much. */
  spend(bytes: number): void {
    this.#spent += bytes;
    if (this.#spent > maxUnpickledBytes) {
      throw new FileError(
        `${this.path}: the pickle must unpack to at most ${maxUnpickledBytes} bytes besides its tensors, got more. ` +
          `Save large data as tensors.`,
      );
    }
  }

  damaged(fault: string, options?: ErrorOptions): FileError {
    return new FileError(
      `${this.path}: the pickle is not one of weights: ${fault} (at byte ${this.opcodeAt}). Save it again.`,
      options,
    );
  }
}

function fromBigInt(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
