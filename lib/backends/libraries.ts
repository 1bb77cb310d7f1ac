import { native } from '../binding/index.js';
import { oneOf } from '../check.js';
import { optionsOf, type Table } from '../options.js';
import { refuseAsync, refusePromise } from '../sync.js';
import {
  cpuPrecision,
  type Fp32Precision,
  type Fp32PrecisionOnGpu,
  flags,
  gpuPrecision,
  type Setting,
  settings,
} from './switches.js';
import { type Verbosity, verbosely } from './verbose.js';

declare module '../binding/index.js' {
  interface Native {
    cudnnVersion(): number;
    /** Sets which kernels compute depthwise convolutions, where it is given; returns what it was. */
    cudnnDepthwiseKernel(kernel?: string): string;
  }
}

/** The switches of a library, and what it is. */
export interface Library<Switches> {
  /** Whether this libtorch has the library, and it can be used here. */
  isAvailable(): boolean;
  /** Runs `body`, a synchronous function, with other switches, which are put back afterwards; returns what `body` returns. */
  flags<T>(values: Partial<Switches>, body: () => T): T;
}

type Settings = Readonly<Record<string, Setting<unknown>>>;
type Values<S extends Settings> = ReturnType<typeof settings<S>>;

function library<S extends Settings>(name: string, own: S): Values<S> & Library<Values<S>> {
  const table = Object.fromEntries(Object.entries(own).map(([each, { kind }]) => [each, [kind, undefined]]));
  const readFlags = optionsOf(`backends.${name}.flags()`, table as unknown as Table);
  const object = settings(name, own) as Record<string, unknown>;
  const flags = <T>(values: Partial<Values<S>>, body: () => T): T => {
    const wanted = Object.entries(readFlags(values)).filter(([, value]) => value !== undefined);
    refuseAsync(`backends.${name}.flags`, body);
    const before = wanted.map(([each]) => [each, object[each]] as const);
    try {
      for (const [each, value] of wanted) object[each] = value;
      return refusePromise(`backends.${name}.flags`, body());
    } finally {
      for (const [each, value] of before) object[each] = value;
    }
  };
  // The accessors are copied as well.
  const out = Object.defineProperties({} as Values<S> & Library<Values<S>>, Object.getOwnPropertyDescriptors(object));
  return Object.assign(out, { isAvailable: () => native.backendAvailable(name), flags });
}

/** How convolutions and recurrent layers compute on GPUs. */
export interface CudnnSwitches {
  /** Whether cuDNN is used. Default true. */
  enabled: boolean;
  /** Whether the first convolution of each shape tries several kernels and keeps the fastest. Default false. */
  benchmark: boolean;
  /** Whether only kernels are used that give the same bits each time. Default false. */
  deterministic: boolean;
  /** Whether float32 may be rounded to TF32 (10 bits). Default true. */
  allowTf32: boolean;
  /**
   * How float32 is multiplied: `'ieee'`, `'tf32'`, or `'none'` (default), as `allowTf32` says. PyTorch's newer way to say that; libtorch
   * refuses to read `allowTf32` where this was set to something else.
   */
  fp32Precision: Fp32PrecisionOnGpu;
  /** Which kernels compute depthwise convolutions: cuDNN's, PyTorch's own (`'native'`), or the faster ones (`'auto'`, default). */
  depthwiseKernel: 'auto' | 'cudnn' | 'native';
}

/** How float32 is multiplied in one kind of operations. */
export interface Precision<P = Fp32Precision> {
  /** Default `'none'`: as the library's own `fp32Precision` says. */
  fp32Precision: P;
}

/** How the CPU's library of matrix products and convolutions computes. */
export interface MkldnnSwitches {
  /** Whether oneDNN is used. Default true. */
  enabled: boolean;
  /** Whether only kernels are used that give the same bits each time. Default false. */
  deterministic: boolean;
  /**
   * How float32 is multiplied: `'ieee'`, `'tf32'`, `'bf16'`, or `'none'` (default), which is `'ieee'`. A machine without instructions for
   * the narrower type computes as before.
   */
  fp32Precision: Fp32Precision;
}

/**
 * NVIDIA's library of convolutions and recurrent layers. Its switches can be set without a GPU, too.
 *
 * @example
 * torch.backends.cudnn.benchmark = true;
 * @see https://pytorch.org/docs/stable/backends.html
 */
export const cudnn: CudnnSwitches &
  Library<CudnnSwitches> & {
    /** Of convolutions. */
    readonly conv: Precision<Fp32PrecisionOnGpu>;
    /** Of recurrent layers. */
    readonly rnn: Precision<Fp32PrecisionOnGpu>;
    /** Such as `91900` for 9.19.0; null where there is none. */
    version(): number | null;
  } = cudnnOf();

function cudnnOf() {
  const own = library('cudnn', {
    ...flags('cudnn', ['enabled', 'benchmark', 'deterministic', 'allowTf32']),
    fp32Precision: gpuPrecision('cudnn'),
    depthwiseKernel: {
      kind: oneOf('auto', 'cudnn', 'native'),
      exchange: (kernel?: 'auto' | 'cudnn' | 'native') =>
        native.cudnnDepthwiseKernel(kernel) as 'auto' | 'cudnn' | 'native',
    },
  });
  return completed(own, {
    conv: settings('cudnn.conv', { fp32Precision: gpuPrecision('cudnn.conv') }),
    rnn: settings('cudnn.rnn', { fp32Precision: gpuPrecision('cudnn.rnn') }),
    version: () => (own.isAvailable() ? native.cudnnVersion() : null),
  });
}

/** `own` with more members, which its settings' spread leaves out, and none to come. */
function completed<O extends object, M extends object>(own: O, more: M): O & Readonly<M> {
  for (const [name, value] of Object.entries(more)) Object.defineProperty(own, name, { value });
  return Object.preventExtensions(own) as O & Readonly<M>;
}

/**
 * oneDNN, the CPU's library of matrix products and convolutions.
 *
 * @example
 * torch.backends.mkldnn.verbose('on', () => model.forward(x)); // its calls, on the standard output
 * @see https://pytorch.org/docs/stable/backends.html
 */
export const mkldnn: MkldnnSwitches &
  Library<MkldnnSwitches> & {
    /** Of matrix products. */
    readonly matmul: Precision;
    /** Of convolutions. */
    readonly conv: Precision;
    /** Of recurrent layers. */
    readonly rnn: Precision;
    /** Whether this libtorch has oneDNN with the Arm Compute Library. */
    isAclAvailable(): boolean;
    /**
     * Runs `body`, a synchronous function, while oneDNN writes each of its calls to the standard output (`'on'`), and each kernel that it
     * makes (`'onCreation'`); returns what `body` returns.
     */
    verbose<T>(level: Verbosity, body: () => T): T;
  } = completed(
  library('mkldnn', {
    ...flags('mkldnn', ['enabled', 'deterministic']),
    fp32Precision: cpuPrecision('mkldnn'),
  }),
  {
    matmul: settings('mkldnn.matmul', { fp32Precision: cpuPrecision('mkldnn.matmul') }),
    conv: settings('mkldnn.conv', { fp32Precision: cpuPrecision('mkldnn.conv') }),
    rnn: settings('mkldnn.rnn', { fp32Precision: cpuPrecision('mkldnn.rnn') }),
    isAclAvailable: () => native.backendAvailable('acl'),
    verbose: <T>(level: Verbosity, body: () => T): T => verbosely('mkldnn', level, body),
  },
);

/** NNPACK, another library of convolutions on the CPU. */
export const nnpack: { enabled: boolean } = settings('nnpack', flags('nnpack', ['enabled']));
