// What is not generated, and why. Every reason ends up in docs/ops.md.

/** Ops left out by name. */
export const excludedNames = [
  [
    /_(backward|forward|jvp)(_|$)/,
    'a kernel of autograd, which trusts what the forward op made: hostile arguments crash some (PyTorch keeps nearly all out of Python too)',
  ],
  [
    /^(native_batch_norm|batch_norm_update_stats)$/,
    'reads beyond weights and statistics of the wrong length: `batchNorm` checks them',
  ],
  [/^(native_group_norm)$/, 'divides by the number of groups unchecked: `groupNorm` checks it'],
  [/^quantized_(lstm|gru|rnn_relu|rnn_tanh)_cell$/, 'trusts the packed weights it is given: a wrong one crashes it'],
  [
    /^(to_mkldnn|mkldnn_.*)$/,
    'opaque oneDNN tensors: ops on empty ones divide by zero, and ops that read them as dense crash; dense ops use oneDNN by themselves',
  ],
  [/^copy$/, 'crashes on sparse and opaque tensors: `copy_` checks them'],
  [/^choose_qparams_optimized$/, 'searches for minutes where the input is not finite'],
  [/^sym_/, 'symbolic shapes exist only while PyTorch traces a program'],
  [/^(cudnn|miopen|mkldnn|mps|lstm_mps)_/, 'a backend kernel that the op of the public name calls itself'],
  [/^fbgemm_/, 'reads a packed weight through a raw pointer kept in a tensor: not safe to call with any other tensor'],
  [/^(get_gradients)$/, "part of PyTorch's distributed autograd"],
  [/^(from_file)$/, 'maps a file into memory that another process may change: torch.io reads files'],
  [/^(lift|lift_fresh|lift_fresh_copy)$/, 'the identity outside of functorch'],
  [/^is_vulkan_available$/, 'the supported libtorch builds have no Vulkan backend'],
  [/^(convolution_overrideable|convolution_backward_overrideable)$/, 'a hook for backends outside of PyTorch'],
  [/^(is_distributed|infinitely_differentiable_gelu_backward)$/, "internal to PyTorch's autograd"],
  [/^(set_data|data)$/, '`detach()` and `copy_` do this without going behind autograd'],
];

/** Ops left out because an argument or a result has a type with no JavaScript equivalent. */
export const excludedTypes = [
  [/Storage/, 'takes a Storage: views and `set_` with a tensor share memory'],
  [/Stream/, 'takes a Stream'],
  [/QScheme/, 'a quantization scheme has no value in JavaScript'],
  [/Dict|__torch__/, 'takes or returns a TorchScript object'],
  [/SymBool/, 'symbolic shapes exist only while PyTorch traces a program'],
  [/Dimname/, 'named tensors are a prototype that PyTorch no longer develops'],
];

/** Single overloads left out. */
export const excludedOverloads = {};

/** Names whose method or function is written by hand, and where. */
export const handWritten = {
  atleast_1d: { function: 'lib/ops/variadic.ts' },
  atleast_2d: { function: 'lib/ops/variadic.ts' },
  atleast_3d: { function: 'lib/ops/variadic.ts' },
  backward: { method: 'lib/tensor.ts' },
  block_diag: { function: 'lib/ops/variadic.ts' },
  broadcast_tensors: { function: 'lib/ops/variadic.ts' },
  cartesian_prod: { function: 'lib/ops/variadic.ts' },
  cdist: { function: 'lib/ops/variadic.ts' },
  chain_matmul: { function: 'lib/ops/variadic.ts' },
  clip: { function: 'not as a function: `torch.clip` is the namespace of clipping; `torch.clamp` is the same op' },
  dim: { method: 'lib/tensor.ts', function: 'lib/tensor.ts' },
  einsum: { function: 'lib/ops/variadic.ts' },
  full: { function: 'lib/creation/full.ts' },
  index: { method: 'lib/indexing.ts', function: 'lib/indexing.ts' },
  index_put: { method: 'lib/indexing.ts', function: 'lib/indexing.ts' },
  index_put_: { method: 'lib/indexing.ts', function: 'lib/indexing.ts' },
  is_leaf: { method: 'lib/tensor.ts', function: 'lib/tensor.ts' },
  item: { method: 'lib/tensor.ts', function: 'lib/tensor.ts' },
  matrix_H: { method: 'lib/ops/properties.ts', function: 'lib/ops/properties.ts' },
  meshgrid: { function: 'lib/ops/variadic.ts' },
  mH: { method: 'lib/ops/properties.ts', function: 'lib/ops/properties.ts' },
  mT: { method: 'lib/ops/properties.ts', function: 'lib/ops/properties.ts' },
  norm: { method: 'lib/ops/norm.ts', function: 'lib/ops/norm.ts' },
  numel: { method: 'lib/tensor.ts' },
  requires_grad_: { method: 'lib/tensor.ts', function: 'lib/tensor.ts' },
  retain_grad: { method: 'lib/tensor.ts', function: 'lib/tensor.ts' },
  size: { method: 'lib/tensor.ts', function: 'lib/tensor.ts' },
  stride: { method: 'lib/tensor.ts', function: 'lib/tensor.ts' },
  tensordot: { function: 'lib/ops/variadic.ts' },
  to: { method: 'lib/ops/to.ts', function: 'lib/ops/to.ts' },
  unique_consecutive: { method: 'lib/ops/unique.ts', function: 'lib/ops/unique.ts' },
};

/** The overload to try first where the schemas do not determine it: the one that PyTorch's Python function calls. */
export const firstOverload = { stft: 'center' };
