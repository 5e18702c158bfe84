// The headers of a Parquet column's pages, read before the pages are: what they claim decides how much memory is taken.
// Thrift's compact protocol as far as headers need it; the fields are those of parquet.thrift.

/** What the pages of a column chunk claim, all together. */
export interface PageClaims {
  /** Bytes once decompressed. */
  bytes: number;
  /** Values of the data pages. */
  values: number;
  /** Entries of the largest dictionary page. */
  dictionaryEntries: number;
}

/** Goes through the headers of a column chunk; throws an `Error` that says what is wrong with one. */
export function readPageClaims(column: Uint8Array): PageClaims {
  const claims: PageClaims = { bytes: 0, values: 0, dictionaryEntries: 0 };
  for (let at = 0; at < column.length;) {
    const reader = new CompactReader(column, at);
    const header = reader.struct(0);
    const [bytes, stored] = [numberOf(header.get(2)), numberOf(header.get(3))];
    if (!(bytes >= 0 && stored >= 0 && reader.at + stored <= column.length))
      throw new Error(
        `a page at byte ${at} of a column claims ${stored} bytes, and ${column.length - reader.at} are left`,
      );
    const values = Math.max(...[5, 8].map((field) => countIn(header.get(field))));
    const entries = countIn(header.get(7));
    if (values < 0 || entries < 0) throw new Error("a page claims a negative number of values");
    claims.bytes += bytes;
    claims.values += values;
    claims.dictionaryEntries = Math.max(claims.dictionaryEntries, entries);
    at = reader.at + stored;
  }
  return claims;
}

type Field = number | Map<number, Field> | undefined;

function numberOf(field: Field): number {
  return typeof field === "number" ? field : NaN;
}

/** The number of values in a page header's own struct, its first field. */
function countIn(field: Field): number {
  return field instanceof Map ? numberOf(field.get(1)) || 0 : 0;
}

const maxDepth = 16;

/** Reads structs of numbers; texts and lists are passed over. */
class CompactReader {
  at: number;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  struct(depth: number): Map<number, Field> {
    if (depth > maxDepth) throw new Error("a page header is nested too deep");
    const fields = new Map<number, Field>();
    for (let id = 0; ;) {
      const head = this.#byte();
      if (head === 0) return fields;
      id = head >> 4 === 0 ? this.#zigzag() : id + (head >> 4);
      fields.set(id, this.#value(head & 15, depth));
    }
  }

  #value(type: number, depth: number): Field {
    switch (type) {
      case 1: // true
      case 2: // false
        return 2 - type;
      case 3:
        return this.#byte();
      case 4:
      case 5:
      case 6:
        return this.#zigzag();
      case 7:
        this.#skip(8);
        return undefined;
      case 8:
        this.#skip(this.#varint());
        return undefined;
      case 9:
      case 10: {
        const head = this.#byte();
        const size = head >> 4 === 15 ? this.#varint() : head >> 4;
        for (let i = 0; i < size; i++) this.#value((head & 15) <= 2 ? 3 : head & 15, depth + 1);
        return undefined;
      }
      case 12:
        return this.struct(depth + 1);
      default:
        throw new Error(`a page header has a field of unknown type ${type}`);
    }
  }

  #byte(): number {
    const byte = this.#bytes[this.at++];
    if (byte === undefined) throw new Error("a page header ends too soon");
    return byte;
  }

  #skip(length: number): void {
    if (length > this.#bytes.length - this.at) throw new Error("a page header ends too soon");
    this.at += length;
  }

  #varint(): number {
    let [value, scale] = [0, 1];
    for (;;) {
      const byte = this.#byte();
      value += (byte & 127) * scale;
      if (byte < 128) return value;
      scale *= 128;
      if (scale > 2 ** 63) throw new Error("a page header has a number that never ends");
    }
  }

  #zigzag(): number {
    const value = this.#varint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }
}
