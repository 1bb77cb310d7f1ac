import { fixed, scientific } from './numbers.js';

/** How tensors are printed. */
export interface PrintOptions {
  /** Digits after the point. Default: 4. */
  precision: number;
  /** The number of elements above which a tensor is summarised. Default: 1000. */
  threshold: number;
  /** Entries at each end of a summarised dimension. Default: 3. */
  edgeitems: number;
  /** Characters a line. Default: 80. */
  linewidth: number;
  /** Scientific notation always or never; null lets the values decide. Default: null. */
  sciMode: boolean | null;
}

/** Writes one element in as many characters as every other. */
export interface Formatter {
  width: number;
  format(value: number | bigint | boolean): string;
}

const python = (value: number | bigint | boolean) =>
  typeof value === 'boolean' ? (value ? 'True' : 'False') : String(value);

/** For integers and booleans. */
function plain(values: readonly (number | bigint | boolean)[]): Formatter {
  const width = Math.max(1, ...values.map((v) => python(v).length));
  return { width, format: (v) => python(v).padStart(width) };
}

/** For floating-point numbers: integers with a point, fixed or scientific notation, chosen by the finite values. */
function floating(values: readonly number[], { precision, sciMode }: PrintOptions): Formatter {
  const finite = values.filter((v) => Number.isFinite(v) && v !== 0);
  let max = 0;
  let min = Number.POSITIVE_INFINITY;
  for (const v of finite) {
    max = Math.max(max, Math.abs(v));
    min = Math.min(min, Math.abs(v));
  }
  const integers = finite.every((v) => Number.isInteger(v));
  const wide = max / min > 1000 || max > 1e8 || min < 1e-4;
  const scientificMode = finite.length > 0 && (sciMode ?? wide);
  const write = (v: number): string => {
    if (scientificMode) return scientific(v, precision);
    if (!integers) return fixed(v, precision);
    return Number.isFinite(v) ? `${fixed(v, 0)}.` : fixed(v, 0);
  };
  const width = finite.reduce((w, v) => Math.max(w, write(v).length), 1);
  return { width, format: (v) => write(Number(v)).padStart(width) };
}

export function formatterOf(
  values: readonly (number | bigint | boolean)[],
  isFloating: boolean,
  options: PrintOptions,
): Formatter {
  return isFloating ? floating(values as readonly number[], options) : plain(values);
}
