import { native } from '../binding/index.js';
import { flag } from '../check.js';
import { optionsOf, type Table } from '../options.js';
import { refuseAsync, refusePromise } from '../sync.js';
import { switches } from './switches.js';

declare module '../binding/index.js' {
  interface Native {
    cudnnVersion(): number;
  }
}

/** The switches of a library, and what it is. */
export interface Library<Switches> {
  /** Whether this libtorch has the library, and it can be used here. */
  isAvailable(): boolean;
  /** Runs `body`, a synchronous function, with other switches, which are put back afterwards; returns what `body` returns. */
  flags<T>(values: Partial<Switches>, body: () => T): T;
}

function library<const Names extends string>(name: string, names: readonly Names[]) {
  type Values = { [Name in Names]: boolean };
  const table = Object.fromEntries(names.map((each) => [each, [flag, undefined]])) as unknown as Table;
  const readFlags = optionsOf(`backends.${name}.flags()`, table);
  const own = switches(name, names);
  const put = (values: Readonly<Record<string, unknown>>) => {
    for (const each of names) if (values[each] !== undefined) own[each] = values[each] as boolean;
  };
  const flags = <T>(values: Partial<Values>, body: () => T): T => {
    const wanted = readFlags(values) as Readonly<Record<string, unknown>>;
    refuseAsync(`backends.${name}.flags`, body);
    const before = { ...own };
    put(wanted);
    try {
      return refusePromise(`backends.${name}.flags`, body());
    } finally {
      put(before);
    }
  };
  // The accessors are copied as well.
  const out = Object.defineProperties({} as Values & Library<Values>, Object.getOwnPropertyDescriptors(own));
  return Object.preventExtensions(Object.assign(out, { isAvailable: () => native.backendAvailable(name), flags }));
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
}

/** How the CPU's library of matrix products and convolutions computes. */
export interface MkldnnSwitches {
  /** Whether oneDNN is used. Default true. */
  enabled: boolean;
  /** Whether only kernels are used that give the same bits each time. Default false. */
  deterministic: boolean;
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
    /** Such as `91900` for 9.19.0; null where there is none. */
    version(): number | null;
  } = cudnnOf();

function cudnnOf() {
  const own = library('cudnn', ['enabled', 'benchmark', 'deterministic', 'allowTf32']);
  const version = () => (own.isAvailable() ? native.cudnnVersion() : null);
  const out = Object.defineProperties({} as typeof own & { version(): number | null }, {
    ...Object.getOwnPropertyDescriptors(own),
    version: { value: version },
  });
  return Object.preventExtensions(out);
}

/** oneDNN, the CPU's library of matrix products and convolutions. */
export const mkldnn: MkldnnSwitches & Library<MkldnnSwitches> = library('mkldnn', ['enabled', 'deterministic']);

/** NNPACK, another library of convolutions on the CPU. */
export const nnpack: { enabled: boolean } = switches('nnpack', ['enabled']);
