// Singular values and principal components of matrices of low rank, by random projection; after torch/_lowrank.py
// (Halko, Martinsson and Tropp, 2009).
import { UsageError } from "../base/index.ts";
import { linalg, matmul, randn } from "./ops.generated.ts";
import { rawOp } from "./raw.ts";
import { wrap } from "./binding.ts";
import type { Tensor } from "./tensor.ts";

const sparseMm = rawOp("_sparse_mm");

/** Options of `svdLowrank`. */
export interface SvdLowrankOptions {
  /** How many singular values; somewhat more than the rank is exact. @default 6 */
  q?: number;
  /** How often the projection is refined. @default 2 */
  niter?: number;
  /** Is subtracted from the matrix first, broadcast to its shape. */
  M?: Tensor | null;
}

/** Options of `pcaLowrank`. */
export interface PcaLowrankOptions {
  /** How many components, at most the smaller side. @default 6, or the smaller side */
  q?: number;
  /** Subtracts the mean of each column first. @default true */
  center?: boolean;
  /** How often the projection is refined. @default 2 */
  niter?: number;
}

/**
 * Returns an approximate singular value decomposition `A = U diag(S) V^H` of a matrix of low rank, or of a sparse one. It
 * draws random numbers: seed for results that repeat. For other dense matrices `linalg.svd` is faster.
 *
 * Shapes: `A [..., m, n]` -> `U [..., m, q]`, `S [..., q]`, `V [..., n, q]`.
 *
 * @example
 * const A = torch.ones([5, 1]).matmul(torch.ones([1, 4]));
 * torch.svdLowrank(A, { q: 2 })[1].shape; // => [2]
 */
export function svdLowrank(
  A: Tensor,
  { q = 6, niter = 2, M = null }: SvdLowrankOptions = {},
): [U: Tensor, S: Tensor, V: Tensor] {
  const mean = M?.broadcastTo(A.shape) ?? null;
  const isWide = A.size(-2) < A.size(-1);
  const [tall, shift] = isWide ? [A.adjoint(), mean?.adjoint() ?? null] : [A, mean];
  const Q = basisOf(tall, q, niter, shift);
  const B = shifted(tall, shift, (matrix) => product(matrix.adjoint(), Q).adjoint()); // Q^H A
  const [inner, S, Vh] = linalg.svd(B, { fullMatrices: false });
  const [U, V] = [Q.matmul(inner), Vh.adjoint()];
  return isWide ? [V, S, U] : [U, S, V];
}

/**
 * Returns the principal components of data of low rank: `U diag(S) V^H` approximates the centred data, the columns of `V`
 * are the principal directions, `A V` the data in these, and `S^2 / (m - 1)` their variances. It draws random numbers.
 *
 * Shapes: `A [..., m, n]`, m samples of n features -> `U [..., m, q]`, `S [..., q]`, `V [..., n, q]`.
 *
 * @example
 * const [, , V] = torch.pcaLowrank(torch.tensor([[1, 1], [2, 2], [3, 3]]), { q: 1 });
 * V.abs().mul(2).pow(2).round().tolist(); // => [[2], [2]]
 */
export function pcaLowrank(
  A: Tensor,
  { q, center = true, niter = 2 }: PcaLowrankOptions = {},
): [U: Tensor, S: Tensor, V: Tensor] {
  const [m, n] = [A.size(-2), A.size(-1)];
  const most = Math.min(m, n);
  const count = q ?? Math.min(6, most);
  if (!(Number.isInteger(count) && count >= 0 && count <= most)) {
    throw new UsageError(`pcaLowrank: q must be a whole number in [0, ${most}], got ${q}.`);
  }
  if (!(Number.isInteger(niter) && niter >= 0)) {
    throw new UsageError(`pcaLowrank: niter must be a whole number from 0, got ${niter}.`);
  }
  if (!center) return svdLowrank(A, { q: count, niter });
  if (A.layout !== "sparse_coo") {
    return svdLowrank(A.sub(A.mean(-2, { keepdim: true })), { q: count, niter });
  }
  if (A.ndim !== 2) {
    throw new UsageError(`pcaLowrank: a sparse matrix must have 2 dimensions, got ${A.ndim}.`);
  }
  // the mean is subtracted from the products: the data stay sparse
  return svdLowrank(A, { q: count, niter, M: A.sum(0).toDense().div(m).unsqueeze(0) });
}

/** Orthonormal columns that span most of what the matrix maps to. */
function basisOf(A: Tensor, q: number, niter: number, M: Tensor | null): Tensor {
  const dtype = A.isComplex() || A.isFloatingPoint() ? A.dtype : "float32";
  const through = (matrix: Tensor, mean: Tensor | null, x: Tensor): Tensor =>
    linalg.qr(shifted(matrix, mean, (part) => product(part, x)))[0];
  let Q = through(A, M, randn([A.size(-1), q], { dtype, device: A.device }));
  const [Ah, Mh] = [A.adjoint(), M?.adjoint() ?? null];
  for (let i = 0; i < niter; i++) Q = through(A, M, through(Ah, Mh, Q));
  return Q;
}

/** What is linear in a matrix, of the matrix less its mean. */
function shifted(A: Tensor, M: Tensor | null, linear: (matrix: Tensor) => Tensor): Tensor {
  return M === null ? linear(A) : linear(A).sub(linear(M));
}

/** The product of a matrix, dense or sparse, with a dense one. */
export function product(A: Tensor, x: Tensor): Tensor {
  return A.layout === "sparse_coo" ? wrap(sparseMm(A.handle, x.handle) as number) : matmul(A, x);
}
