// Names of dtypes, layouts and memory formats, and libtorch's numbers for them.
import { UsageError, suggestion } from "../base/index.ts";
import { native } from "./native.ts";

export const dtypeCodes = {
  uint8: 0,
  int8: 1,
  int16: 2,
  int32: 3,
  int64: 4,
  float16: 5,
  float32: 6,
  float64: 7,
  complex32: 8,
  complex64: 9,
  complex128: 10,
  bool: 11,
  bfloat16: 15,
  float8_e5m2: 23,
  float8_e4m3fn: 24,
  float8_e5m2fnuz: 25,
  float8_e4m3fnuz: 26,
  uint16: 27,
  uint32: 28,
  uint64: 29,
  float8_e8m0fnu: 44,
} as const;

/** Element type of a tensor, by PyTorch's name. */
export type Dtype = keyof typeof dtypeCodes;
/** Where a tensor lives: `"cpu"`, `"cuda"`, `"cuda:1"`. */
export type Device = string;
export type Layout =
  "strided" | "sparse_coo" | "sparse_csr" | "sparse_csc" | "sparse_bsr" | "sparse_bsc" | "mkldnn" | "jagged";
export type MemoryFormat = "contiguous" | "preserve" | "channels_last" | "channels_last_3d";

const layoutCodes: Record<Layout, number> = {
  strided: 0,
  sparse_coo: 1,
  sparse_csr: 2,
  mkldnn: 3,
  sparse_csc: 4,
  sparse_bsr: 5,
  sparse_bsc: 6,
  jagged: 7,
};
const memoryFormatCodes: Record<MemoryFormat, number> = {
  contiguous: 0,
  preserve: 1,
  channels_last: 2,
  channels_last_3d: 3,
};
const dtypeNames = new Map<number, Dtype>(
  Object.entries(dtypeCodes).map(([name, code]) => [code, name as Dtype]),
);

/** The dtypes that factories may use for floating-point numbers. */
export type DefaultDtype = "float32" | "float64" | "bfloat16" | "float16";

let defaultDtype: DefaultDtype = "float32";

/** Returns the dtype that factories use for floating-point numbers; `float32` unless set. */
export function getDefaultDtype(): DefaultDtype {
  return defaultDtype;
}

/** Sets the dtype that factories use for floating-point numbers. */
export function setDefaultDtype(dtype: DefaultDtype): void {
  if (!["float32", "float64", "bfloat16", "float16"].includes(dtype)) {
    throw new UsageError(
      `setDefaultDtype: needs a floating-point dtype, got ${JSON.stringify(dtype)}. Valid: bfloat16, float16, float32, float64.`,
    );
  }
  native.setDefaultDtype(dtypeCodes[dtype]); // of the process, where JavaScript's copy is of this thread
  defaultDtype = dtype;
}

export function defaultDtypeCode(): number {
  return dtypeCodes[defaultDtype];
}

export function dtypeCode(dtype: Dtype): number;
export function dtypeCode(dtype: Dtype | null | undefined): number | undefined;
export function dtypeCode(dtype: Dtype | null | undefined): number | undefined {
  return lookUp("dtype", dtypeCodes, dtype);
}

export function dtypeName(code: number): Dtype {
  const name = dtypeNames.get(code);
  if (name === undefined) throw new UsageError(`dtype: libtorch's type number ${code} has no name here.`);
  return name;
}

export function layoutCode(layout: Layout | null | undefined): number | undefined {
  return lookUp("layout", layoutCodes, layout);
}

export function layoutName(code: number): Layout {
  const found = Object.entries(layoutCodes).find(([, known]) => known === code);
  if (found === undefined) throw new UsageError(`layout: libtorch's layout number ${code} has no name here.`);
  return found[0] as Layout;
}

export function memoryFormatCode(format: MemoryFormat | null | undefined): number | undefined {
  return lookUp("memory format", memoryFormatCodes, format);
}

/** Whether numbers of this dtype have fractions (gradients are defined for these and for complex ones). */
export function isFloatingPoint(dtype: Dtype): boolean {
  return dtype.startsWith("float") || dtype === "bfloat16";
}

export function isComplex(dtype: Dtype): boolean {
  return dtype.startsWith("complex");
}

/** Range and width of the dtypes that hold whole numbers. */
export function integerBits(dtype: Dtype): { bits: number; signed: boolean } | undefined {
  const parts = /^(u?)int(\d+)$/.exec(dtype);
  return parts === null ? undefined : { bits: Number(parts[2]), signed: parts[1] === "" };
}

function lookUp(kind: string, codes: Readonly<Record<string, number>>, name: string | null | undefined) {
  if (name === undefined || name === null) return undefined;
  // only a string is looked up: making a name of a list with 2^32 holes takes minutes
  if (typeof name === "string" && Object.hasOwn(codes, name)) return codes[name];
  const given = typeof name === "string" ? `"${name}"` : `of type ${typeof name}`;
  const alternatives = suggestion(typeof name === "string" ? name : "", Object.keys(codes));
  throw new UsageError(`${kind}: unknown name ${given}. ${alternatives}`);
}
