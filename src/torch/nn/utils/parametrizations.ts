// The parametrizations of torch.nn.utils.parametrizations: weight norm, spectral norm, orthogonal matrices.
import { ShapeError, UsageError, suggestion } from "../../../base/index.ts";
import { noGrad } from "../../grad-mode.ts";
import * as torch from "../../ops.generated.ts";
import { ops } from "../../raw.ts";
import { keep, scope } from "../../scope.ts";
import { Tensor } from "../../tensor.ts";
import { ConvTranspose1d, ConvTranspose2d, ConvTranspose3d } from "../convolution.ts";
import { normalize } from "../functional/normalization.ts";
import { Module } from "../module.ts";
import { NotInvertible, registerParametrization } from "./parametrize.ts";

class WeightNorm extends Module {
  readonly dim: number;

  constructor(dim: number | null) {
    super();
    this.dim = dim ?? -1;
  }

  override forward(g: Tensor, v: Tensor): Tensor {
    return ops["aten"]._weight_norm(v, g, this.dim) as Tensor;
  }

  rightInverse(weight: Tensor): Tensor[] {
    return [torch.normExceptDim(weight, 2, this.dim), weight];
  }
}

/**
 * Splits a weight into length (`original0`) and direction (`original1`) for each slice along `dim`, or for the whole
 * with null (Salimans and Kingma, 2016). Reads weights saved by the older `weight_g` and `weight_v` too.
 */
export function weightNorm<M extends Module>(
  module: M,
  { name = "weight", dim = 0 }: { name?: string; dim?: number | null } = {},
): M {
  registerParametrization(module, name, new WeightNorm(dim), { unsafe: true });
  module.registerLoadStateDictPreHook((_module, state, prefix) => {
    for (const [i, part] of ["g", "v"].entries()) {
      const old = state.get(`${prefix}${name}_${part}`);
      if (old === undefined) continue;
      state.delete(`${prefix}${name}_${part}`);
      state.set(`${prefix}parametrizations.${name}.original${i}`, old);
    }
  });
  return module;
}

/** Options of `spectralNorm`. */
export interface SpectralNormOptions {
  /** @default "weight" */
  name?: string;
  /** Steps of the power method at each use while training. @default 1 */
  nPowerIterations?: number;
  /** @default 1e-12 */
  eps?: number;
  /** Which dimension counts the outputs. @default 1 for transposed convolutions, 0 otherwise */
  dim?: number;
}

class SpectralNorm extends Module {
  declare readonly _u: Tensor;
  declare readonly _v: Tensor;
  readonly dim: number;
  readonly eps: number;
  readonly nPowerIterations: number;

  constructor(weight: Tensor, { nPowerIterations = 1, eps = 1e-12, dim = 0 }: SpectralNormOptions) {
    super();
    if (!(nPowerIterations > 0)) {
      throw new UsageError(`spectralNorm: nPowerIterations must be positive, got ${nPowerIterations}.`);
    }
    this.dim = dim < 0 ? dim + weight.ndim : dim;
    this.eps = eps;
    this.nPowerIterations = nPowerIterations;
    if (weight.ndim < 2) return; // its norm is its length
    const [u, v] = scope(() =>
      noGrad(() => {
        const matrix = asMatrix(weight, this.dim);
        const drawn = matrix.shape.map((length) =>
          torch.emptyLike(matrix.select(0, 0)).resize_([length]).normal_(0, 1),
        );
        return drawn.map((vector) => normalize(vector, { dim: 0, eps }));
      }),
    ) as [Tensor, Tensor];
    this.registerBuffer("_u", u);
    this.registerBuffer("_v", v);
    powerMethod(this, weight.detach(), 15);
  }

  override forward(weight: Tensor): Tensor {
    if (weight.ndim < 2) return normalize(weight, { dim: 0, eps: this.eps });
    if (this.training) powerMethod(this, weight.detach(), this.nPowerIterations);
    const [u, v] = [this._u.clone(), this._v.clone()]; // the next use changes them in place
    return weight.div(torch.vdot(u, asMatrix(weight, this.dim).mv(v)));
  }

  rightInverse(value: Tensor): Tensor {
    return value;
  }
}

/** Divides a weight by its largest singular value, found by the power method (Miyato et al., 2018). */
export function spectralNorm<M extends Module>(module: M, options: SpectralNormOptions = {}): M {
  const { name = "weight" } = options;
  const isTransposed = [ConvTranspose1d, ConvTranspose2d, ConvTranspose3d].some(
    (kind) => module instanceof kind,
  );
  const weight = weightOf("spectralNorm", module, name);
  return registerParametrization(
    module,
    name,
    new SpectralNorm(weight, { dim: isTransposed ? 1 : 0, ...options }),
  );
}

function asMatrix(weight: Tensor, dim: number): Tensor {
  const order = [dim, ...weight.shape.flatMap((_, i) => (i === dim ? [] : [i]))];
  return weight.permute(order).flatten(1);
}

function powerMethod({ _u: u, _v: v, dim, eps }: SpectralNorm, weight: Tensor, steps: number): void {
  scope(() =>
    noGrad(() => {
      const matrix = asMatrix(weight, dim);
      for (let step = 0; step < steps; step++) {
        u.copy_(normalize(matrix.mv(v), { dim: 0, eps }));
        v.copy_(normalize(matrix.t().mv(u), { dim: 0, eps }));
      }
    }),
  );
}

const orthogonalMaps = ["matrix_exp", "cayley", "householder"] as const;

