// Names of dtypes, layouts and memory formats as constants, for code that comes from Python: `torch.float32`. Each is
// the string that stands for it everywhere, so `"float32"` says the same.
import type { Dtype, Layout, MemoryFormat } from "./dtype.ts";

/** Whole numbers without a sign, of 8 bits. */
export const uint8 = "uint8" as const satisfies Dtype;
/** Whole numbers without a sign, of 16 bits. */
export const uint16 = "uint16" as const satisfies Dtype;
/** Whole numbers without a sign, of 32 bits. */
export const uint32 = "uint32" as const satisfies Dtype;
/** Whole numbers without a sign, of 64 bits. */
export const uint64 = "uint64" as const satisfies Dtype;
/** Whole numbers of 8 bits. */
export const int8 = "int8" as const satisfies Dtype;
/** Whole numbers of 16 bits; `short` is the same. */
export const int16 = "int16" as const satisfies Dtype;
export const short = int16;
/** Whole numbers of 32 bits; `int` is the same. */
export const int32 = "int32" as const satisfies Dtype;
export const int = int32;
/** Whole numbers of 64 bits; `long` is the same. */
export const int64 = "int64" as const satisfies Dtype;
export const long = int64;
/** IEEE numbers of 16 bits; `half` is the same. */
export const float16 = "float16" as const satisfies Dtype;
export const half = float16;
/** Numbers with the range of float32 and 8 bits of precision. */
export const bfloat16 = "bfloat16" as const satisfies Dtype;
/** IEEE numbers of 32 bits, the default; `float` is the same. */
export const float32 = "float32" as const satisfies Dtype;
export const float = float32;
/** IEEE numbers of 64 bits, as JavaScript's own; `double` is the same. */
export const float64 = "float64" as const satisfies Dtype;
export const double = float64;
/** Numbers of 8 bits: 4 of exponent, 3 of mantissa, no infinities. */
export const float8_e4m3fn = "float8_e4m3fn" as const satisfies Dtype;
/** Numbers of 8 bits: 4 of exponent, 3 of mantissa, neither infinities nor -0. */
export const float8_e4m3fnuz = "float8_e4m3fnuz" as const satisfies Dtype;
/** Numbers of 8 bits: 5 of exponent, 2 of mantissa. */
export const float8_e5m2 = "float8_e5m2" as const satisfies Dtype;
/** Numbers of 8 bits: 5 of exponent, 2 of mantissa, neither infinities nor -0. */
export const float8_e5m2fnuz = "float8_e5m2fnuz" as const satisfies Dtype;
/** Powers of two, as scales of 8-bit numbers use them. */
export const float8_e8m0fnu = "float8_e8m0fnu" as const satisfies Dtype;
/** Pairs of float16; `chalf` is the same. */
export const complex32 = "complex32" as const satisfies Dtype;
export const chalf = complex32;
/** Pairs of float32; `cfloat` is the same. */
export const complex64 = "complex64" as const satisfies Dtype;
export const cfloat = complex64;
/** Pairs of float64; `cdouble` is the same. */
export const complex128 = "complex128" as const satisfies Dtype;
export const cdouble = complex128;
/** True and false. */
export const bool = "bool" as const satisfies Dtype;

/** Every element in memory, each dimension at its own step: the default layout. */
export const strided = "strided" as const satisfies Layout;
/** The places and values of the elements that are kept. */
export const sparseCoo = "sparse_coo" as const satisfies Layout;
/** Rows of a sparse matrix, compressed. */
export const sparseCsr = "sparse_csr" as const satisfies Layout;
/** Columns of a sparse matrix, compressed. */
export const sparseCsc = "sparse_csc" as const satisfies Layout;
/** Rows of blocks of a sparse matrix, compressed. */
export const sparseBsr = "sparse_bsr" as const satisfies Layout;
/** Columns of blocks of a sparse matrix, compressed. */
export const sparseBsc = "sparse_bsc" as const satisfies Layout;
/** Rows of different lengths, one after another. */
export const jagged = "jagged" as const satisfies Layout;

/** Row-major memory: the last dimension is densest. */
export const contiguousFormat = "contiguous" as const satisfies MemoryFormat;
/** Memory in the order that the input's has. */
export const preserveFormat = "preserve" as const satisfies MemoryFormat;
/** `[items, channels, height, width]` with the channels densest, which convolutions may be faster in. */
export const channelsLast = "channels_last" as const satisfies MemoryFormat;
/** `[items, channels, depth, height, width]` with the channels densest. */
export const channelsLast3d = "channels_last_3d" as const satisfies MemoryFormat;
