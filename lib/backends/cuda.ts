import { native } from '../binding/index.js';
import { reads, switches, writes } from './switches.js';

/** Whether this libtorch was built with CUDA, be there a GPU or not. */
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
}

/**
 * Switches of matrix products on GPUs, which can be set without one, too.
 *
 * @example
 * torch.backends.cuda.matmul.allowTf32 = true;
 * @see https://pytorch.org/docs/stable/backends.html
 */
export const matmul: MatmulSwitches = switches('cuda.matmul', [
  'allowTf32',
  'allowFp16ReducedPrecisionReduction',
  'allowBf16ReducedPrecisionReduction',
  'allowFp16Accumulation',
]);

/** Whether `scaledDotProductAttention` may use FlashAttention. */
export const flashSdpEnabled: () => boolean = reads('cuda.flashSdp');
/** Lets `scaledDotProductAttention` use FlashAttention, or not; `nn.attention.sdpaKernel` does it for one function. */
export const enableFlashSdp: (enabled: boolean) => void = writes('cuda.flashSdp');
/** Whether it may use the memory-efficient kernel. */
export const memEfficientSdpEnabled: () => boolean = reads('cuda.memEfficientSdp');
/** Lets it use the memory-efficient kernel, or not. */
export const enableMemEfficientSdp: (enabled: boolean) => void = writes('cuda.memEfficientSdp');
/** Whether it may use matrix products and a softmax. */
export const mathSdpEnabled: () => boolean = reads('cuda.mathSdp');
/** Lets it use matrix products and a softmax, or not. */
export const enableMathSdp: (enabled: boolean) => void = writes('cuda.mathSdp');
/** Whether it may use cuDNN's kernel. */
export const cudnnSdpEnabled: () => boolean = reads('cuda.cudnnSdp');
/** Lets it use cuDNN's kernel, or not. */
export const enableCudnnSdp: (enabled: boolean) => void = writes('cuda.cudnnSdp');
/** Whether the matrix products of its plain form may add in 16 bits. */
export const fp16Bf16ReductionMathSdpAllowed: () => boolean = reads('cuda.fp16Bf16ReductionMathSdp');
/** Lets the matrix products of its plain form add in 16 bits, or not. */
export const allowFp16Bf16ReductionMathSdp: (enabled: boolean) => void = writes('cuda.fp16Bf16ReductionMathSdp');
