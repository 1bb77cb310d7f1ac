// Compiled, never run: what the declarations of tensors, creation, scopes and autograd accept and refuse.
import torch, { type Tensor, TorchClipError } from '../../lib/index.js';

declare const t: Tensor;

const shape: number[] = t.shape;
const size: number = t.size(-1);
const number: number = t.item();
const big: number | bigint = t.item<bigint>();
const pending: Promise<number> = t.itemAsync();
const grad: Tensor | null = t.grad;
const doubles: Float64Array<ArrayBuffer> = t.toTypedArray<Float64Array<ArrayBuffer>>();
const scoped: { a: Tensor } = torch.scope(() => ({ a: t }));
const plain: number = torch.noGrad(() => 5);
const pair: Tensor[] = torch.autograd.grad(t, [t, t]);
const some: (Tensor | null)[] = torch.autograd.grad(t, t, { allowUnused: true });
const self: Tensor = t.requiresGrad_();
export const used = [shape, size, number, big, pending, grad, doubles, scoped, plain, pair, some, self];

// @ts-expect-error An integer that a number holds is a number.
export const tooSure: bigint = t.item<bigint>();

torch.tensor([
  [1, 2],
  [3, 4],
]);
torch.tensor([1n], { dtype: torch.int64, device: 'cpu' });
torch.tensor(new Float32Array(6), { shape: [2, 3], requiresGrad: true });
torch.tensor({ re: 1, im: 2 });
torch.fromTypedArray(new BigUint64Array(2));
t.backward({ gradient: t, retainGraph: true });
t.registerHook((g) => g.mul(2)).remove();
t.registerHook(() => undefined);
t.grad = null;
torch.manualSeed(2n ** 63n);
{
  using scratch = torch.zeros([2]);
  scratch.add_(1);
}
try {
  t.dispose();
} catch (error) {
  if (error instanceof TorchClipError && error.code === 'ERR_DISPOSED') console.log(error.message);
}

// @ts-expect-error A string is not a number.
torch.tensor(['1']);
// @ts-expect-error A dtype is not an options object.
torch.tensor([1], torch.float32);
// @ts-expect-error A dtype is an object, not a name.
torch.tensor([1], { dtype: 'float32' });
// @ts-expect-error There is no such device.
torch.tensor([1], { device: 'tpu' });
// @ts-expect-error The shape is read-only.
t.shape = [1];
// @ts-expect-error The handle is not for users.
t.handle = 1;
// @ts-expect-error PyTorch's order of arguments is an option here.
t.backward(t);
// @ts-expect-error There is no such option.
t.backward({ retain: true });
// @ts-expect-error A hook gives a tensor or nothing.
t.registerHook(() => 5);
// @ts-expect-error The gradient is a tensor or null.
t.grad = 5;
// @ts-expect-error Without allowUnused there are no nulls.
export const nulls: null[] = torch.autograd.grad(t, [t]);
// @ts-expect-error Not every code is one of the library's.
export const wrong = new TorchClipError('ERR_NOPE', '');
