// The header of a safetensors file: its grammar and its rules. Knows no tensors and reads no weights.
// Format: https://github.com/huggingface/safetensors#format
import { FileError } from "../../base/index.ts";
import type { Dtype } from "../dtype.ts";
import { elementBytes } from "./element-bytes.ts";
import { repeatedKey } from "./repeated-key.ts";

/** Where one tensor lies: bytes `start` to `end` after the header. */
export interface TensorEntry {
  dtype: Dtype;
  shape: number[];
  start: number;
  end: number;
}

/** What a safetensors file says of its tensors. */
export interface SafetensorsHeader {
  metadata: Record<string, string>;
  /** In the order of their data. */
  tensors: Map<string, TensorEntry>;
  /** Offset of the first byte of data in the file. */
  dataStart: number;
}

/** Longest header that safetensors reads, in bytes. */
export const maxHeaderBytes = 100_000_000;

/** Dtypes by the format's names, widest first: the order in which safetensors lays tensors out. */
export const formatDtypes = {
  U64: "uint64",
  I64: "int64",
  F64: "float64",
  C64: "complex64",
  F32: "float32",
  U32: "uint32",
  I32: "int32",
  BF16: "bfloat16",
  F16: "float16",
  U16: "uint16",
  I16: "int16",
  F8_E5M2FNUZ: "float8_e5m2fnuz",
  F8_E4M3FNUZ: "float8_e4m3fnuz",
  F8_E8M0: "float8_e8m0fnu",
  F8_E4M3: "float8_e4m3fn",
  F8_E5M2: "float8_e5m2",
  I8: "int8",
  U8: "uint8",
  BOOL: "bool",
} as const satisfies Record<string, Dtype>;

// in the format, but without an element type in sconce
const foreignDtypes = ["F6_E2M3", "F6_E3M2", "F4"];

/**
 * Parses and checks a header: every byte of data must belong to exactly one tensor of a known dtype.
 * `dataBytes` is what the file has after the header.
 */
export function parseHeader(path: string, bytes: Uint8Array, dataBytes: number): SafetensorsHeader {
  const json = parseJson(path, bytes);
  const metadata = parseMetadata(path, json["__metadata__"]);
  const entries = Object.entries(json)
    .filter(([name]) => name !== "__metadata__")
    .map(([name, value]) => [name, parseEntry(path, name, value)] as const)
    .sort(([, a], [, b]) => a.start - b.start || a.end - b.end);
  checkCoverage(path, entries, dataBytes);
  return { metadata, tensors: new Map(entries), dataStart: 8 + bytes.length };
}

function parseJson(path: string, bytes: Uint8Array): Record<string, unknown> {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw damaged(path, "the header must be UTF-8, got other bytes", { cause: error });
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw damaged(path, "the header must be JSON, got other text", { cause: error });
  }
  if (!isObject(json)) throw damaged(path, `the header must be a JSON object, got ${show(json)}`);
  const repeated = repeatedKey(text);
  if (repeated !== undefined) {
    throw damaged(path, `the header must name each key once, got ${JSON.stringify(repeated)} twice`);
  }
  return json;
}

function parseMetadata(path: string, value: unknown): Record<string, string> {
  if (value === undefined) return {};
  if (!isObject(value)) throw damaged(path, `__metadata__ must be an object of strings, got ${show(value)}`);
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== "string") {
      throw damaged(path, `__metadata__.${key} must be a string, got ${show(text)}`);
    }
  }
  return value as Record<string, string>;
}

function parseEntry(path: string, name: string, value: unknown): TensorEntry {
  const where = `tensor "${name}"`;
  if (!isObject(value)) throw damaged(path, `${where} must be an object, got ${show(value)}`);
  const { dtype: dtypeName, shape, data_offsets: offsets } = value;
  if (typeof dtypeName === "string" && foreignDtypes.includes(dtypeName)) {
    throw new FileError(
      `${path}: ${where} has the dtype ${dtypeName}, which sconce cannot hold. ` +
        `Convert it to one of ${Object.keys(formatDtypes).join(", ")}.`,
    );
  }
  const dtype = Object.hasOwn(formatDtypes, String(dtypeName))
    ? formatDtypes[dtypeName as keyof typeof formatDtypes]
    : undefined;
  if (dtype === undefined) {
    const known = Object.keys(formatDtypes).join(", ");
    throw damaged(path, `${where}: dtype must be one of ${known}, got ${show(dtypeName)}`);
  }
  if (!isSizes(shape)) throw damaged(path, `${where}: shape must be whole numbers >= 0, got ${show(shape)}`);
  if (!isSizes(offsets) || offsets.length !== 2 || offsets[0]! > offsets[1]!) {
    throw damaged(
      path,
      `${where}: data_offsets must be [start, end] with start <= end, got ${show(offsets)}`,
    );
  }
  const [start, end] = offsets as [number, number];
  const expected = shape.reduce((product, length) => product * length, elementBytes(dtype));
  if (!Number.isSafeInteger(expected) || end - start !== expected) {
    throw damaged(
      path,
      `${where}: ${dtypeName as string} [${shape.join(", ")}] must take ${expected} bytes, got ${end - start}`,
    );
  }
  return { dtype, shape, start, end };
}

function checkCoverage(
  path: string,
  entries: readonly (readonly [string, TensorEntry])[],
  dataBytes: number,
): void {
  let covered = 0;
  for (const [name, { start, end }] of entries) {
    if (start !== covered) {
      const fault = start < covered ? "overlaps the tensor before it" : "leaves a hole before it";
      throw damaged(
        path,
        `tensor "${name}" must start at byte ${covered} of the data, got ${start}: it ${fault}`,
      );
    }
    covered = end;
  }
  if (covered > dataBytes) {
    throw new FileError(
      `${path}: the tensors must fit the file: they take ${covered} bytes, got ${dataBytes}. ` +
        `The file is cut off: download or copy it again.`,
    );
  }
  if (covered < dataBytes) {
    throw damaged(path, `the tensors must fill the file: they take ${covered} bytes, got ${dataBytes}`);
  }
}

/** Makes the error of a file that breaks a rule of the format. */
export function damaged(path: string, fault: string, options?: ErrorOptions): FileError {
  return new FileError(
    `${path}: ${fault}. The file is damaged or no safetensors file: download or save it again.`,
    options,
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
