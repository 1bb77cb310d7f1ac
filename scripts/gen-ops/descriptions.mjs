// What the commonest operators do: a sentence, and an expression whose value is written behind it. test/ops/descriptions.test.ts evaluates them
// all; `node --import tsx scripts/gen-ops/examples.ts` writes the values.
import { readFileSync } from 'node:fs';

const values = JSON.parse(readFileSync(new URL('examples.json', import.meta.url), 'utf8'));

const table = {
  // Element by element.
  abs: ['The absolute value of each element.', 'torch.abs(torch.tensor([-1, 2]))'],
  acos: ['The arc cosine of each element, in radians.', 'torch.acos(torch.tensor([1, 0]))'],
  add: [
    'The sum of the tensor and `alpha` times another one or a number, with broadcasting.',
    'torch.tensor([1, 2]).add(torch.tensor([10, 20]))',
  ],
  addcdiv: [
    'The tensor plus `value` times the quotient of two others, element by element.',
    'torch.ones([2]).addcdiv(torch.tensor([1, 2]), torch.tensor([2, 4]))',
  ],
  addcmul: [
    'The tensor plus `value` times the product of two others, element by element.',
    'torch.ones([2]).addcmul(torch.tensor([1, 2]), torch.tensor([3, 4]))',
  ],
  asin: ['The arc sine of each element, in radians.', 'torch.asin(torch.tensor([0, 1]))'],
  atan: ['The arc tangent of each element, in radians.', 'torch.atan(torch.tensor([0, 1]))'],
  atan2: [
    'The angle of each point `(other, input)`, in radians from -pi to pi.',
    'torch.atan2(torch.tensor([1, 0]), torch.tensor([0, -1]))',
  ],
  bitwise_and: ['The bits that are set in both, of integers or booleans.', 'torch.tensor([6n, 5n]).bitwiseAnd(3)'],
  bitwise_not: ['Each bit inverted, of integers or booleans.', 'torch.tensor([0n, 1n]).bitwiseNot()'],
  bitwise_or: ['The bits that are set in either, of integers or booleans.', 'torch.tensor([4n, 1n]).bitwiseOr(2)'],
  bitwise_xor: [
    'The bits that are set in one of the two, of integers or booleans.',
    'torch.tensor([6n, 5n]).bitwiseXor(3)',
  ],
  ceil: ['Each element rounded up.', 'torch.ceil(torch.tensor([0.2, -0.2]))'],
  clamp: [
    'Each element limited to `min` and `max`, either of which may be absent or null.',
    'torch.tensor([-2, 0.5, 3]).clamp(-1, 1)',
  ],
  clamp_max: ['Each element limited from above.', 'torch.tensor([1, 5]).clampMax(2)'],
  clamp_min: ['Each element limited from below.', 'torch.tensor([1, 5]).clampMin(2)'],
  conj: ['The complex conjugate of each element, as a view.', 'torch.tensor({ re: 1, im: 2 }).conj().resolveConj()'],
  copysign: ['The size of each element with the sign of another.', 'torch.tensor([1, 2]).copysign(-1)'],
  cos: ['The cosine of each element, in radians.', 'torch.cos(torch.tensor([0]))'],
  cosh: ['The hyperbolic cosine of each element.', 'torch.cosh(torch.tensor([0]))'],
  deg2rad: ['Degrees in radians.', 'torch.deg2rad(torch.tensor([180]))'],
  div: [
    'The quotient, with broadcasting; integers divide into floating-point numbers unless `roundingMode` is `"floor"` or `"trunc"`.',
    'torch.tensor([1, 2]).div(4)',
  ],
  erf: ['The error function of each element.', 'torch.erf(torch.tensor([0, 1]))'],
  exp: ['e to the power of each element.', 'torch.exp(torch.tensor([0, 1]))'],
  expm1: ['`exp(x) - 1`, exact also where x is small.', 'torch.expm1(torch.tensor([0]))'],
  floor: ['Each element rounded down.', 'torch.floor(torch.tensor([0.2, -0.2]))'],
  floor_divide: ['The quotient rounded down, with broadcasting.', 'torch.tensor([7, -7]).floorDivide(2)'],
  fmod: ['The remainder of a division, with the sign of the dividend.', 'torch.tensor([-7, 7]).fmod(3)'],
  frac: ['What each element has behind its integer part.', 'torch.frac(torch.tensor([1.5, -2.25]))'],
  isclose: [
    'Whether elements agree to within `atol + rtol * |other|`.',
    'torch.isclose(torch.tensor([1, 2]), torch.tensor([1.000001, 3]))',
  ],
  isfinite: ['Whether each element is neither infinite nor NaN.', 'torch.isfinite(torch.tensor([1, Infinity, NaN]))'],
  isinf: ['Whether each element is infinite.', 'torch.isinf(torch.tensor([1, -Infinity]))'],
  isnan: ['Whether each element is NaN.', 'torch.isnan(torch.tensor([1, NaN]))'],
  lerp: [
    'Between two tensors: `start + weight * (end - start)`.',
    'torch.zeros([2]).lerp(torch.tensor([10, 20]), 0.5)',
  ],
  log: ['The natural logarithm of each element.', 'torch.log(torch.tensor([1, Math.E]))'],
  log10: ['The logarithm of each element to base 10.', 'torch.log10(torch.tensor([100]))'],
  log1p: ['`log(1 + x)`, exact also where x is small.', 'torch.log1p(torch.tensor([0]))'],
  log2: ['The logarithm of each element to base 2.', 'torch.log2(torch.tensor([8]))'],
  logaddexp: ['`log(exp(x) + exp(y))`, without overflow.', 'torch.logaddexp(torch.tensor([0]), torch.tensor([0]))'],
  logical_and: ['Whether both are other than 0.', 'torch.tensor([true, false]).logicalAnd(torch.tensor([true, true]))'],
  logical_not: ['Whether each element is 0: the negation of a mask.', 'torch.tensor([true, false]).logicalNot()'],
  logical_or: [
    'Whether either is other than 0.',
    'torch.tensor([true, false]).logicalOr(torch.tensor([false, false]))',
  ],
  logit: [
    'The inverse of the sigmoid: `log(x / (1 - x))`, of elements first limited to `[eps, 1 - eps]` where `eps` is given.',
    'torch.logit(torch.tensor([0.5]))',
  ],
  maximum: [
    'The larger of two, element by element; NaN where either is.',
    'torch.maximum(torch.tensor([1, 5]), torch.tensor([3, 2]))',
  ],
  minimum: [
    'The smaller of two, element by element; NaN where either is.',
    'torch.minimum(torch.tensor([1, 5]), torch.tensor([3, 2]))',
  ],
  mul: ['The product, element by element, with broadcasting.', 'torch.tensor([1, 2]).mul(torch.tensor([3, 4]))'],
  nan_to_num: [
    "NaN and infinities replaced by numbers; by default 0 and the dtype's limits.",
    'torch.nanToNum(torch.tensor([NaN, 1]))',
  ],
  neg: ['Each element negated.', 'torch.tensor([1, -2]).neg()'],
  pow: ['Each element to a power.', 'torch.tensor([2, 3]).pow(2)'],
  reciprocal: ['1 divided by each element.', 'torch.reciprocal(torch.tensor([2, 4]))'],
  relu: ['`max(x, 0)`, element by element.', 'torch.relu(torch.tensor([-1, 2]))'],
  remainder: [
    "The remainder of a division, with the sign of the divisor, as of Python's `%`.",
    'torch.tensor([-7, 7]).remainder(3)',
  ],
  round: [
    'Each element rounded to an integer, or to `decimals`, halves to even ones.',
    'torch.round(torch.tensor([0.5, 1.5]))',
  ],
  rsqrt: ['1 divided by the square root of each element.', 'torch.rsqrt(torch.tensor([4]))'],
  rsub: [
    'The other minus `alpha` times the tensor: `torch.rsub(x, 1)` is `1 - x`.',
    'torch.rsub(torch.tensor([0.25]), 1)',
  ],
  sigmoid: ['`1 / (1 + exp(-x))`, element by element.', 'torch.sigmoid(torch.tensor([0]))'],
  sign: ['The sign of each element: -1, 0 or 1.', 'torch.sign(torch.tensor([-3, 0, 2]))'],
  sin: ['The sine of each element, in radians.', 'torch.sin(torch.tensor([0]))'],
  sinh: ['The hyperbolic sine of each element.', 'torch.sinh(torch.tensor([0]))'],
  sqrt: ['The square root of each element.', 'torch.sqrt(torch.tensor([4, 9]))'],
  square: ['The square of each element.', 'torch.square(torch.tensor([2, 3]))'],
  sub: ['The tensor minus `alpha` times another one or a number, with broadcasting.', 'torch.tensor([5, 7]).sub(2)'],
  tan: ['The tangent of each element, in radians.', 'torch.tan(torch.tensor([0]))'],
  tanh: ['The hyperbolic tangent of each element.', 'torch.tanh(torch.tensor([0]))'],
  trunc: ['Each element without its fraction.', 'torch.trunc(torch.tensor([1.7, -1.7]))'],
  where: [
    'Elements of `self` where the condition holds, and of `other` elsewhere; with the condition alone, the indices where it holds.',
    'torch.where(torch.tensor([true, false]), torch.tensor([1, 1]), 0)',
  ],
  xlogy: ['`x * log(y)`, and 0 where x is 0.', 'torch.xlogy(torch.tensor([0, 1]), torch.tensor([0, 1]))'],

  // Comparisons.
  allclose: [
    'Whether all elements agree to within `atol + rtol * |other|`.',
    'torch.allclose(torch.tensor([1]), torch.tensor([1.000001]))',
  ],
  eq: ['Whether elements are equal.', 'torch.tensor([1, 2]).eq(2)'],
  equal: [
    'Whether two tensors have the same shape and elements: a boolean.',
    'torch.equal(torch.tensor([1, 2]), torch.tensor([1, 2]))',
  ],
  ge: ['Whether elements are greater or equal.', 'torch.tensor([1, 2]).ge(2)'],
  gt: ['Whether elements are greater.', 'torch.tensor([1, 2]).gt(1)'],
  isin: ['Whether each element occurs among others.', 'torch.isin(torch.tensor([1n, 2n]), torch.tensor([2n, 3n]))'],
  le: ['Whether elements are less or equal.', 'torch.tensor([1, 2]).le(1)'],
  lt: ['Whether elements are less.', 'torch.tensor([1, 2]).lt(2)'],
  ne: ['Whether elements differ.', 'torch.tensor([1, 2]).ne(2)'],

  // Reductions.
  all: [
    'Whether all elements are other than 0, of the whole tensor or along a dimension.',
    'torch.tensor([true, false]).all()',
  ],
  amax: [
    'The largest elements along dimensions; their gradient is shared among equal ones.',
    'torch.tensor([[1, 5], [3, 2]]).amax(1)',
  ],
  amin: [
    'The smallest elements along dimensions; their gradient is shared among equal ones.',
    'torch.tensor([[1, 5], [3, 2]]).amin(1)',
  ],
  aminmax: [
    'The smallest and the largest element, of the whole tensor or along a dimension.',
    'torch.tensor([3, 1, 2]).aminmax().map((t) => t.item())',
  ],
  any: [
    'Whether any element is other than 0, of the whole tensor or along a dimension.',
    'torch.tensor([true, false]).any()',
  ],
  argmax: [
    'Where the largest element is, in the flattened tensor or along a dimension.',
    'torch.tensor([[1, 9], [8, 2]]).argmax({ dim: 1 })',
  ],
  argmin: [
    'Where the smallest element is, in the flattened tensor or along a dimension.',
    'torch.tensor([[1, 9], [8, 2]]).argmin({ dim: 1 })',
  ],
  bincount: ['How often each integer from 0 on occurs.', 'torch.bincount(torch.tensor([0n, 2n, 2n]))'],
  count_nonzero: ['How many elements are other than 0.', 'torch.countNonzero(torch.tensor([0, 3, 4]))'],
  cummax: [
    'The largest elements so far along a dimension, and where they are.',
    'torch.tensor([1, 3, 2]).cummax(0)[0]',
  ],
  cumprod: ['The products so far along a dimension.', 'torch.tensor([1, 2, 3]).cumprod(0)'],
  cumsum: ['The sums so far along a dimension.', 'torch.tensor([1, 2, 3]).cumsum(0)'],
  diff: ['The differences of neighbours along a dimension.', 'torch.tensor([1, 4, 9]).diff()'],
  histc: [
    'How many elements fall into each of `bins` equal parts of a range.',
    'torch.histc(torch.tensor([0, 1, 1, 2]), 3)',
  ],
  logcumsumexp: [
    'The logarithm of the sums of exponentials so far along a dimension.',
    'torch.zeros([2]).logcumsumexp(0)',
  ],
  logsumexp: [
    'The logarithm of the sum of exponentials along dimensions, without overflow.',
    'torch.zeros([2]).logsumexp(0)',
  ],
  max: [
    'The largest element; with a dimension, the largest along it and where they are; with another tensor, the larger of the two.',
    'torch.tensor([[1, 5], [3, 2]]).max(1)[0]',
  ],
  mean: ['The mean of all elements, or along dimensions.', 'torch.tensor([[1, 2], [3, 4]]).mean({ dim: 0 })'],
  median: [
    'The median, of two in the middle the smaller; with a dimension, along it and where they are.',
    'torch.tensor([3, 1, 2]).median()',
  ],
  min: [
    'The smallest element; with a dimension, the smallest along it and where they are; with another tensor, the smaller of the two.',
    'torch.tensor([[1, 5], [3, 2]]).min(1)[0]',
  ],
  mode: [
    'The commonest element along a dimension (default the last), and where it is.',
    'torch.tensor([1, 2, 2]).mode()[0]',
  ],
  nanmean: ['The mean of the elements that are not NaN.', 'torch.tensor([1, NaN, 3]).nanmean()'],
  nansum: ['The sum of the elements that are not NaN.', 'torch.tensor([1, NaN, 3]).nansum()'],
  norm: ['The p-norm of all elements, or along dimensions; default the Euclidean one.', 'torch.tensor([3, 4]).norm()'],
  prod: ['The product of all elements, or along a dimension.', 'torch.tensor([2, 3]).prod()'],
  quantile: [
    'The elements below which the shares `q` lie, along a dimension or of all.',
    'torch.tensor([1, 2, 3]).quantile(0.5)',
  ],
  std: [
    "The standard deviation of all elements or along dimensions, with Bessel's correction unless `correction` says otherwise.",
    'torch.tensor([1, 3]).std({ correction: 0 })',
  ],
  std_mean: [
    'The standard deviation and the mean, of all elements or along dimensions.',
    'torch.stdMean(torch.tensor([1, 3]), { correction: 0 }).map((t) => t.item())',
  ],
  sum: ['The sum of all elements, or along dimensions.', 'torch.tensor([[1, 2], [3, 4]]).sum({ dim: 1 })'],
  var: [
    "The variance of all elements or along dimensions, with Bessel's correction unless `correction` says otherwise.",
    'torch.var(torch.tensor([1, 3]), { correction: 0 })',
  ],
  var_mean: [
    'The variance and the mean, of all elements or along dimensions.',
    'torch.varMean(torch.tensor([1, 3]), { correction: 0 }).map((t) => t.item())',
  ],

  // Shapes.
  broadcast_to: [
    'The tensor with a shape that it broadcasts to, as a view.',
    'torch.tensor([1, 2]).broadcastTo([2, 2])',
  ],
  cat: [
    'Tensors one after the other along a dimension that is there.',
    'torch.cat([torch.tensor([1]), torch.tensor([2, 3])])',
  ],
  chunk: [
    'The tensor in at most `chunks` parts along a dimension, as views.',
    'torch.arange(4).chunk(2).map((t) => t.tolist())',
  ],
  diagonal: ['The diagonal of two dimensions, as a view.', 'torch.tensor([[1, 2], [3, 4]]).diagonal()'],
  diag: ['The diagonal of a matrix, or a matrix with that diagonal.', 'torch.diag(torch.tensor([1, 2]))'],
  diag_embed: ['Matrices whose diagonals are the rows along the last dimension.', 'torch.tensor([1, 2]).diagEmbed()'],
  expand: [
    'The tensor with dimensions of size 1 repeated, as a view; -1 leaves a size as it is.',
    'torch.tensor([[1], [2]]).expand([-1, 2])',
  ],
  expand_as: [
    'The tensor expanded to the shape of another, as a view.',
    'torch.tensor([1]).expandAs(torch.zeros([2]))',
  ],
  flatten: [
    'The dimensions from `startDim` to `endDim` as one; by default all of them.',
    'torch.tensor([[1, 2], [3, 4]]).flatten()',
  ],
  flip: ['The order of the elements reversed along dimensions, as a copy.', 'torch.tensor([1, 2, 3]).flip([0])'],
  hstack: [
    'Tensors beside each other: along the second dimension, or the only one.',
    'torch.hstack([torch.tensor([1]), torch.tensor([2])])',
  ],
  meshgrid: [
    'Grids of coordinates from one-dimensional tensors; say `{ indexing: "ij" }` or `"xy"`.',
    "torch.meshgrid([torch.arange(2), torch.arange(2)], { indexing: 'ij' })[0]",
  ],
  moveaxis: [
    'Dimensions at other places, the others in their order, as a view.',
    'torch.zeros([2, 3, 4]).moveaxis(0, 2).shape',
  ],
  movedim: [
    'Dimensions at other places, the others in their order, as a view.',
    'torch.zeros([2, 3, 4]).movedim(0, 2).shape',
  ],
  narrow: ['`length` entries of a dimension from `start` on, as a view.', 'torch.arange(5).narrow(0, 1, 2)'],
  permute: ['The dimensions in another order, as a view.', 'torch.zeros([2, 3, 4]).permute([2, 0, 1]).shape'],
  ravel: ['The elements in one dimension, as a view where memory allows.', 'torch.tensor([[1, 2], [3, 4]]).ravel()'],
  repeat: [
    'The tensor as often as `repeats` says along each dimension, as a copy.',
    'torch.tensor([1, 2]).repeat([2])',
  ],
  repeat_interleave: [
    'Each element, or each slice along a dimension, several times.',
    'torch.tensor([1, 2]).repeatInterleave(2)',
  ],
  reshape: [
    'The same elements in another shape, as a view where memory allows; one size may be -1.',
    'torch.arange(4).reshape([2, 2])',
  ],
  roll: [
    'The elements moved along dimensions; those that leave at one end enter at the other.',
    'torch.tensor([1, 2, 3]).roll(1)',
  ],
  rot90: [
    'The tensor turned by 90 degrees `k` times in the plane of two dimensions.',
    'torch.tensor([[1, 2], [3, 4]]).rot90()',
  ],
  select: [
    'One entry of a dimension, as a view without that dimension.',
    'torch.tensor([[1, 2], [3, 4]]).select(0, 1)',
  ],
  split: [
    'The tensor in parts of a size, or of several sizes, along a dimension, as views.',
    'torch.arange(5).split(2).map((t) => t.tolist())',
  ],
  squeeze: [
    'The tensor without its dimensions of size 1, or without those named, as a view.',
    'torch.zeros([1, 2, 1]).squeeze().shape',
  ],
  stack: ['Tensors of one shape along a new dimension.', 'torch.stack([torch.tensor([1, 2]), torch.tensor([3, 4])])'],
  swapaxes: ['Two dimensions exchanged, as a view.', 'torch.zeros([2, 3]).swapaxes(0, 1).shape'],
  t: ['A matrix transposed, as a view.', 'torch.tensor([[1, 2], [3, 4]]).t()'],
  tile: ['The tensor repeated along each dimension.', 'torch.tensor([1, 2]).tile([2])'],
  transpose: ['Two dimensions exchanged, as a view.', 'torch.zeros([2, 3, 4]).transpose(1, 2).shape'],
  tril: ['A matrix with zeros above a diagonal.', 'torch.ones([2, 2]).tril()'],
  triu: ['A matrix with zeros below a diagonal.', 'torch.ones([2, 2]).triu()'],
  unbind: [
    'The slices along a dimension (default the first), as views.',
    'torch.tensor([[1, 2], [3, 4]]).unbind().map((t) => t.tolist())',
  ],
  unflatten: ['One dimension as several.', 'torch.zeros([6]).unflatten(0, [2, 3]).shape'],
  unfold: ['Windows of a `size` along a dimension, a `step` apart, as a view.', 'torch.arange(4).unfold(0, 2, 1)'],
  unsqueeze: ['A new dimension of size 1 at a place, as a view.', 'torch.tensor([1, 2]).unsqueeze(0)'],
  view: ['The same memory in another shape; one size may be -1.', 'torch.arange(4).view([2, 2])'],
  view_as: ['The same memory in the shape of another tensor.', 'torch.arange(4).viewAs(torch.zeros([2, 2]))'],
  vstack: [
    'Tensors below each other: along the first dimension, rows where they have only one.',
    'torch.vstack([torch.tensor([1]), torch.tensor([2])])',
  ],

  // Picking and writing.
  argsort: ['The indices that sort a dimension.', 'torch.tensor([3, 1, 2]).argsort()'],
  argwhere: ['The indices of the elements that are not 0, a row each.', 'torch.argwhere(torch.tensor([0, 5]))'],
  bucketize: [
    'Between which of sorted boundaries each element lies.',
    'torch.bucketize(torch.tensor([0.5, 2]), torch.tensor([1, 2, 3]))',
  ],
  clone: ['A copy, through which gradients flow.', 'torch.tensor([1, 2]).clone()'],
  contiguous: [
    'The tensor with its elements in the order of its dimensions in memory: itself, or a copy.',
    'torch.zeros([2, 3]).t().contiguous().stride()',
  ],
  copy_: [
    'Overwrites the tensor with the elements of another, converted and broadcast.',
    'torch.zeros([2]).copy_(torch.tensor([1, 2]))',
  ],
  detach: [
    'The same memory outside of the graph.',
    'torch.ones([1], { requiresGrad: true }).mul(2).detach().requiresGrad',
  ],
  fill_: ['Overwrites all elements with one value.', 'torch.zeros([2]).fill_(7)'],
  gather: [
    'Along a dimension, the elements that an index tensor names for each place.',
    'torch.tensor([[1, 2], [3, 4]]).gather(1, torch.tensor([[1n], [0n]]))',
  ],
  index_add: [
    'Rows of `source` added to those that the indices name.',
    'torch.zeros([2]).indexAdd(0, torch.tensor([0n, 0n]), torch.tensor([1, 2]))',
  ],
  index_select: [
    'The entries of a dimension that the indices (int64 or int32) name, as a copy.',
    'torch.tensor([10, 20, 30]).indexSelect(0, torch.tensor([2n, 0n]))',
  ],
  masked_fill: [
    'The tensor with a value where a mask is true.',
    'torch.tensor([1, 2]).maskedFill(torch.tensor([true, false]), 0)',
  ],
  masked_select: [
    'The elements where a mask is true, in one dimension.',
    'torch.tensor([1, 2]).maskedSelect(torch.tensor([false, true]))',
  ],
  msort: ['The elements in ascending order along the first dimension.', 'torch.msort(torch.tensor([3, 1]))'],
  nonzero: ['The indices of the elements that are not 0, a row each.', 'torch.nonzero(torch.tensor([0, 5, 6]))'],
  scatter: [
    'Along a dimension, elements of `src` (or one value) at the places that an index tensor names.',
    'torch.zeros([3]).scatter(0, torch.tensor([2n]), 5)',
  ],
  scatter_add: [
    'Along a dimension, elements of `src` added at the places that an index tensor names.',
    'torch.zeros([2]).scatterAdd(0, torch.tensor([1n, 1n]), torch.tensor([1, 2]))',
  ],
  searchsorted: [
    'Where values would go in a sorted sequence.',
    'torch.searchsorted(torch.tensor([1, 3, 5]), torch.tensor([4]))',
  ],
  sort: ['The elements in order along a dimension, and where they were.', 'torch.tensor([3, 1, 2]).sort()[0]'],
  take: [
    'The elements at indices into the flattened tensor.',
    'torch.tensor([[1, 2], [3, 4]]).take(torch.tensor([3n]))',
  ],
  take_along_dim: [
    'The elements that an index tensor names along a dimension, with broadcasting.',
    'torch.tensor([3, 1]).takeAlongDim(torch.tensor([1n, 0n]), { dim: 0 })',
  ],
  topk: [
    'The `k` largest elements along a dimension (the smallest with `largest: false`), and where they are.',
    'torch.tensor([1, 5, 3]).topk(2)[0]',
  ],
  zero_: ['Overwrites all elements with 0.', 'torch.ones([2]).zero_()'],

  // Linear algebra.
  addmm: [
    '`beta * input + alpha * (mat1 mat2)` of matrices.',
    'torch.ones([1, 1]).addmm(torch.tensor([[1, 2]]), torch.tensor([[3], [4]]))',
  ],
  baddbmm: [
    '`beta * input + alpha * (batch1 batch2)` of batches of matrices.',
    'torch.zeros([1, 1, 1]).baddbmm(torch.ones([1, 1, 2]), torch.ones([1, 2, 1]))',
  ],
  bmm: [
    'The products of batches of matrices: `[b, n, m]` and `[b, m, p]`.',
    'torch.ones([1, 1, 2]).bmm(torch.ones([1, 2, 1]))',
  ],
  cdist: [
    'The distances of all pairs of rows of two tensors.',
    'torch.cdist(torch.zeros([1, 2]), torch.tensor([[3, 4]]))',
  ],
  cross: [
    'The vector product of vectors of three along a dimension.',
    'torch.cross(torch.tensor([1, 0, 0]), torch.tensor([0, 1, 0]), { dim: 0 })',
  ],
  dot: ['The inner product of two one-dimensional tensors.', 'torch.dot(torch.tensor([1, 2]), torch.tensor([3, 4]))'],
  einsum: [
    "Sums of products as Einstein's notation says.",
    "torch.einsum('i,j->ij', [torch.tensor([1, 2]), torch.tensor([3, 4])])",
  ],
  kron: ['The Kronecker product.', 'torch.kron(torch.eye(2), torch.tensor([[5]]))'],
  matmul: [
    'The matrix product; batches broadcast, and one-dimensional tensors are vectors.',
    'torch.tensor([[1, 2], [3, 4]]).matmul(torch.tensor([1, 1]))',
  ],
  mm: ['The product of two matrices.', 'torch.tensor([[1, 2]]).mm(torch.tensor([[3], [4]]))'],
  mv: ['The product of a matrix and a vector.', 'torch.tensor([[1, 2]]).mv(torch.tensor([3, 4]))'],
  outer: [
    'The outer product of two one-dimensional tensors.',
    'torch.outer(torch.tensor([1, 2]), torch.tensor([3, 4]))',
  ],
  tensordot: [
    'The product of two tensors with the dimensions of `dims` contracted.',
    'torch.tensordot(torch.tensor([1, 2]), torch.tensor([3, 4]), [0], [0])',
  ],
  trace: ["The sum of a matrix's diagonal.", 'torch.trace(torch.eye(3))'],

  // Factories.
  arange: [
    'Numbers from `start` (default 0) to below `end`, a `step` apart; int64 where all are integers.',
    'torch.arange(1, 4)',
  ],
  empty: ['A tensor whose memory is not initialised.', 'torch.empty([2, 3]).shape'],
  empty_like: ['A tensor like another whose memory is not initialised.', 'torch.emptyLike(torch.zeros([2])).shape'],
  eye: ['The identity matrix.', 'torch.eye(2)'],
  full_like: ['A tensor like another with one value everywhere.', 'torch.fullLike(torch.zeros([2]), 5)'],
  linspace: ['`steps` numbers at equal distances from `start` to `end`, both included.', 'torch.linspace(0, 1, 3)'],
  logspace: [
    '`steps` powers of `base` (default 10), with exponents at equal distances from `start` to `end`.',
    'torch.logspace(0, 2, 3)',
  ],
  new_full: [
    'A tensor of the dtype and on the device of this one with one value everywhere.',
    'torch.zeros([1]).newFull([2], 5)',
  ],
  new_ones: ['A tensor of ones of the dtype and on the device of this one.', 'torch.zeros([1]).newOnes([2])'],
  new_zeros: ['A tensor of zeros of the dtype and on the device of this one.', 'torch.ones([1]).newZeros([2])'],
  ones: ['A tensor of ones.', 'torch.ones([2])'],
  ones_like: ['A tensor of ones like another.', 'torch.onesLike(torch.zeros([2]))'],
  one_hot: [
    'Vectors of zeros with a 1 at the index (int64) that each element is.',
    'torch.oneHot(torch.tensor([1n, 0n]), 2)',
  ],
  zeros: ['A tensor of zeros.', 'torch.zeros([2])'],
  zeros_like: ['A tensor of zeros like another.', 'torch.zerosLike(torch.ones([2]))'],

  // Random numbers.
  bernoulli: [
    'Ones and zeros drawn with the probabilities that the elements are, or with `p`.',
    'torch.bernoulli(torch.tensor([0, 1]))',
  ],
  multinomial: [
    'Indices drawn with the weights along the last dimension, without putting them back unless `replacement`.',
    'torch.multinomial(torch.tensor([0, 1]), 1)',
  ],
  normal: [
    'Numbers drawn from normal distributions of a mean and a standard deviation.',
    'torch.normal(0, 1, [2]).shape',
  ],
  poisson: [
    'Counts drawn from Poisson distributions whose rates, up to 2^62 on the CPU, the elements are.',
    'torch.poisson(torch.tensor([0, 0]))',
  ],
  rand: ['Numbers drawn evenly from [0, 1).', 'torch.rand([2]).shape'],
  rand_like: [
    'Numbers drawn evenly from [0, 1), in the shape of another tensor.',
    'torch.randLike(torch.zeros([2])).shape',
  ],
  randint: ['Integers (int64) drawn evenly from `low` (default 0) to below `high`.', 'torch.randint(5, 6, [2])'],
  randn: ['Numbers drawn from the standard normal distribution.', 'torch.randn([2]).shape'],
  randn_like: [
    'Numbers drawn from the standard normal distribution, in the shape of another tensor.',
    'torch.randnLike(torch.zeros([2])).shape',
  ],
  randperm: ['The integers from 0 to below n in random order.', 'torch.randperm(1)'],

  // Networks.
  avg_pool2d: ['The means of windows of `[N, C, H, W]`.', 'torch.avgPool2d(torch.ones([1, 1, 4, 4]), 2).shape'],
  conv1d: [
    'A convolution of `[N, C, L]` with weights `[O, C / groups, K]`.',
    'torch.conv1d(torch.ones([1, 1, 3]), torch.ones([1, 1, 2]))',
  ],
  conv2d: [
    'A convolution of `[N, C, H, W]` with weights `[O, C / groups, KH, KW]`.',
    'torch.conv2d(torch.ones([1, 1, 3, 3]), torch.ones([1, 1, 2, 2])).shape',
  ],
  dropout: [
    'Elements set to 0 with the probability `p` and the others scaled up, while `train` is true.',
    'torch.dropout(torch.ones([2]), 0.5, false)',
  ],
  embedding: [
    'The rows of a weight matrix that indices (int64 or int32) name.',
    'torch.embedding(torch.tensor([[1, 2], [3, 4]]), torch.tensor([1n]))',
  ],
  gelu: [
    '`x` times the normal distribution\'s share below x; `approximate: "tanh"` for the quicker form.',
    'torch.gelu(torch.tensor([0]))',
  ],
  layer_norm: [
    'Each vector over the last dimensions of `normalizedShape` with mean 0 and variance 1, then scaled and shifted.',
    'torch.layerNorm(torch.tensor([[1, 3]]), [2], { eps: 0 })',
  ],
  linear: [
    '`input weight^T + bias`, with weights `[out, in]`.',
    'torch.linear(torch.tensor([1, 2]), torch.tensor([[3, 4]]))',
  ],
  log_softmax: ['The logarithm of the softmax along a dimension.', 'torch.logSoftmax(torch.zeros([2]), 0)'],
  max_pool2d: ['The maxima of windows of `[N, C, H, W]`.', 'torch.maxPool2d(torch.ones([1, 1, 4, 4]), 2).shape'],
  pad: [
    'Elements added around the last dimensions: `[left, right, top, bottom, ...]`.',
    'torch.pad(torch.ones([1]), [1, 1])',
  ],
  scaled_dot_product_attention: [
    'Attention: `softmax(query key^T / sqrt(d) + mask) value`.',
    'torch.scaledDotProductAttention(torch.ones([1, 1, 2]), torch.ones([1, 1, 2]), torch.ones([1, 1, 2]))',
  ],
  softmax: ['`exp(x)` divided by its sum along a dimension.', 'torch.softmax(torch.zeros([2]), 0)'],
};

/** By the operator's name in libtorch: what it does, an example and the value of it. */
export const descriptions = new Map(
  Object.entries(table).map(([name, [text, example]]) => [name, { text, example, value: values[name] }]),
);