/** Options of `orthogonal`. */
export interface OrthogonalOptions {
  /** @default "weight" */
  name?: string;
  /** @default "matrix_exp" for square matrices, "householder" otherwise */
  orthogonalMap?: (typeof orthogonalMaps)[number] | undefined;
  /** Starts from the weight's own orthogonal part, kept as the buffer `base` (Lezcano-Casado, 2019). @default true */
  useTrivialization?: boolean;
}

class Orthogonal extends Module {
  declare base: Tensor | null;
  readonly orthogonalMap: (typeof orthogonalMaps)[number];
  readonly useTrivialization: boolean;

  constructor(orthogonalMap: (typeof orthogonalMaps)[number], useTrivialization: boolean) {
    super();
    this.orthogonalMap = orthogonalMap;
    this.useTrivialization = useTrivialization;
    if (useTrivialization) this.registerBuffer("base", null);
  }

  override forward(x: Tensor): Tensor {
    const isWide = x.size(-2) < x.size(-1);
    const tall = isWide ? x.mT : x;
    const q =
      this.orthogonalMap === "householder" ? fromReflections(tall) : fromSkew(tall, this.orthogonalMap);
    const moved = this.base ? this.base.matmul(q) : q;
    return isWide ? moved.mT : moved;
  }

  rightInverse(value: Tensor): Tensor {
    const isWide = value.size(-2) < value.size(-1);
    const tall = isWide ? value.mT : value;
    if (this.useTrivialization) {
      this.registerBuffer("base", keep(scope(() => noGrad(() => orthogonalBase(tall)))));
      const start = torch.zerosLike(value);
      start.diagonal(0, -2, -1).fill_(-1);
      return start;
    }
    if (this.orthogonalMap !== "householder") {
      throw new NotInvertible(
        `orthogonal: a weight made by ${this.orthogonalMap} cannot be set. Use useTrivialization, or householder.`,
      );
    }
    const [a, tau] = torch.geqrf(tall);
    const diagonal = a.diagonal(0, -2, -1);
    diagonal.sign_();
    diagonal.mul_(torch.ones([], { dtype: a.dtype }).sub(tau.eq(0).mul(2))); // LAPACK leaves out a reflection as 0
    return isWide ? a.mT : a;
  }
}

/** Keeps a matrix, or a batch of them, orthogonal: of the rows or columns, whichever are fewer. */
export function orthogonal<M extends Module>(
  module: M,
  { name = "weight", orthogonalMap, useTrivialization = true }: OrthogonalOptions = {},
): M {
  const weight = weightOf("orthogonal", module, name);
  if (weight.ndim < 2) {
    throw new ShapeError(
      `orthogonal: needs a matrix or a batch of them, got shape [${weight.shape.join(", ")}].`,
    );
  }
  const map = orthogonalMap ?? (weight.size(-2) === weight.size(-1) ? "matrix_exp" : "householder");
  if (!orthogonalMaps.includes(map)) {
    throw new UsageError(`orthogonal: unknown orthogonalMap "${map}". ${suggestion(map, orthogonalMaps)}`);
  }
  return registerParametrization(module, name, new Orthogonal(map, useTrivialization), { unsafe: true });
}

function fromReflections(x: Tensor): Tensor {
  const a = x.tril(-1);
  const tau = a.mul(a).sum(-2).add(1).reciprocal().mul(2);
  const q = torch.linalg.householderProduct(a, tau);
  // the diagonal of 1 and -1 is no weight
  return q.mul(x.detach().diagonal(0, -2, -1).unsqueeze(-2));
}

function fromSkew(x: Tensor, map: "matrix_exp" | "cayley"): Tensor {
  const [rows, columns] = [x.size(-2), x.size(-1)];
  const lower = torch.nnFunctional.pad(x.tril(), [0, rows - columns]);
  const skew = lower.sub(lower.mT);
  if (map === "matrix_exp") return skew.matrixExp().narrow(-1, 0, columns);
  const identity = torch.eye(rows, { dtype: x.dtype });
  const half = skew.mul(0.5);
  return torch.linalg.solve(identity.sub(half), identity.add(half)).narrow(-1, 0, columns);
}

/** Returns a square orthogonal matrix whose first columns are those of `q`, made orthogonal where they are not. */
function orthogonalBase(q: Tensor): Tensor {
  const [rows, columns] = [q.size(-2), q.size(-1)];
  if (rows !== columns) {
    const drawn = torch.randn([...q.shape.slice(0, -1), rows - columns], { dtype: q.dtype });
    return madeOrthogonal(torch.cat([q, drawn], -1));
  }
  const eps = q.dtype === "float64" ? 2 ** -52 : 2 ** -23;
  const error = q.mT
    .matmul(q)
    .sub(torch.eye(columns, { dtype: q.dtype }))
    .abs();
  return error.max().item() <= 10 * rows * eps ? q.clone() : madeOrthogonal(q);
}

function madeOrthogonal(a: Tensor): Tensor {
  const [x, tau] = torch.geqrf(a);
  const q = torch.linalg.householderProduct(x, tau);
  return q.mul(x.diagonal(0, -2, -1).sign().unsqueeze(-2));
}

function weightOf(where: string, module: Module, name: string): Tensor {
  const weight = (module as unknown as Record<string, unknown>)[name];
  if (weight instanceof Tensor) return weight;
  const names = Array.from(module.namedParameters({ recurse: false }), ([key]) => key);
  throw new UsageError(
    `${where}: ${module.constructor.name} has no weight "${name}". Weights: ${names.join(", ")}.`,
  );
}
