import { native } from '../binding/index.js';

declare module '../binding/index.js' {
  interface Native {
    cpuCapability(): string;
  }
}

/**
 * The instruction set that libtorch's kernels use here: `'DEFAULT'`, `'AVX2'`, `'AVX512'` and so on.
 *
 * @example
 * torch.backends.cpu.getCpuCapability(); // 'AVX2'
 */
export function getCpuCapability(): string {
  return native.cpuCapability();
}
