// LZ4: blocks as in Parquet's LZ4_RAW (lz4_Block_format.md), and frames of them (lz4_Frame_format.md), which Arrow's
// writers compress buffers with by default.

const magic = 0x184d2204;

/** Decompresses a frame to exactly `length` bytes; anything else throws an `Error`. */
export function decompressLz4Frame(frame: Uint8Array, length: number): Uint8Array {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  if (view.getUint32(0, true) !== magic) throw new Error("it is no LZ4 frame");
  const flags = view.getUint8(4);
  let at = 7 + (flags & 0x08 ? 8 : 0) + (flags & 0x01 ? 4 : 0);
  const output = new Uint8Array(length);
  let end = 0;
  for (;;) {
    const head = view.getUint32(at, true);
    at += 4;
    if (head === 0) break;
    const block = frame.subarray(at, at + (head & 0x7fffffff));
    if (block.length !== (head & 0x7fffffff)) throw new Error("an LZ4 block is cut short");
    if (head >>> 31 === 0) end = decompressBlock(block, output, end);
    else if (end + block.length > length) throw new Error("LZ4 data is longer than it says");
    else {
      output.set(block, end);
      end += block.length;
    }
    at += block.length + (flags & 0x10 ? 4 : 0);
  }
  if (end !== length) throw new Error(`LZ4 data must have ${length} bytes, it has ${end}`);
  return output;
}

/** Decompresses a block to exactly `length` bytes; anything else throws an `Error`. */
export function decompressLz4Block(block: Uint8Array, length: number): Uint8Array {
  const output = new Uint8Array(length);
  const end = decompressBlock(block, output, 0);
  if (end !== length) throw new Error(`LZ4 data must have ${length} bytes, it has ${end}`);
  return output;
}

/** Decompresses a block behind what is in the output already, to which it may refer; returns where it ends. */
function decompressBlock(block: Uint8Array, output: Uint8Array, start: number): number {
  let [at, end] = [0, start];
  const extended = (length: number): number => {
    if (length < 15) return length;
    for (;;) {
      const byte = block[at++];
      if (byte === undefined) throw new Error("an LZ4 block is cut short");
      length += byte;
      if (byte < 255) return length;
    }
  };
  while (at < block.length) {
    const token = block[at++]!;
    const literals = extended(token >> 4);
    if (at + literals > block.length || end + literals > output.length)
      throw new Error("LZ4 data is longer than it says");
    output.set(block.subarray(at, at + literals), end);
    at += literals;
    end += literals;
    if (at === block.length) break; // the last sequence has no match
    const distance = block[at]! | (block[at + 1]! << 8);
    at += 2;
    const length = extended(token & 15) + 4;
    if (distance === 0 || distance > end || end + length > output.length)
      throw new Error("an LZ4 match lies outside of the data");
    if (distance >= length) output.copyWithin(end, end - distance, end - distance + length);
    else for (let i = 0; i < length; i++) output[end + i] = output[end + i - distance]!; // it overlaps itself
    end += length;
  }
  return end;
}
