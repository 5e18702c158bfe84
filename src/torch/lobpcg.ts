// A few eigenpairs of a large symmetric matrix, by locally optimal block preconditioned conjugate gradients; after
// torch/_lobpcg.py (Knyazev, 2001; Stathopoulos and Wu, 2002; Duersch et al., 2018).
import { ShapeError, UsageError } from "../base/index.ts";
import { AutogradFunction } from "./autograd/function.ts";
import type { FunctionContext } from "./autograd/function.ts";
import { noGrad } from "./grad-mode.ts";
import { product } from "./low-rank.ts";
import { cat, diagEmbed, eye, linalg, randn, stack, where, zeros } from "./ops.generated.ts";
import { scope } from "./scope.ts";
import type { Tensor } from "./tensor.ts";

/** What the tracker of `lobpcg` sees after each iteration; the tensors are freed when it returns. */
export interface LobpcgProgress {
  /** From 0 on. */
  step: number;
  /** Which matrix of a batch. */
  batchIndex: number;
  /** How many of the first eigenpairs have converged. */
  converged: number;
  /** Shapes: `[n]`. */
  eigenvalues: Tensor;
  /** Shapes: `[m, n]`. */
  eigenvectors: Tensor;
  /** Relative residuals, which must be below `tol`. Shapes: `[n]`. */
  residuals: Tensor;
}

/** Options of `lobpcg`. */
export interface LobpcgOptions {
  /** The other matrix of the generalized problem `A x = e B x`: symmetric, positive definite. @default the identity */
  B?: Tensor | null;
  /** Eigenvectors to start from. Shapes: `[..., m, n]`. @default random numbers */
  X?: Tensor | null;
  /** How many vectors are iterated, at most a third of m. @default k, or the columns of X */
  n?: number;
  /** A preconditioner, near the inverse of A; with both methods (PyTorch: with "basic"). Shapes: `[m, m]`. @default the identity */
  iK?: Tensor | null;
  /** Ends after so many iterations; 0 and less for no end. @default 1000 */
  niter?: number;
  /** Ends where the relative residuals are below. @default the square root of the dtype's epsilon */
  tol?: number;
  /** Looks for the largest eigenvalues, else for the smallest. @default true */
  largest?: boolean;
  /** "basic" is Knyazev's; "ortho" keeps the search space orthogonal, and is stable. @default "ortho" */
  method?: "basic" | "ortho";
  /** Is called after each iteration; false ends. */
  tracker?: (progress: LobpcgProgress) => boolean | void;
  /** How the method "ortho" orthogonalizes. */
  ortho?: OrthoOptions;
}

/** How the method "ortho" of `lobpcg` orthogonalizes. */
export interface OrthoOptions {
  /** Rounds against the rest of the search space. @default 3 */
  maxOuter?: number;
  /** Rounds among the new vectors. @default 3 */
  maxInner?: number;
  /** Error that is orthogonal enough. @default tol */
  tol?: number;
  /** A vector that adds less is dropped. @default tol */
  tolDrop?: number;
  /** A vector that adds less is scaled up. @default tol */
  tolReplace?: number;
  /** Drops vectors. @default false */
  useDrop?: boolean;
}

/**
 * Returns the `k` largest (or smallest) eigenvalues of a symmetric positive definite matrix, dense or sparse, and their
 * eigenvectors. It needs at least 3 n rows. Gradients flow to a dense real `A` where `B` is not given; its eigenvalues
 * must then differ.
 *
 * Shapes: `A [..., m, m]` -> eigenvalues `[..., k]`, eigenvectors `[..., m, k]`.
 *
 * @example
 * const A = torch.diag(torch.arange(1, 10).float());
 * const [values] = torch.lobpcg(A, 1);
 * values.round().tolist(); // => [9]
 */
export function lobpcg(
  A: Tensor,
  k?: number,
  options: LobpcgOptions = {},
): [eigenvalues: Tensor, eigenvectors: Tensor] {
  if (!A.requiresGrad && options.B?.requiresGrad !== true) return noGrad(() => solve(A, k, options));
  if (options.B !== undefined && options.B !== null) {
    throw new UsageError(
      "lobpcg: gradients are there without B alone, got B. Give A.detach() and B.detach().",
    );
  }
  if (A.layout !== "strided" || A.isComplex()) {
    throw new UsageError(
      `lobpcg: gradients need a dense real A, got ${A.layout} ${A.dtype}. Give A.detach().`,
    );
  }
  // the gradient is symmetric, as the matrix is
  return Eigenpairs.apply(A.add(A.mT).div(2), k, options) as [Tensor, Tensor];
}

class Eigenpairs extends AutogradFunction {
  static override forward(ctx: FunctionContext, A: Tensor, k: number | undefined, options: LobpcgOptions) {
    const [E, X] = solve(A, k, options);
    ctx.saveForBackward(A, E, X);
    return [E, X];
  }

