// Which operators of libtorch stay out of the typed surface, each with its reason. All of them remain
// callable by name through `torch.ops.aten`.

/** Reasons that hold for whole families, tested in this order against the operator's name. */
export const DENIED_FAMILIES: readonly { test: RegExp; reason: string }[] = [
  { test: /^_/, reason: "private to libtorch" },
  { test: /backward/, reason: "a gradient formula, reached through autograd" },
  { test: /_copy$/, reason: "the copying twin of a view, made for functionalization" },
  { test: /^(cudnn|miopen|mkldnn|fbgemm|mps)_|_mkldnn$/, reason: "belongs to one backend" },
  {
    test: /quantize|^quantized_|_quant$|^q_|^qscheme$|^int_repr$|^empty_quantized$/,
    reason: "old quantized tensors, which training does not use",
  },
  { test: /^sym_|_functional$|^lift(_fresh)?$|cachemask$/, reason: "an aid of PyTorch's tracer" },
  {
    test: /^sparse_resize|^copy_sparse_to_sparse_$|^resize_as_sparse_$/,
    reason: "changes sparse tensors inside",
  },
  { test: /_overrideable$/, reason: "a hook for backends outside the tree" },
];

/** Single operators, by schema name. */
export const DENIED_OPERATORS: Readonly<Record<string, string>> = {
  alias: "a view of everything; detach() or view() says what is meant",
  copy: "the functional form of copy_, made for functionalization",
  nonzero_numpy: "nonzero(x, { asTuple }) of Python; use where(x)",
  unique_dim: "its order of results differs from unique's; kept by name only",
  unique_dim_consecutive: "unique_consecutive(x, { dim }) covers it",
  set_data: "replaces the storage behind autograd's back",
  glu_jvp: "a forward-mode formula",
  log_sigmoid_forward: "the inner half of log_sigmoid",
  multilabel_margin_loss_forward: "the inner half of multilabel_margin_loss",
  nll_loss_forward: "the inner half of nll_loss",
  nll_loss2d_forward: "the inner half of nll_loss2d",
  slow_conv3d_forward: "the inner half of slow_conv3d",
  result_type: "returns a dtype code; Tensor.dtype tells the dtype of a result",
  promote_types: "returns a dtype code; Tensor.dtype tells the dtype of a result",
  can_cast: "takes dtypes alone; toDtype reports what cannot be cast",
  data: "written by hand on Tensor",
  dim: "written by hand on Tensor (ndim)",
  size: "written by hand on Tensor (shape)",
  stride: "written by hand on Tensor",
  numel: "written by hand on Tensor",
  item: "written by hand on Tensor",
  is_contiguous: "written by hand on Tensor",
  is_floating_point: "written by hand on Tensor",
  requires_grad_: "written by hand on Tensor",
  retain_grad: "written by hand on Tensor",
};

/** Names that `Tensor` writes by hand, in TypeScript's spelling: methods of these names are not generated. */
export const HAND_WRITTEN_MEMBERS: readonly string[] = [
  "at",
  "setAt",
  "backward",
  "data",
  "device",
  "dim",
  "dispose",
  "dtype",
  "grad",
  "gradFn",
  "handle",
  "isContiguous",
  "isFloatingPoint",
  "isLeaf",
  "item",
  "ndim",
  "norm",
  "numel",
  "numpy",
  "requiresGrad",
  "requiresGrad_",
  "retainGrad",
  "shape",
  "size",
  "stride",
  "to",
  "toString",
  "tolist",
  "typedArray",
  "uniqueConsecutive",
];

/** Operators that are methods only: their names as functions are taken by functions written by hand. */
export const METHODS_ONLY: ReadonlySet<string> = new Set(["slice"]);

/** Methods without arguments that Python shows as properties, by schema name. */
export const PROPERTIES: Readonly<Record<string, string>> = {
  numpy_T: "T",
  matrix_H: "H",
  mT: "mT",
  mH: "mH",
  output_nr: "outputNr",
  retains_grad: "retainsGrad",
};

/** Overloads that stand as functions of their own, since `Tensor` writes the method by hand. */
export const SPLIT_OVERLOADS: Readonly<Record<string, string>> = {
  "to.device": "toDevice",
  "to.dtype": "toDtype",
};

/** Types that do not cross into JavaScript; an overload with one of them is left out. */
export const FOREIGN_TYPES: ReadonlySet<string> = new Set([
  "Storage",
  "Stream",
  "QScheme",
  "Dict",
  "CellParamsBase",
]);

/** Returns why an operator has no typed function, or undefined when it has one. */
export function denialReason(name: string): string | undefined {
  const own = DENIED_OPERATORS[name];
  if (own !== undefined) return own;
  return DENIED_FAMILIES.find(({ test }) => test.test(name))?.reason;
}
