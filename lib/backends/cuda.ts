import { native } from '../binding/index.js';
import { type Fp32PrecisionOnGpu, flags, gpuPrecision, reads, settings, writes } from './switches.js';

/**
 * Whether this libtorch was built with CUDA, be there a GPU or not.
 *
 * @example
 * torch.backends.cuda.isBuilt(); // false for torch 2.13 of the CPU
 */
export function isBuilt(): boolean {
  return native.backendAvailable('cuda');
}

/** How matrix products on GPUs compute. Set before the products; the switches hold for all threads of the process. */
export interface MatmulSwitches {
  /**
   * Whether products of float32 may round their arguments to TF32 (10 bits), which tensor cores multiply several times faster;
   * `torch.setFloat32MatmulPrecision('high')` sets the same. Default false.
   */
  allowTf32: boolean;
  /** Whether products of float16 may add in float16. Default true. */
  allowFp16ReducedPrecisionReduction: boolean;
  /** Whether products of bfloat16 may add in bfloat16. Default true. */
  allowBf16ReducedPrecisionReduction: boolean;
  /** Whether products of float16 may keep their sums in float16. Default false. */
  allowFp16Accumulation: boolean;
  /**
   * How products of float32 compute: `'ieee'`, `'tf32'`, or `'none'` (default), as the other switches say. PyTorch's newer way to say
   * `allowTf32`; libtorch refuses to read the one where the other was set to something else.
   */
  fp32Precision: Fp32PrecisionOnGpu;
}

/**
 * Switches of matrix products on GPUs, which can be set without one, too.
 *
 * @example
 * torch.backends.cuda.matmul.allowTf32 = true;
 * @see https://pytorch.org/docs/stable/backends.html
 */
export const matmul: MatmulSwitches = settings('cuda.matmul', {
  ...flags('cuda.matmul', [
    'allowTf32',
    'allowFp16ReducedPrecisionReduction',
    'allowBf16ReducedPrecisionReduction',
    'allowFp16Accumulation',
  ]),
  fp32Precision: gpuPrecision('cuda.matmul'),
});

/**
 * Whether `scaledDotProductAttention` may use FlashAttention.
 *
 * @example
 * torch.backends.cuda.flashSdpEnabled(); // true
 */
export const flashSdpEnabled: () => boolean = reads('cuda.flashSdp');
/**
 * Lets `scaledDotProductAttention` use FlashAttention, or not; `nn.attention.sdpaKernel` does it for one function.
 *
 * @example
 * torch.backends.cuda.enableFlashSdp(false);
 */
export const enableFlashSdp: (enabled: boolean) => void = writes('cuda.flashSdp');
/**
 * Whether it may use the memory-efficient kernel.
 *
 * @example
 * torch.backends.cuda.memEfficientSdpEnabled(); // true
 */
export const memEfficientSdpEnabled: () => boolean = reads('cuda.memEfficientSdp');
/**
 * Lets it use the memory-efficient kernel, or not.
 *
 * @example
 * torch.backends.cuda.enableMemEfficientSdp(false);
 */
export const enableMemEfficientSdp: (enabled: boolean) => void = writes('cuda.memEfficientSdp');
/**
 * Whether it may use matrix products and a softmax.
 *
 * @example
 * torch.backends.cuda.mathSdpEnabled(); // true
 */
export const mathSdpEnabled: () => boolean = reads('cuda.mathSdp');
/**
 * Lets it use matrix products and a softmax, or not.
 *
 * @example
 * torch.backends.cuda.enableMathSdp(false);
 */
export const enableMathSdp: (enabled: boolean) => void = writes('cuda.mathSdp');
/**
 * Whether it may use cuDNN's kernel.
 *
 * @example
 * torch.backends.cuda.cudnnSdpEnabled();
 */
export const cudnnSdpEnabled: () => boolean = reads('cuda.cudnnSdp');
/**
 * Lets it use cuDNN's kernel, or not.
 *
 * @example
 * torch.backends.cuda.enableCudnnSdp(false);
 */
export const enableCudnnSdp: (enabled: boolean) => void = writes('cuda.cudnnSdp');
/**
 * Whether the matrix products of its plain form may add in 16 bits.
 *
 * @example
 * torch.backends.cuda.fp16Bf16ReductionMathSdpAllowed(); // false
 */
export const fp16Bf16ReductionMathSdpAllowed: () => boolean = reads('cuda.fp16Bf16ReductionMathSdp');
/**
 * Lets the matrix products of its plain form add in 16 bits, or not.
 *
 * @example
 * torch.backends.cuda.allowFp16Bf16ReductionMathSdp(true);
 */
export const allowFp16Bf16ReductionMathSdp: (enabled: boolean) => void = writes('cuda.fp16Bf16ReductionMathSdp');