  /** An eigenvector x changes by `(e - A)^+ dA x`, and its eigenvalue e by `x^T dA x`. */
  static override backward(ctx: FunctionContext, dE: Tensor, dX: Tensor) {
    const [A, E, X] = ctx.savedTensors as [Tensor, Tensor, Tensor];
    const [m, k] = [X.size(-2), X.size(-1)];
    const columns = X.mT.unsqueeze(-1); // [..., k, m, 1]
    const shifted = eye(m, { dtype: A.dtype, device: A.device })
      .mul(E.unsqueeze(-1).unsqueeze(-1))
      .sub(A.unsqueeze(-3));
    const corner = zeros([...X.shape.slice(0, -2), k, 1, 1], { dtype: A.dtype, device: A.device });
    // the border keeps the solution orthogonal to the eigenvector, which makes the system regular
    const bordered = cat([cat([shifted, columns], -1), cat([columns.mT, corner], -1)], -2); // [..., k, m + 1, m + 1]
    const right = cat([dX.mT.unsqueeze(-1), corner], -2);
    const moved = linalg.solve(bordered, right).narrow(-2, 0, m).squeeze(-1).mT; // [..., m, k]
    return [X.mul(dE.unsqueeze(-2)).add(moved).matmul(X.mT), null, null];
  }
}

function solve(A: Tensor, wanted: number | undefined, options: LobpcgOptions): [Tensor, Tensor] {
  const {
    B = null,
    X = null,
    iK = null,
    niter = 1000,
    largest = true,
    method = "ortho",
    tracker,
    ortho,
  } = options;
  const m = A.size(-1);
  if (A.size(-2) !== m) throw new ShapeError(`lobpcg: A must be square, got shape [${A.shape.join(", ")}].`);
  if (B !== null && B.shape.join() !== A.shape.join()) {
    throw new ShapeError(
      `lobpcg: B must have the shape of A, [${A.shape.join(", ")}], got [${B.shape.join(", ")}].`,
    );
  }
  if (method !== "basic" && method !== "ortho") {
    throw new UsageError(`lobpcg: method must be "basic" or "ortho", got ${JSON.stringify(method)}.`);
  }
  const k = wanted ?? X?.size(-1) ?? 1;
  const n = X?.size(-1) ?? options.n ?? k;
  if (m < 3 * n || k > n) {
    throw new UsageError(
      `lobpcg: A must have 3 n rows or more and k be at most n, got ${m} rows, n=${n} and k=${k}. Use linalg.eigh for small matrices.`,
    );
  }
  const { dtype, device } = A;
  if (dtype !== "float32" && dtype !== "float64") {
    throw new UsageError(`lobpcg: A must be float32 or float64, got ${dtype}. Convert it.`);
  }
  const tol = options.tol ?? Math.sqrt(dtype === "float32" ? 1.2e-7 : 2.23e-16);
  const run = (a: Tensor, b: Tensor | null, x: Tensor | null, batchIndex: number): [Tensor, Tensor] => {
    const start = x?.clone() ?? randn([m, n], { dtype, device });
    if (start.shape.join() !== `${m},${n}`) {
      throw new ShapeError(`lobpcg: X must have shape [${m}, ${n}], got [${start.shape.join(", ")}].`);
    }
    const settings = { k, n, niter, tol, largest, method, tracker, ortho, batchIndex };
    const { E, X: vectors } = new Iteration(a, b, start, iK, settings).run();
    return [E.narrow(0, 0, k), vectors.narrow(1, 0, k)];
  };
  if (A.ndim === 2) return run(A, B, X, 0);
  const flat = (tensor: Tensor | null) => tensor?.reshape([-1, ...tensor.shape.slice(-2)]).unbind(0) ?? null;
  const [bs, xs] = [flat(B), flat(X)];
  const pairs = flat(A)!.map((a, i) => run(a, bs?.[i] ?? null, xs?.[i] ?? null, i));
  const batch = A.shape.slice(0, -2);
  return [
    stack(pairs.map(([values]) => values)).reshape([...batch, k]),
    stack(pairs.map(([, vectors]) => vectors)).reshape([...batch, m, k]),
  ];
}

interface Settings {
  k: number;
  n: number;
  niter: number;
  tol: number;
  largest: boolean;
  method: "basic" | "ortho";
  tracker: LobpcgOptions["tracker"];
  ortho: OrthoOptions | undefined;
  batchIndex: number;
}

