// Arrow IPC files and streams (.arrow, .feather, .ipc), record batch by record batch. apache-arrow decodes; it is loaded
// with the first such file. What a batch claims of itself is held against its bytes first.
import { isUtf8 } from "node:buffer";
import type { Data, DataType, Schema } from "apache-arrow";
import { DataError } from "../../base/index.ts";
import { indexMessages, readMessage } from "./arrow-messages.ts";
import type { BatchSpan } from "./arrow-messages.ts";
import { damaged, maxChunkBytes, maxChunkCells, sizeOfFile, tooLargeChunk } from "./chunked-file.ts";
import type { ChunkedFile } from "./chunked-file.ts";
import { isoDate, isoTime, plainValue } from "./values.ts";

const endOfStream = Uint8Array.of(255, 255, 255, 255, 0, 0, 0, 0);
const remedy = "Write it with smaller batches (max_chunksize=100_000 in pyarrow).";

/** Opens an Arrow file: finds its record batches, and reads none of them yet. Throws `DataError`. */
export async function openArrow(path: string): Promise<ChunkedFile> {
  const size = await sizeOfFile(path);
  const { schema: schemaSpan, dictionaries, batches } = await indexMessages(path, size);
  const schemaMessage = await readMessage(path, schemaSpan);
  const { Type } = await import("apache-arrow");
  const schema = await readSchema(path, schemaMessage);
  const columns = schema.fields.map(({ name }) => name);
  const twice = columns.find((column, index) => columns.indexOf(column) !== index);
  if (twice !== undefined)
    throw new DataError(
      `${path}: column names must differ, ${JSON.stringify(twice)} stands twice. Rename one.`,
    );
  const opaque = new Map(
    schema.fields.flatMap(({ name, type }) => {
      const what = opaqueContent(type, Type);
      return what === undefined ? [] : [[name, what] as const];
    }),
  );
  let start = 0;
  const starts = batches.map(({ rows }) => (start += rows) - rows);
  const dictionaryBytes = dictionaries.reduce((sum, { bytes }) => sum + bytes, 0);
  return {
    path,
    columns,
    opaque,
    rowCounts: batches.map(({ rows }) => rows),
    unit: "row",
    async readChunk(chunk, wanted) {
      const span = batches[chunk]!;
      checkSize(path, { chunk, span, dictionaryBytes, numColumns: wanted.length });
      const messages = [
        schemaMessage,
        ...(await Promise.all(
          dictionaries.slice(0, span.numDictionaries).map((one) => readMessage(path, one)),
        )),
        await readMessage(path, span),
        endOfStream,
      ];
      const { RecordBatchReader } = await import("apache-arrow");
      try {
        const batch = RecordBatchReader.from(Buffer.concat(messages)).next().value!;
        const indices = wanted.map((name) => columns.indexOf(name));
        for (const index of indices) {
          const data = batch.data.children[index] as Data;
          if (data.length !== span.rows)
            throw new Error(
              `column ${JSON.stringify(columns[index])} has ${data.length} rows of ${span.rows}`,
            );
          checkData(data, Type);
        }
        const values = indices.map((index) => {
          const convert = converter(schema.fields[index]!.type, Type);
          const vector = batch.getChildAt(index)!;
          return Array.from({ length: span.rows }, (_, row) => convert(vector, row));
        });
        return {
          values,
          positions: Float64Array.from({ length: span.rows }, (_, row) => starts[chunk]! + row + 1),
        };
      } catch (cause) {
        throw damaged(
          path,
          "Arrow",
          `record batch ${chunk} cannot be decoded (${(cause as Error).message})`,
          cause,
        );
      }
    },
  };
}

async function readSchema(path: string, message: Uint8Array): Promise<Schema> {
  const { RecordBatchReader } = await import("apache-arrow");
  try {
    return RecordBatchReader.from(Buffer.concat([message, endOfStream])).open().schema;
  } catch (cause) {
    throw new DataError(
      `${path}: has a type that cannot be read (${(cause as Error).message}). Cast that column, to string say, or write the file as Parquet.`,
      { cause },
    );
  }
}

interface Size {
  chunk: number;
  span: BatchSpan;
  dictionaryBytes: number;
  numColumns: number;
}

function checkSize(path: string, { chunk, span, dictionaryBytes, numColumns }: Size): void {
  const bytes = span.bytes + dictionaryBytes;
  const cells = span.rows * numColumns;
  if (bytes > maxChunkBytes || cells > maxChunkCells)
    throw tooLargeChunk(path, `record batch ${chunk}`, `${bytes} bytes and ${cells} cells`, remedy);
}

type Types = typeof import("apache-arrow").Type;

