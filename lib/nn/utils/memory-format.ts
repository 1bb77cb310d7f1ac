import { noGrad } from '../../autograd/index.js';
import { invalidArgument } from '../../errors.js';
import { MemoryFormat } from '../../layout.js';
import { nativeOp } from '../../ops/overload.js';
import { Conv2d, Conv3d } from '../layers/conv.js';
import { ConvTranspose2d, ConvTranspose3d } from '../layers/conv-transpose.js';
import type { Module } from '../module.js';
import { checkModule } from './computed.js';

type Conv = Conv2d | ConvTranspose2d | Conv3d | ConvTranspose3d;

function convert<M extends Module>(
  module: M,
  memoryFormat: MemoryFormat,
  isWanted: (module: Module) => module is Module & Conv,
): M {
  checkModule(module);
  if (!(memoryFormat instanceof MemoryFormat)) {
    throw invalidArgument('memoryFormat', 'a memory format such as torch.channelsLast', memoryFormat);
  }
  for (const layer of module.modules().filter(isWanted)) {
    // Parameters stay the same objects, for optimizers.
    const data = noGrad(() => layer.weight.detach().clone({ memoryFormat }));
    nativeOp('set_data')(layer.weight.handle, data.handle);
  }
  return module;
}

/**
 * Gives the weights of all `Conv2d` and `ConvTranspose2d` in a module a memory format; the inputs' own format does the rest.
 *
 * @example
 * nn.utils.convertConv2dWeightMemoryFormat(model, torch.channelsLast);
 */
export function convertConv2dWeightMemoryFormat<M extends Module>(module: M, memoryFormat: MemoryFormat): M {
  return convert(module, memoryFormat, (m) => m instanceof Conv2d || m instanceof ConvTranspose2d);
}

/**
 * Gives the weights of all `Conv3d` and `ConvTranspose3d` in a module a memory format; the inputs' own format does the rest.
 *
 * @example
 * nn.utils.convertConv3dWeightMemoryFormat(model, torch.channelsLast3d);
 */
export function convertConv3dWeightMemoryFormat<M extends Module>(module: M, memoryFormat: MemoryFormat): M {
  return convert(module, memoryFormat, (m) => m instanceof Conv3d || m instanceof ConvTranspose3d);
}
