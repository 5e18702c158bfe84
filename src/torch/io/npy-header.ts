// The header of a .npy file: versions 1 to 3, read by a grammar of its own, since Python's reader evaluates it.
// Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
import { FileError } from "../../base/index.ts";
import type { Dtype } from "../dtype.ts";
import { elementBytes } from "./element-bytes.ts";

/** What a .npy file says of its array. */
export interface NpyHeader {
  dtype: Dtype;
  shape: number[];
  bigEndian: boolean;
  /** Whether the first index runs fastest, as in Fortran. */
  fortranOrder: boolean;
  /** Offset of the first byte of data. */
  dataStart: number;
  dataBytes: number;
}

/** Dtypes by numpy's kind and width. */
const kinds = {
  b1: "bool",
  i1: "int8",
  i2: "int16",
  i4: "int32",
  i8: "int64",
  u1: "uint8",
  u2: "uint16",
  u4: "uint32",
  u8: "uint64",
  f2: "float16",
  f4: "float32",
  f8: "float64",
  c8: "complex64",
  c16: "complex128",
} as const satisfies Record<string, Dtype>;

const kindOf = new Map<Dtype, string>(Object.entries(kinds).map(([kind, dtype]) => [dtype, kind]));

const magic = Buffer.from("\x93NUMPY", "latin1");
const alignment = 64;
const growth = 21; // room that numpy leaves for the first size, so that a file can be appended to

/** Most bytes that a header may take; arrays of plain numbers need a few hundred. */
export const maxNpyHeaderBytes = 65_536;

/** Parses the header at the start of `bytes`, which hold it whole or as much as may be one. */
export function parseNpyHeader(path: string, bytes: Buffer): NpyHeader {
  if (bytes.length < 10 || !bytes.subarray(0, 6).equals(magic)) {
    throw damagedNpy(path, "the file must start with \\x93NUMPY, got something else");
  }
  const version = bytes[6]!;
  if (version < 1 || version > 3) throw damagedNpy(path, `the version must be 1, 2 or 3, got ${version}`);
  const lengthBytes = version === 1 ? 2 : 4;
  const start = 8 + lengthBytes;
  const length = bytes.length < start ? 0 : bytes.readUIntLE(8, lengthBytes);
  if (length > maxNpyHeaderBytes || start + length > bytes.length) {
    throw damagedNpy(path, `the header must take at most ${bytes.length - start} bytes, got ${length}`);
  }
  const text = bytes.toString(version === 3 ? "utf8" : "latin1", start, start + length);
  const fields = parseFields(path, text);
  const { dtype, bigEndian } = parseDescription(path, fields.get("descr")!);
  const shape = parseShape(path, fields.get("shape")!);
  const dataBytes = shape.reduce((product, size) => product * size, elementBytes(dtype));
  if (!Number.isSafeInteger(dataBytes)) {
    throw damagedNpy(path, `an array of shape [${shape.join(", ")}] must take fewer bytes`);
  }
  const fortranOrder = fields.get("fortran_order") === "True";
  return { dtype, bigEndian, shape, fortranOrder, dataStart: start + length, dataBytes };
}

/** Returns the header that numpy writes, or undefined where numpy has no such dtype. */
export function encodeNpyHeader(
  dtype: Dtype,
  shape: readonly number[],
  fortranOrder: boolean,
): Buffer | undefined {
  const kind = kindOf.get(dtype);
  if (kind === undefined) return undefined;
  const order = elementBytes(dtype) === 1 ? "|" : "<";
  const sizes = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
  const first = fortranOrder ? shape.at(-1) : shape[0];
  const room = first === undefined ? 0 : growth - String(first).length;
  const text =
    `{'descr': '${order}${kind}', 'fortran_order': ${fortranOrder ? "True" : "False"}, 'shape': (${sizes}), }` +
    " ".repeat(room);
  const padding = alignment - ((10 + text.length + 1) % alignment);
  const header = Buffer.alloc(10);
  magic.copy(header);
  header[6] = 1;
  header.writeUInt16LE(text.length + padding + 1, 8);
  return Buffer.concat([header, Buffer.from(`${text}${" ".repeat(padding)}\n`)]);
}

/** Makes the error of a file that breaks a rule of the format. */
export function damagedNpy(path: string, fault: string): FileError {
  return new FileError(
    `${path}: ${fault}. The file is damaged or no array of numpy: download or save it again.`,
  );
}

/** Reads the dict of the header: these three keys, once each, with a text, a flag and whole numbers. */
function parseFields(path: string, text: string): Map<string, string> {
  const fields = new Map<string, string>();
  const field =
    /\s*'(descr|fortran_order|shape)'\s*:\s*(?:'([^'\\]*)'|(True|False)|\(([\d,\sL]*)\)|(\[))\s*(?:,|(?=\}))/y;
  const body = text.trim();
  field.lastIndex = 1;
  let end = 1;
  for (let match = field.exec(body); match !== null; match = field.exec(body)) {
    const [, name, quoted, flag, sizes, list] = match as unknown as [
      string,
      string,
      ...(string | undefined)[],
    ];
    if (list !== undefined) throw structured(path);
    const expected = { descr: quoted, fortran_order: flag, shape: sizes }[name];
    if (expected === undefined || fields.has(name)) break;
    fields.set(name, expected);
    end = field.lastIndex;
  }
  if (/'descr'\s*:\s*\[/.test(body)) throw structured(path);
  if (fields.size !== 3 || body[0] !== "{" || body.slice(end).trim() !== "}") {
    const shown = JSON.stringify(text.length > 100 ? `${text.slice(0, 97)}...` : text);
    throw damagedNpy(path, `the header must hold descr, fortran_order and shape alone, got ${shown}`);
  }
  return fields;
}

function structured(path: string): FileError {
  return new FileError(
    `${path}: holds a structured array, which no tensor is. Save each field as an array of its own.`,
  );
}

function parseDescription(path: string, text: string): { dtype: Dtype; bigEndian: boolean } {
  const [, order, kind] = /^([<>|=])(\w+)$/.exec(text) ?? [];
  if (kind === "O") {
    throw new FileError(
      `${path}: holds Python objects, which are a pickle and may run code. Save numbers with another dtype.`,
    );
  }
  if (kind === undefined || !Object.hasOwn(kinds, kind)) {
    throw new FileError(
      `${path}: has the dtype ${JSON.stringify(text)}, which no tensor has. Convert it to one of ${Object.keys(kinds).join(", ")}.`,
    );
  }
  return { dtype: kinds[kind as keyof typeof kinds], bigEndian: order === ">" };
}

function parseShape(path: string, text: string): number[] {
  const body = text.trim();
  if (body === "") return [];
  const parts = body.replace(/,$/, "").split(",");
  const sizes = parts.map((part) => (/^\s*\d+L?\s*$/.test(part) ? Number.parseInt(part, 10) : NaN));
  const isTuple = parts.length > 1 || body.endsWith(",");
  if (!isTuple || sizes.length > 64 || !sizes.every((size) => Number.isSafeInteger(size))) {
    throw damagedNpy(path, `the shape must be a tuple of whole numbers, got (${body.slice(0, 100)})`);
  }
  return sizes;
}