/** Refuses buffers that are shorter than the number of values asks for; apache-arrow would read what is not there. */
function checkData(data: Data, types: Types): void {
  const { length, typeId, children } = data;
  if (typeId === types.Null) return;
  const offsets = data.valueOffsets as ArrayLike<number | bigint> | undefined;
  const values = data.values as Uint8Array | undefined;
  const isDense =
    typeId === types.List || typeId === types.Map || typeId === types.Utf8 || typeId === types.Binary;
  if (isDense || typeId === types.LargeUtf8 || typeId === types.LargeBinary) {
    if (offsets === undefined || offsets.length < length + 1) {
      if (length > 0) throw new Error(`${length} values have no offsets`);
      return;
    }
    const limit = children.length > 0 ? children[0]!.length : (values?.length ?? 0);
    for (let i = 0, last = 0; i <= length; i++) {
      const offset = Number(offsets[i]);
      if (!(offset >= last && offset <= limit))
        throw new Error(`offset ${i} must lie between ${last} and ${limit}, it is ${offset}`);
      last = offset;
    }
    const isText = typeId === types.Utf8 || typeId === types.LargeUtf8;
    if (isText && !isUtf8(values!.subarray(Number(offsets[0]), Number(offsets[length]))))
      throw new Error("a text is not UTF-8");
  } else if (values !== undefined) {
    const needed = typeId === types.Bool ? Math.ceil((data.offset + length) / 8) : length * data.stride;
    if (values.length < needed)
      throw new Error(`${length} values take ${needed} places, there are ${values.length}`);
  }
  if (data.nullCount > 0 && (data.nullBitmap?.length ?? 0) < Math.ceil(length / 8))
    throw new Error("a null bitmap is too short");
  if (typeId === types.Dictionary) {
    const size = data.dictionary?.length ?? 0;
    for (let i = 0; i < length; i++) {
      const index = Number((values as ArrayLike<number> | undefined)?.[i]);
      if (data.getValid(i) && !(index >= 0 && index < size))
        throw new Error(`index ${index} lies outside of a dictionary of ${size}`);
    }
    for (const part of data.dictionary?.data ?? []) checkData(part as Data, types);
  }
  if (typeId === types.Struct && children.some((child) => child.length < length))
    throw new Error("a struct lacks values");
  for (const child of children) checkData(child, types);
}

/** Is what a value is read from: a vector of apache-arrow, or a list in one. */
interface Values {
  readonly length: number;
  get(index: number): unknown;
  readonly data: readonly Data[];
}

type Convert = (values: Values, row: number) => unknown;

/** Returns what makes a plain value of a type: text, number, truth value, ISO 8601, and lists and objects of them. */
function converter(type: DataType, types: Types): Convert {
  const { typeId } = type;
  if (typeId === types.Timestamp)
    return timestampConverter(type as DataType & { unit: number; timezone?: string | null });
  if (typeId === types.Date)
    return (values, row) => orNull(values.get(row), (time) => isoDate(Math.floor(Number(time) / 86_400_000)));
  if (typeId === types.Decimal) {
    const { scale } = type as DataType & { scale: number };
    return (values, row) => orNull(values.get(row), (words) => decimal(words as Uint32Array, scale));
  }
  if (typeId === types.Dictionary) {
    const convert = converter((type as DataType & { dictionary: DataType }).dictionary, types);
    return (values, row) => {
      const data = values.data[0]!;
      if (values.get(row) === null) return null;
      return convert(data.dictionary as unknown as Values, Number((data.values as ArrayLike<number>)[row]));
    };
  }
  if (typeId === types.List || typeId === types.FixedSizeList) {
    const convert = converter(type.children[0]!.type as DataType, types);
    return (values, row) =>
      orNull(values.get(row), (list) => {
        const items = list as Values;
        return Array.from({ length: items.length }, (_, i) => convert(items, i));
      });
  }
  if (typeId === types.Struct || typeId === types.Map)
    return (values, row) =>
      orNull(values.get(row), (record) => plainValue((record as { toJSON(): unknown }).toJSON()));
  return (values, row) => plainValue(values.get(row));
}

/** Times are read from the integers themselves: apache-arrow rounds them to a float of milliseconds. */
function timestampConverter({ unit, timezone }: { unit: number; timezone?: string | null }): Convert {
  const perSecond = 1000 ** unit;
  const zone = timezone === undefined || timezone === null || timezone === "" ? "" : "Z";
  return (values, row) => {
    if (values.get(row) === null) return null;
    return `${isoTime((values.data[0]!.values as BigInt64Array)[row]!, perSecond)}${zone}`;
  };
}

function orNull<T>(value: unknown, convert: (value: NonNullable<unknown>) => T): T | null {
  return value === null || value === undefined ? null : convert(value);
}

/** Makes a number of 32-bit words, the lowest first, in two's complement. */
function decimal(words: Uint32Array, scale: number): number {
  const bits = words.reduceRight((sum, word) => (sum << 32n) | BigInt(word), 0n);
  const digits = BigInt.asIntN(32 * words.length, bits);
  return Number((Number(digits) / 10 ** scale).toFixed(Math.max(0, scale)));
}

function opaqueContent(type: DataType, types: Types): string | undefined {
  const { typeId } = type;
  if (typeId === types.Dictionary)
    return opaqueContent((type as DataType & { dictionary: DataType }).dictionary, types);
  const { precision = 0 } = type as DataType & { precision?: number };
  if (typeId === types.Decimal && precision > 15) return `decimals of ${precision} digits`;
  if (typeId === types.Binary || typeId === types.LargeBinary || typeId === types.FixedSizeBinary)
    return "bytes";
  if (
    typeId === types.Time ||
    typeId === types.Interval ||
    typeId === types.Duration ||
    typeId === types.Union
  )
    return `values of type ${String(type)}`;
  return (type.children ?? [])
    .map((field: { type: DataType }) => opaqueContent(field.type, types))
    .find((what: string | undefined) => what !== undefined);
}
