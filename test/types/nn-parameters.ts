import torch, { nn, type Tensor } from '../../lib/index.js';

// A tensor that is not a parameter would silently no longer be trained or saved.
const linear = new nn.Linear(2, 1);
// @ts-expect-error a plain tensor is not a Parameter
linear.weight = torch.ones([1, 2]);
linear.weight = new nn.Parameter(torch.ones([1, 2]));
export const upcast: Tensor = linear.weight;
export const dict = new nn.ModuleDict({ a: linear, b: new nn.ReLU() });
export const relu: nn.ReLU = dict.get('b');
export const ordered = new nn.ModuleDict([['10', linear] as const, ['2', linear] as const]);
