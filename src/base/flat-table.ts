// Tables of a flatbuffer (flatbuffers.dev/internals), read and patched where they lie; outside of it is a `RangeError`.

/** Is a table of a flatbuffer; fields go by their number in the schema. */
export class FlatTable {
  readonly #view: DataView;
  readonly #at: number;

  private constructor(view: DataView, at: number) {
    this.#view = view;
    this.#at = at;
  }

  /** Returns the table that a buffer is of. */
  static root(bytes: Uint8Array): FlatTable {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return new FlatTable(view, view.getUint32(0, true));
  }

  uint8(field: number): number {
    const at = this.#place(field);
    return at === undefined ? 0 : this.#view.getUint8(at);
  }

  int64(field: number): number {
    const at = this.#place(field);
    return at === undefined ? 0 : Number(this.#view.getBigInt64(at, true));
  }

  setInt64(field: number, value: number): void {
    this.#view.setBigInt64(this.#place(field)!, BigInt(value), true);
  }

  table(field: number): FlatTable | undefined {
    const at = this.#place(field);
    return at === undefined ? undefined : new FlatTable(this.#view, at + this.#view.getUint32(at, true));
  }

  /** Reads a text; absent is empty. */
  text(field: number): string {
    const start = this.#vector(field, 1);
    if (start === undefined) return "";
    const { buffer, byteOffset } = this.#view;
    return Buffer.from(buffer, byteOffset + start + 4, this.#view.getUint32(start, true)).toString();
  }

  /** Reads a vector of tables. */
  tables(field: number): FlatTable[] {
    const start = this.#vector(field, 4);
    if (start === undefined) return [];
    return Array.from({ length: this.#view.getUint32(start, true) }, (_, i) => {
      const at = start + 4 + 4 * i;
      return new FlatTable(this.#view, at + this.#view.getUint32(at, true));
    });
  }

  /** Returns the number of items of a vector, each of some bytes. */
  count(field: number, itemBytes: number): number {
    const start = this.#vector(field, itemBytes);
    return start === undefined ? 0 : this.#view.getUint32(start, true);
  }

  /** Reads a vector of structs of two 64-bit numbers. */
  pairs(field: number): [number, number][] {
    const start = this.#vector(field, 16);
    if (start === undefined) return [];
    return Array.from({ length: this.#view.getUint32(start, true) }, (_, i) => [
      Number(this.#view.getBigInt64(start + 4 + 16 * i, true)),
      Number(this.#view.getBigInt64(start + 12 + 16 * i, true)),
    ]);
  }

  /** Overwrites one struct of a vector of such. */
  setPair(field: number, index: number, [first, second]: readonly [number, number]): void {
    const at = this.#vector(field, 16)! + 4 + 16 * index;
    this.#view.setBigInt64(at, BigInt(first), true);
    this.#view.setBigInt64(at + 8, BigInt(second), true);
  }

  /** Makes a field absent. */
  clear(field: number): void {
    this.#view.setUint16(this.#vtable() + 4 + 2 * field, 0, true);
  }

  /** Returns where a vector begins, all of whose items lie in the buffer. */
  #vector(field: number, itemBytes: number): number | undefined {
    const at = this.#place(field);
    if (at === undefined) return undefined;
    const start = at + this.#view.getUint32(at, true);
    if (start + 4 + itemBytes * this.#view.getUint32(start, true) > this.#view.byteLength)
      throw new RangeError("a list reaches beyond its message");
    return start;
  }

  #vtable(): number {
    return this.#at - this.#view.getInt32(this.#at, true);
  }

  #place(field: number): number | undefined {
    const vtable = this.#vtable();
    const slot = 4 + 2 * field;
    if (slot >= this.#view.getUint16(vtable, true)) return undefined;
    const offset = this.#view.getUint16(vtable + slot, true);
    return offset === 0 ? undefined : this.#at + offset;
  }
}
