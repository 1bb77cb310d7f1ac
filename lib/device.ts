import { describe, invalidArgument, TorchClipError } from './errors.js';

/** `'cpu'`, `'cuda'` (the current GPU), `'cuda:1'` or `'meta'` (shapes without data), or a {@link Device}. */
export type DeviceLike = Device | 'cpu' | 'cuda' | 'meta' | `cuda:${number}`;

/** What is expected where a device is. */
export const aDevice = "a device such as 'cpu' or 'cuda:0'";

/** The type and the index in a name, or undefined where no device has that name. */
function read(name: unknown): { type: string; index: number | null } | undefined {
  const m = typeof name === 'string' ? /^(cpu|cuda|meta)(?::(0|[1-9]\d{0,2}))?$/.exec(name) : null;
  if (m === null || (m[1] !== 'cuda' && m[2] !== undefined && m[2] !== '0')) return undefined;
  return { type: m[1]!, index: m[2] === undefined ? null : Number(m[2]) };
}

/**
 * Where a tensor's memory is.
 *
 * @example
 * String(x.device); // 'cpu'
 * const second = new torch.Device('cuda', 1);
 * @see https://pytorch.org/docs/stable/tensor_attributes.html#torch.device
 */
export class Device {
  /** `'cpu'`, `'cuda'` or `'meta'`. */
  readonly type: string;
  /** Which of the GPUs, from 0; null where there is only one device of the type, or none was named. */
  readonly index: number | null;

  /**
   * @param type `'cpu'`, `'cuda'` or `'meta'`, also with an index, as in `'cuda:1'`.
   * @param index which of the GPUs; default that in `type`, if any.
   * @throws {TorchClipError} `ERR_DEVICE` for what is no device, `ERR_ARGUMENT` for two indices.
   */
  constructor(type: DeviceLike, index: number | null = null) {
    const named = type instanceof Device ? type : read(type);
    if (named === undefined) throw invalidArgument('type', aDevice, type, 'ERR_DEVICE');
    if (index !== null && named.index !== null) {
      throw new TorchClipError(
        'ERR_ARGUMENT',
        `"index" cannot be combined with a "type" that has one, got ${describe(index)} and ${describe(String(type))}`,
      );
    }
    const whole = index === null || typeof index !== 'number' ? named : read(`${named.type}:${index}`);
    if (whole === undefined || (index !== null && typeof index !== 'number')) {
      const expected = named.type === 'cuda' ? 'an integer from 0 to 999' : `0 for the type "${named.type}"`;
      throw invalidArgument('index', `${expected}, or null`, index, 'ERR_DEVICE');
    }
    this.type = whole.type;
    this.index = whole.index;
    Object.freeze(this);
  }

  /** `'cpu'` or `'cuda:0'`: what every `device` option takes. */
  toString(): string {
    return this.index === null ? this.type : `${this.type}:${this.index}`;
  }

  toJSON(): string {
    return this.toString();
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return `device('${this}')`;
  }
}

const known = new Map<string, Device>();

/** The device of a name, or undefined where no device has that name. */
export function parseDevice(name: unknown): Device | undefined {
  if (name instanceof Device) return name;
  if (typeof name !== 'string') return undefined;
  const found = known.get(name);
  if (found !== undefined) return found;
  if (read(name) === undefined) return undefined;
  const made = new Device(name as DeviceLike);
  known.set(name, made);
  return made;
}
