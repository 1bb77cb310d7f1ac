/** `'cpu'`, `'cuda'` (the current GPU), `'cuda:1'` or `'meta'` (shapes without data), or a {@link Device}. */
export type DeviceLike = Device | 'cpu' | 'cuda' | 'meta' | `cuda:${number}`;

/**
 * Where a tensor's memory is.
 *
 * @example
 * String(x.device); // 'cpu'
 */
export class Device {
  /** `'cpu'`, `'cuda'` or `'meta'`. */
  readonly type: string;
  /** Which of the GPUs, from 0; null where there is only one device of the type, or none was named. */
  readonly index: number | null;

  /** @internal */
  constructor(type: string, index: number | null) {
    this.type = type;
    this.index = index;
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
  const m = /^(cpu|cuda|meta)(?::(0|[1-9]\d{0,2}))?$/.exec(name);
  if (m === null || (m[1] !== 'cuda' && m[2] !== undefined && m[2] !== '0')) return undefined;
  const made = new Device(m[1]!, m[2] === undefined ? null : Number(m[2]));
  known.set(name, made);
  return made;
}
