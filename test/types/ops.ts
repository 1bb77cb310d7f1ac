// Compiled, never run: what the declarations of the ops accept and refuse.
import torch, { type Dtype, type Index, type Tensor } from '../../lib/index.js';

declare const t: Tensor;
declare const index: Index;

const sum: Tensor = t.sum();
const bySize: Tensor[] = t.split([1, 2], 1);
const [values, indices]: [values: Tensor, indices: Tensor] = t.max(1);
const [q, r] = torch.linalg.qr(t);
const same: boolean = torch.equal(t, t);
const dtype: Dtype = torch.promoteTypes(torch.int64, torch.float32);
const self: Tensor = t.add_(1).mul_(t);
export const used = [sum, bySize, values, indices, q, r, same, dtype, self];

t.sum(0);
t.sum([0, 1], { keepdim: true, dtype: torch.float64 });
t.sum({ dim: 0, keepdim: true });
t.add(1n);
t.add({ re: 1, im: 2 }, { alpha: 0.5 });
t.div(2, { roundingMode: 'floor' });
t.view(2, 3);
t.view([2, 3]);
t.view(torch.int32);
t.to('cuda:1');
t.to({ device: t.device, dtype: torch.float16 });
t.clamp({ min: 0 });
t.clamp(0, 1);
t.at(0, null, '...', { start: 1 }, [0, 2], t, true, index);
t.indexPut_([t.gt(0)], 0, { accumulate: false });
torch.zeros([2, 3], { dtype: torch.int64, device: 'cpu', requiresGrad: true });
torch.zeros(2, 3);
torch.add(t, 2, { out: t });
torch.max(t, 1, { out: [t, t] });
torch.var(t, { correction: 0 });
torch.where(t.gt(0), t, 0);
torch.where(t.gt(0)).map((part) => part.shape);
torch.tensor([[1, 2], new Float32Array(2)], { dtype: torch.bfloat16 });
torch.nn.functional.crossEntropy(t, t, { reduction: 'sum' });
torch.nn.functional.linear(t, t, null);

// @ts-expect-error an operand is a tensor or a number
t.add('x');
// @ts-expect-error there is no such option
t.add(t, { beta: 1 });
// @ts-expect-error a dtype is an object
torch.zeros([2], { dtype: 'float32' });
// @ts-expect-error there is no such device
torch.zeros([2], { device: 'gpu' });
// @ts-expect-error two dimensions are needed
t.transpose(0);
// @ts-expect-error a layout is not a memory format
t.contiguous({ memoryFormat: torch.sparseCoo });
// @ts-expect-error methods have no `out`
t.add(t, { out: t });
// @ts-expect-error one result needs one tensor
torch.add(t, t, { out: [t, t] });
// @ts-expect-error `torch.clip` is the namespace of clipping
torch.clip(t, 0, 1);
// @ts-expect-error there is no such reduction
torch.nn.functional.mseLoss(t, t, { reduction: 'average' });
// @ts-expect-error a word is not an index
t.index(['x']);
