import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32, deflateRawSync } from "node:zlib";
import { expect, test } from "vitest";
import { ZipReader } from "./zip.ts";

const folder = mkdtempSync(join(tmpdir(), "sconce-zip-"));
const text = Buffer.from("the quick brown fox ".repeat(500));

interface Packed {
  name: string;
  content: Buffer;
  method?: number;
  crc?: number;
  size?: number;
}

/** Writes an archive as the format says: files, directory, end record. */
function zip(files: Packed[], { comment = "" } = {}): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, content, method = 8, crc = crc32(content), size = content.length } of files) {
    const packed = method === 8 ? deflateRawSync(content) : content;
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(method, 4);
    common.writeUInt32LE(crc, 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(size, 18);
    common.writeUInt16LE(name.length, 22);
    const header = Buffer.concat([Buffer.from("PK\x03\x04"), common, Buffer.from(name), packed]);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(offset, 10);
    directory.push(Buffer.from("PK\x01\x02"), Buffer.from([20, 0]), common, rest, Buffer.from(name));
    parts.push(header);
    offset += header.length;
  }
  const list = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06");
  end.writeUInt16LE(files.length, 10);
  end.writeUInt32LE(list.length, 12);
  end.writeUInt32LE(offset, 16);
  end.writeUInt16LE(comment.length, 20);
  return Buffer.concat([...parts, list, end, Buffer.from(comment)]);
}

async function unpack(archive: Buffer, name: string): Promise<Buffer> {
  const path = join(folder, "a.zip");
  writeFileSync(path, archive);
  const reader = await ZipReader.open(path);
  try {
    const entry = reader.entries.find((other) => other.name === name);
    await reader.extract(entry!, join(folder, "deep", "out"));
    return readFileSync(join(folder, "deep", "out"));
  } finally {
    await reader.close();
  }
}

async function failure(archive: Buffer, name = "a"): Promise<string> {
  const error = await unpack(archive, name).catch((reason: unknown) => reason as Error);
  return error instanceof Error
    ? error.message.replaceAll(folder, "FOLDER")
    : expect.fail("should have failed");
}

test("stored, deflated and empty files come out as they went in, whatever comment follows", async () => {
  const files = [
    { name: "a", content: text },
    { name: "b/c", content: text, method: 0 },
    { name: "empty", content: Buffer.alloc(0), method: 0 },
  ];
  for (const comment of ["", "PK\x01\x02 is no end"]) {
    const archive = zip(files, { comment });
    for (const { name, content } of files) expect((await unpack(archive, name)).equals(content)).toBe(true);
  }
});

test("an archive that is none, cut off or too large is refused", async () => {
  const whole = zip([{ name: "a", content: text }]);
  expect(await failure(Buffer.from("<html>no such page</html>"))).toMatchInlineSnapshot(
    `"FOLDER/a.zip: must be a whole zip archive, got no directory at its end. Download it again."`,
  );
  expect(await failure(Buffer.alloc(0))).toMatch(/got no directory at its end/u);
  expect(await failure(whole.subarray(0, -30))).toMatch(/got no directory at its end/u);
  expect(await failure(whole.subarray(20))).toMatch(/half a directory|no header for a|ends? too early/u);
  const zip64 = Buffer.from(whole);
  zip64.writeUInt16LE(0xffff, zip64.length - 12);
  expect(await failure(zip64)).toMatch(/got the zip64 format/u);
});

test("a file of other bytes than the directory says is refused", async () => {
  const damaged = zip([{ name: "a", content: text }]);
  damaged[60] = damaged[60]! ^ 0xff;
  expect(await failure(damaged)).toMatch(/must be a whole zip archive/u);
  expect(await failure(zip([{ name: "a", content: text, crc: 1 }]))).toMatchInlineSnapshot(
    `"FOLDER/a.zip: must be a whole zip archive, got 10000 bytes of CRC-32 4dc70bd for a. Download it again."`,
  );
  expect(await failure(zip([{ name: "a", content: text, size: 20_000 }]))).toMatch(
    /got 10000 bytes of CRC-32/u,
  );
  expect(await failure(zip([{ name: "a", content: text, method: 12 }]))).toMatch(/got compression 12 for a/u);
});

test("a file that unpacks to more than it says stops there", async () => {
  const bomb = zip([{ name: "a", content: Buffer.alloc(50_000_000), size: 10 }]);
  expect(await failure(bomb)).toMatchInlineSnapshot(
    `"FOLDER/a.zip: must be a whole zip archive, got "more bytes than announced" in a. Download it again."`,
  );
});
