// The messages of an Arrow IPC file or stream: where each begins, and how many rows it holds. Only their headers are read
// to find them, so a file need not fit into memory. The layout is that of Arrow's format documents (Message.fbs).
import { open } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { FlatTable } from "../../base/index.ts";
import { damaged, readRange } from "./chunked-file.ts";
import { decompressLz4Frame } from "./lz4.ts";

/** Is a message with its place in the file. */
export interface MessageSpan {
  start: number;
  bodyStart: number;
  end: number;
}

/** Is a message with rows, or with the values of a dictionary. */
export interface BatchSpan extends MessageSpan {
  rows: number;
  /** Bytes of its buffers once they are decompressed. */
  bytes: number;
  isCompressed: boolean;
}

export interface MessageIndex {
  schema: MessageSpan;
  dictionaries: BatchSpan[];
  batches: (BatchSpan & { numDictionaries: number })[];
}

const [schemaType, dictionaryType, batchType] = [1, 2, 3];
const maxHeaderBytes = 2 ** 26;

/** Goes through the messages of a file of `size` bytes; throws a `DataError` where they are not whole. */
export async function indexMessages(path: string, size: number): Promise<MessageIndex> {
  const file = await open(path, "r");
  try {
    const index: Omit<MessageIndex, "schema"> = { dictionaries: [], batches: [] };
    let schema: MessageSpan | undefined;
    for (let at = await messagesStart(path, file, size); at < size;) {
      const message = await readHeader(path, file, at, size);
      if (message === undefined) break;
      const { type, span } = message;
      at = span.end;
      if (type === schemaType) {
        withinHeader(path, span.start, () => checkSchema(message.header));
        schema ??= span;
      }
      if (type !== dictionaryType && type !== batchType) continue;
      const batch = await describeBatch(path, file, message);
      if (type === dictionaryType) index.dictionaries.push(batch);
      else index.batches.push({ ...batch, numDictionaries: index.dictionaries.length });
    }
    if (schema === undefined) throw damaged(path, "Arrow", "it has no schema");
    return { schema, ...index };
  } finally {
    await file.close();
  }
}

async function messagesStart(path: string, file: FileHandle, size: number): Promise<number> {
  const head = await readAt(path, file, 0, Math.min(8, size));
  const magic = Buffer.from(head).toString("latin1");
  if (magic.startsWith("ARROW1")) return 8;
  if (magic.startsWith("FEA1"))
    throw damaged(
      path,
      "Arrow",
      "it is Feather version 1, which pandas.read_feather and to_feather turn into version 2",
    );
  if (head.length === 8 && new DataView(head.buffer).getInt32(0, true) === -1) return 0;
  throw damaged(path, "Arrow", `it must begin with ARROW1 or a message, got ${JSON.stringify(magic)}`);
}

interface Message {
  span: MessageSpan;
  type: number;
  header: FlatTable;
}

/** Reads the header of the message at a place; undefined at the end of the messages. */
async function readHeader(
  path: string,
  file: FileHandle,
  at: number,
  size: number,
): Promise<Message | undefined> {
  const where = `the message at byte ${at}`;
  if (at + 8 > size) throw damaged(path, "Arrow", `it ends within ${where}: it is cut short`);
  const prefix = new DataView((await readAt(path, file, at, 8)).buffer);
  const length = prefix.getInt32(4, true);
  if (prefix.getInt32(0, true) !== -1) throw damaged(path, "Arrow", `there must be a message at byte ${at}`);
  if (length === 0) return undefined;
  if (length < 0 || length > maxHeaderBytes || at + 8 + length > size)
    throw damaged(path, "Arrow", `${where} claims a header of ${length} bytes: it is cut short, or damaged`);
  const bytes = await readAt(path, file, at + 8, length);
  return withinHeader(path, at, () => {
    const message = FlatTable.root(bytes);
    const header = message.table(2);
    const bodyLength = message.int64(3);
    const bodyStart = at + 8 + length;
    if (header === undefined || !(bodyLength >= 0)) throw new RangeError("it has no content");
    if (bodyStart + bodyLength > size)
      throw new RangeError(
        `it claims ${bodyLength} bytes, and the file ends after ${size - bodyStart}: it is cut short`,
      );
    return { span: { start: at, bodyStart, end: bodyStart + bodyLength }, type: message.uint8(1), header };
  });
}

const maxFields = 100_000;

