// Why names of PyTorch are left out on purpose. A name that is missing and has no reason here is still to be done.

export interface Reason {
  /** The namespaces it holds for; all where left out. */
  namespaces?: readonly string[];
  test: RegExp;
  reason: string;
}

/** Tested in this order against the name. */
const REASONS: readonly Reason[] = [
  {
    test: /quantize|^q_|^qscheme$|^int_repr$|fake_quant|^choose_qparams|^fbgemm_|^quantized_|^empty_quantized$|^is_quantized$/,
    reason: "old quantized tensors, which training does not use",
  },
  {
    test: /^(cudnn|miopen|mkldnn)_|^is_(ipu|maia|xla|xpu|vulkan|mtia|mkldnn|mps)$|^(xpu|ipu|mtia)$|^to_mkldnn$/,
    reason: "belongs to one backend",
  },
  { test: /^sym_|_copy$/, reason: "an aid of PyTorch's tracer and compiler" },
  {
    namespaces: ["torch"],
    test: /^(compile|cond|while_loop|fork|wait|import_ir_module.*|parse_.*|merge_type_.*|unify_type_list)$/,
    reason: "TorchScript and the compiler",
  },
  {
    namespaces: ["torch"],
    test: /autocast_|_autocast|^batch_norm_backward_|^is_anomaly_|^set_anomaly_|^init_num_threads$|^thread_safe_generator$|^is_(storage|warn_always_enabled)$|^set_warn_always$|^typename$|^get_device_module$|^is_inference_mode_enabled$/,
    reason:
      "the inside of autocast, anomaly detection and Python's own types; see torch.autocast, setDetectAnomaly",
  },
  {
    namespaces: ["torch.autograd"],
    test: /^variable$/,
    reason: "Variable is Tensor since PyTorch 0.4",
  },
  {
    namespaces: ["torch.autograd.graph"],
    test: /^(region_activation_memory_budget|set_override_stale_capture_stream|set_warn_on_accumulate_grad_stream_mismatch)$/,
    reason: "the compiler, and streams and graphs of CUDA, which stay inside libtorch",
  },
  {
    namespaces: ["torch.random"],
    test: /^thread_safe_generator$/,
    reason: "for threads that share Python's generators; a worker here has its own",
  },
  {
    test: /^(dsmm|hsmm|saddmm|spmm|resize_as_sparse_|sparse_resize_|sparse_resize_and_clear_|to_sparse_coo)$/,
    reason: "old names of sparse operators",
  },
  {
    test: /^(storage|untyped_storage|storage_type|is_shared|share_memory_|record_stream|const_data_ptr|data_ptr|dim_order|from_dlpack|from_file)$/,
    reason: "storages, streams and pointers stay inside libtorch",
  },
  {
    namespaces: ["torch.Tensor"],
    test: /^(as_subclass|module_load|new|reinforce|volatile|name|resize|resize_as|eig|lstsq|solve|symeig|grad_dtype)$/,
    reason: "removed or deprecated in PyTorch itself, or an aid of Python subclasses",
  },
  {
    namespaces: ["torch"],
    test: /^set_default_tensor_type$/,
    reason: "deprecated in PyTorch itself: setDefaultDtype",
  },
  {
    namespaces: ["torch.nn", "torch.nn.functional", "torch.nn.utils"],
    test: /^(Container|NLLLoss2d|upsample|upsample_bilinear|upsample_nearest|clip_grad_norm|spectral_norm|weight_norm|remove_spectral_norm|remove_weight_norm|CrossMapLRN2d)$/,
    reason:
      "deprecated in PyTorch itself: crossEntropy, interpolate, clipGradNorm_, utils.parametrizations, LocalResponseNorm",
  },
  {
    namespaces: ["torch.nn.functional"],
    test: /_with_indices$|^assert_int_or_pair$/,
    reason: "an inner form of a function: maxPool2d(x, 2, { returnIndices: true })",
  },
  {
    namespaces: ["torch.nn.functional"],
    test: /^scaled_grouped_mm$/,
    reason: "libtorch computes it on some GPUs alone: torch.ops.aten._scaled_grouped_mm_v2",
  },
  {
    namespaces: ["torch.nn.functional"],
    test: /^multi_head_attention_forward$/,
    reason: "the inside of nn.MultiheadAttention",
  },
  {
    namespaces: ["torch.nn"],
    test: /^DataParallel$/,
    reason: "one process for each device takes its place",
  },
  {
    namespaces: ["torch.nn.utils.rnn"],
    test: /^PackedSequence$/,
    reason: "a type and no class here: packSequence and packPaddedSequence make it",
  },
];

/** Returns why a name is left out, or undefined where it is still to be done. */
export function reasonFor(namespace: string, name: string): string | undefined {
  const found = REASONS.find(
    ({ namespaces, test }) => (namespaces?.includes(namespace) ?? true) && test.test(name),
  );
  return found?.reason;
}
