// How the first bytes of a file tell that it is compressed, whatever its name says.

const beginnings: Readonly<Record<string, readonly number[]>> = {
  gzip: [0x1f, 0x8b],
  zstd: [0x28, 0xb5, 0x2f, 0xfd],
  xz: [0xfd, 0x37, 0x7a, 0x58, 0x5a],
  bzip2: [0x42, 0x5a, 0x68],
  zip: [0x50, 0x4b, 0x03, 0x04],
};

/** Names the compression that a file begins as: `gzip`, `zstd`, `xz`, `bzip2` or `zip`. */
export function compressionOf(head: Uint8Array): string | undefined {
  const match = Object.entries(beginnings).find(([, bytes]) => bytes.every((byte, at) => head[at] === byte));
  // a text may begin with BZh, which bzip2 follows by a digit and the digits of pi
  return match?.[0] === "bzip2" && head[4] !== 0x31 ? undefined : match?.[0];
}