/** Goes through the lists of a schema, which must end: apache-arrow believes their lengths. */
function checkSchema(schema: FlatTable): void {
  let numFields = 0;
  const check = (field: FlatTable, depth: number): void => {
    if (++numFields > maxFields || depth > 64)
      throw new RangeError(`a schema must have at most ${maxFields} fields, 64 deep`);
    field.text(0);
    if (field.uint8(2) === unionType) field.table(3)?.count(1, 4);
    checkNotes(field.tables(6));
    for (const child of field.tables(5)) check(child, depth + 1);
  };
  checkNotes(schema.tables(2));
  for (const field of schema.tables(1)) check(field, 0);
}

const unionType = 14;

function checkNotes(notes: readonly FlatTable[]): void {
  for (const note of notes) {
    note.text(0);
    note.text(1);
  }
}

/** Counts rows and bytes of a batch; what its buffers claim must be possible. */
async function describeBatch(
  path: string,
  file: FileHandle,
  { span, type, header }: Message,
): Promise<BatchSpan> {
  const { rows, buffers, isCompressed } = withinHeader(path, span.start, () => {
    const batch = batchOf(type, header);
    batch.pairs(1); // the lengths of the columns, which apache-arrow reads
    batch.count(4, 8);
    return { rows: batch.int64(0), buffers: batch.pairs(2), isCompressed: batch.table(3) !== undefined };
  });
  if (!(rows >= 0)) throw damaged(path, "Arrow", `the message at byte ${span.start} claims ${rows} rows`);
  let bytes = 0;
  for (const [offset, length] of buffers) {
    if (!(offset >= 0 && length >= 0 && span.bodyStart + offset + length <= span.end))
      throw damaged(path, "Arrow", `a buffer of the message at byte ${span.start} lies outside of it`);
    if (!isCompressed || length === 0) bytes += length;
    else {
      const prefix = await readAt(path, file, span.bodyStart + offset, 8);
      bytes += Math.max(length, Number(new DataView(prefix.buffer).getBigInt64(0, true)));
    }
  }
  return { ...span, rows, bytes, isCompressed };
}

/** Reads a message whole, its buffers decompressed. */
export async function readMessage(path: string, span: MessageSpan & Partial<BatchSpan>): Promise<Uint8Array> {
  const bytes = await readRange(path, span.start, span.end);
  if (span.isCompressed !== true) return bytes;
  const head = bytes.subarray(0, span.bodyStart - span.start);
  const body = bytes.subarray(head.length);
  const message = FlatTable.root(head.subarray(8));
  const { batch, codec } = withinHeader(path, span.start, () => {
    const found = batchOf(message.uint8(1), message.table(2)!);
    return { batch: found, codec: found.table(3)!.uint8(0) };
  });
  const parts: Uint8Array[] = [];
  let end = 0;
  for (const [index, [offset, length]] of batch.pairs(2).entries()) {
    const content =
      length === 0
        ? body.subarray(0, 0)
        : await decompress(path, codec, body.subarray(offset, offset + length));
    batch.setPair(2, index, [end, content.length]);
    const padding = -content.length & 7;
    parts.push(content, new Uint8Array(padding));
    end += content.length + padding;
  }
  batch.clear(3);
  message.setInt64(3, end);
  return Buffer.concat([head, ...parts]);
}

/** Decompresses a buffer: 8 bytes of its length, or -1 where it is stored as it is, and then the data. */
async function decompress(path: string, codec: number, buffer: Uint8Array): Promise<Uint8Array> {
  const length = Number(new DataView(buffer.buffer, buffer.byteOffset).getBigInt64(0, true));
  const data = buffer.subarray(8);
  if (length === -1) return data;
  try {
    if (length < 0) throw new Error(`it claims ${length} bytes`);
    if (codec === 0) return decompressLz4Frame(data, length);
    const { compressors } = await import("hyparquet-compressors");
    const content = compressors.ZSTD!(data, length);
    if (content.length !== length) throw new Error(`it claims ${length} bytes and has ${content.length}`);
    return content;
  } catch (cause) {
    throw damaged(path, "Arrow", `a compressed buffer cannot be read (${(cause as Error).message})`, cause);
  }
}

function batchOf(type: number, header: FlatTable): FlatTable {
  const batch = type === batchType ? header : header.table(1);
  if (batch === undefined) throw new RangeError("a dictionary has no values");
  return batch;
}

function withinHeader<T>(path: string, at: number, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw damaged(path, "Arrow", `the message at byte ${at}: ${cause.message}`, cause);
  }
}

async function readAt(
  path: string,
  file: FileHandle,
  at: number,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  const { bytesRead } = await file.read(bytes, 0, length, at);
  if (bytesRead < length) throw damaged(path, "Arrow", `it ends at byte ${at + bytesRead}: it is cut short`);
  return bytes;
}