/** The state of one matrix: eigenpairs E and X, residuals R, and the search space S of X, directions and residuals. */
class Iteration {
  readonly E: Tensor;
  readonly X: Tensor;
  readonly #R: Tensor;
  readonly #S: Tensor;
  readonly #A: Tensor;
  readonly #B: Tensor | null;
  readonly #iK: Tensor | null;
  readonly #settings: Settings;
  readonly #ortho: Required<OrthoOptions>;
  #normA = 0;
  #normB = 0;
  #converged = 0;
  #width = 0; // how many columns of S are in use

  constructor(A: Tensor, B: Tensor | null, X: Tensor, iK: Tensor | null, settings: Settings) {
    const [{ n, tol }, { dtype, device }] = [settings, X];
    const m = X.size(0);
    [this.#A, this.#B, this.X, this.#iK, this.#settings] = [A, B, X, iK, settings];
    this.E = zeros([n], { dtype, device });
    this.#R = zeros([m, n], { dtype, device });
    this.#S = zeros([m, 3 * n], { dtype, device });
    const { maxOuter = 3, maxInner = 3, useDrop = false } = settings.ortho ?? {};
    const { tol: enough = tol, tolDrop = tol, tolReplace = tol } = settings.ortho ?? {};
    this.#ortho = { maxOuter, maxInner, useDrop, tol: enough, tolDrop, tolReplace };
  }

  run(): this {
    const { k, niter } = this.#settings;
    let mayGoOn = true;
    for (let step = 0; mayGoOn; step++) {
      scope(() => {
        const told = this.#update(step);
        mayGoOn = told !== false && step + 1 !== niter && this.#converged < k;
      });
    }
    return this;
  }

  #update(step: number): boolean | void {
    if (step === 0) {
      const size = norm(this.X);
      this.#normA = norm(product(this.#A, this.X)) / size;
      this.#normB = norm(this.#timesB(this.X)) / size;
    }
    const residuals = this.#settings.method === "basic" ? this.#updateBasic(step) : this.#updateOrtho(step);
    const { tracker, batchIndex } = this.#settings;
    const [eigenvalues, eigenvectors, converged] = [this.E, this.X, this.#converged];
    return tracker?.({ step, batchIndex, converged, eigenvalues, eigenvectors, residuals });
  }

  #updateBasic(step: number): Tensor {
    const { n, largest } = this.#settings;
    const done = this.#converged;
    const S = step === 0 ? this.X : this.#S.narrow(1, done, this.#width - done);
    const Ri = this.#rayleighRitz(S);
    const [E, Z] = eigenpairs(quadratic(quadratic(this.#A, S), Ri), largest);
    const ritz = (first: number, count: number) => S.matmul(Ri.matmul(Z.narrow(1, first, count)));
    const directions = step === 0 ? null : ritz(n, n - done);
    this.X.narrow(1, done, n - done).copy_(ritz(0, n - done));
    this.E.narrow(0, done, n - done).copy_(E.narrow(0, 0, n - done));
    const residuals = this.#measure();
    const R = this.#R.narrow(1, step === 0 ? 0 : this.#converged, step === 0 ? n : n - this.#converged);
    this.#fill(directions, () => this.#precondition(R));
    return residuals;
  }

  #updateOrtho(step: number): Tensor {
    const { n, largest } = this.#settings;
    const done = this.#converged;
    if (step === 0) {
      const Ri = this.#rayleighRitz(this.X);
      const [, Z] = eigenpairs(quadratic(quadratic(this.#A, this.X), Ri), largest);
      this.X.copy_(this.X.matmul(Ri.matmul(Z)));
      const residuals = this.#measure();
      this.#fill(null, () => this.#orthogonal(this.#precondition(this.#R), this.X));
      return residuals;
    }
    const S = this.#S.narrow(1, done, this.#width - done);
    const [E, Z] = eigenpairs(quadratic(this.#A, S), largest);
    const [left, rest] = [n - done, Z.size(1) - (n - done)];
    const across = linalg.qr(Z.narrow(0, 0, left).narrow(1, left, rest).mT)[0];
    const directions = S.matmul(Z.narrow(1, left, rest).matmul(across));
    this.X.narrow(1, done, left).copy_(S.matmul(Z.narrow(1, 0, left)));
    this.E.narrow(0, done, left).copy_(E.narrow(0, 0, left));
    const residuals = this.#measure();
    const R = this.#R.narrow(1, this.#converged, n - this.#converged);
    this.#fill(directions, (space) => this.#orthogonal(this.#precondition(R), space));
    return residuals;
  }

  /** Computes the residuals, counts the pairs that have converged, and returns the relative residuals. */
  #measure(): Tensor {
    this.#R.copy_(product(this.#A, this.X).sub(this.#timesB(this.X).mul(this.E)));
    const scale = this.E.abs().mul(this.#normB).add(this.#normA);
    const relative = linalg.vectorNorm(this.#R, 2, [0]).div(linalg.vectorNorm(this.X, 2, [0]).mul(scale));
    const flags = relative.lt(this.#settings.tol).tolist() as boolean[];
    const first = flags.indexOf(false);
    const count = first < 0 ? flags.length : first;
    if (count < this.#converged) {
      throw new UsageError(
        `lobpcg: eigenpairs that had converged no longer do, ${count} of ${this.#converged}. Use method "ortho", or a larger tol.`,
      );
    }
    this.#converged = count;
    return relative;
  }

  /** Makes the next search space: the eigenvectors, the last directions, and what `more` adds to these. */
  #fill(directions: Tensor | null, more: (space: Tensor) => Tensor): void {
    const { n } = this.#settings;
    this.#S.narrow(1, 0, n).copy_(this.X);
    const width = n + (directions?.size(1) ?? 0);
    if (directions !== null) this.#S.narrow(1, n, width - n).copy_(directions);
    const added = more(this.#S.narrow(1, 0, width));
    this.#S.narrow(1, width, added.size(1)).copy_(added);
    this.#width = width + added.size(1);
  }

  /** Turns the generalized problem in the space S into a standard one (Duersch et al., 2018). */
  #rayleighRitz(S: Tensor): Tensor {
    const SBS = quadratic(this.#B, S);
    const scale = SBS.diagonal().pow(-0.5);
    const R = linalg.cholesky(SBS.mul(scale).mul(scale.unsqueeze(1)), { upper: true });
    return linalg.solveTriangular(R, diagEmbed(scale), { upper: true, left: false });
  }

  /** Makes the columns of U orthonormal, and orthogonal to those of V, with respect to B. */
  #orthogonal(from: Tensor, V: Tensor): Tensor {
    const { maxOuter, maxInner, tol, tolDrop, tolReplace, useDrop } = this.#ortho;
    const normBV = norm(this.#timesB(V));
    let U = from;
    let VBU = V.mT.matmul(this.#timesB(U));
    for (let outer = 0; outer < maxOuter; outer++) {
      U = U.sub(V.matmul(VBU));
      let BU = U;
      for (let inner = 0; inner < maxInner; inner++) {
        U = this.#orthonormal(U, useDrop && inner > 0, useDrop && inner === 0 ? tolDrop : tolReplace);
        if (U.numel === 0) return U;
        BU = this.#timesB(U);
        const UBU = U.mT.matmul(BU);
        const error = norm(UBU.sub(eye(UBU.size(1), { dtype: U.dtype, device: U.device })));
        if (error / (norm(BU) * norm(U)) < tol) break;
      }
      VBU = V.mT.matmul(BU);
      if (norm(VBU) / (normBV * norm(U)) < tol) break;
      if (U.size(0) < U.size(1) + V.size(1)) {
        throw new UsageError(
          `lobpcg: the search space must fit the ${U.size(0)} rows, got ${U.size(1) + V.size(1)} columns. Take a smaller n.`,
        );
      }
    }
    return U;
  }

  /** Orthonormal columns that span those of U, by the eigenvalues of their products (Stathopoulos and Wu, 2002). */
  #orthonormal(from: Tensor, drop: boolean, threshold: number): Tensor {
    let U = from;
    if (U.numel === 0) return U;
    const isThere = quadratic(this.#B, U).diagonal().ne(0);
    if (!isThere.all().item()) U = U.indexSelect(1, isThere.nonzero().squeeze(1));
    if (U.numel === 0) return U;
    const UBU = quadratic(this.#B, U);
    const scale = UBU.diagonal().pow(-0.5);
    let [E, Z] = eigenpairs(UBU.mul(scale.unsqueeze(1)).mul(scale), false);
    const least = E.abs().max().mul(threshold);
    if (drop) {
      const kept = E.gt(least).nonzero().squeeze(1);
      [E, Z] = [E.indexSelect(0, kept), Z.indexSelect(1, kept)];
    } else {
      E = where(E.lt(least), least, E);
    }
    return U.mul(scale).matmul(Z.mul(E.pow(-0.5)));
  }

  #precondition(R: Tensor): Tensor {
    return this.#iK === null ? R : product(this.#iK, R);
  }

  #timesB(x: Tensor): Tensor {
    return this.#B === null ? x : product(this.#B, x);
  }
}

function norm(x: Tensor): number {
  return linalg.vectorNorm(x).item() as number;
}

/** `S^T A S`; null is the identity. */
function quadratic(A: Tensor | null, S: Tensor): Tensor {
  return S.mT.matmul(A === null ? S : product(A, S));
}

function eigenpairs(A: Tensor, largest: boolean): [Tensor, Tensor] {
  const [E, Z] = linalg.eigh(A, { UPLO: "U" });
  return largest ? [E.flip([-1]), Z.flip([-1])] : [E, Z];
}
