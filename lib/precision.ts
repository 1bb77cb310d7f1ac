// How exactly operators compute, and whether they give the same bits each time.
import { native } from './binding/index.js';
import { check, flag, oneOf } from './check.js';
import { optionsOf } from './options.js';

declare module './binding/index.js' {
  interface Native {
    float32MatmulPrecision(precision?: string): string;
    /** 0: off, 1: warns, 2: throws. */
    deterministicAlgorithms(mode?: boolean, warnOnly?: boolean): number;
  }
}

const precisions = ['highest', 'high', 'medium'] as const;
/** How products of float32 matrices round their arguments: not at all, to TF32 or the like, to bfloat16. */
export type Float32MatmulPrecision = (typeof precisions)[number];

/**
 * Lets products of float32 matrices round their arguments, for all threads of the process: `'highest'` does not (the default),
 * `'high'` allows 10 bits (TF32 on GPUs, several times faster), `'medium'` allows bfloat16's 8 where the hardware has them.
 *
 * @example
 * torch.setFloat32MatmulPrecision('high');
 * @see https://pytorch.org/docs/stable/generated/torch.set_float32_matmul_precision.html
 */
export function setFloat32MatmulPrecision(precision: Float32MatmulPrecision): void {
  native.float32MatmulPrecision(check('precision', precision, oneOf(...precisions)));
}

/**
 * What {@link setFloat32MatmulPrecision} has set; at first `'highest'`.
 *
 * @example
 * torch.getFloat32MatmulPrecision(); // 'highest'
 */
export function getFloat32MatmulPrecision(): Float32MatmulPrecision {
  return native.float32MatmulPrecision() as Float32MatmulPrecision;
}

const readDeterministic = optionsOf('useDeterministicAlgorithms()', { warnOnly: [flag, false] });

/**
 * Has operators use only algorithms that give the same bits each time; an operator that has none throws, for all threads of the
 * process. The optimizers of this package always do.
 *
 * On GPUs, cuBLAS also needs `CUBLAS_WORKSPACE_CONFIG=:4096:8` in the environment.
 *
 * @param options.warnOnly whether operators without such an algorithm only warn; default false.
 *
 * @example
 * torch.useDeterministicAlgorithms(true);
 * @see https://pytorch.org/docs/stable/generated/torch.use_deterministic_algorithms.html
 */
export function useDeterministicAlgorithms(mode: boolean, options: { warnOnly?: boolean } = {}): void {
  const { warnOnly } = readDeterministic(options);
  native.deterministicAlgorithms(check('mode', mode, flag), warnOnly);
}

/**
 * Whether {@link useDeterministicAlgorithms} is on.
 *
 * @example
 * torch.areDeterministicAlgorithmsEnabled(); // false
 */
export function areDeterministicAlgorithmsEnabled(): boolean {
  return native.deterministicAlgorithms() > 0;
}

/**
 * Whether operators without a deterministic algorithm only warn.
 *
 * @example
 * torch.isDeterministicAlgorithmsWarnOnlyEnabled(); // false
 */
export function isDeterministicAlgorithmsWarnOnlyEnabled(): boolean {
  return native.deterministicAlgorithms() === 1;
}

const debugModes = ['default', 'warn', 'error'] as const;
/** What an operator without a deterministic algorithm does: nothing, warn, throw. */
export type DeterministicDebugMode = (typeof debugModes)[number];

/**
 * {@link useDeterministicAlgorithms} by one word, or its number: 0, 1 or 2.
 *
 * @example
 * torch.setDeterministicDebugMode('warn');
 */
export function setDeterministicDebugMode(mode: DeterministicDebugMode | 0 | 1 | 2): void {
  const chosen = check('mode', mode, oneOf<DeterministicDebugMode | 0 | 1 | 2>(...debugModes, 0, 1, 2));
  const level = typeof chosen === 'number' ? chosen : debugModes.indexOf(chosen);
  native.deterministicAlgorithms(level > 0, level === 1);
}

/**
 * The number of the mode: 0 (`'default'`), 1 (`'warn'`) or 2 (`'error'`).
 *
 * @example
 * torch.getDeterministicDebugMode(); // 0
 */
export function getDeterministicDebugMode(): 0 | 1 | 2 {
  return native.deterministicAlgorithms() as 0 | 1 | 2;
}
