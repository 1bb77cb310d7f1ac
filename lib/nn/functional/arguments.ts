import { invalidArgument } from '../../errors.js';
import { isTensor } from '../../tensor.js';

/** Refuses arguments that are no tensors, by their names. */
export function checkTensors(tensors: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(tensors)) {
    if (!isTensor(value)) throw invalidArgument(name, 'a Tensor', value);
  }
}

/** How the losses of the elements become one: not at all, by their mean, or by their sum. */
export type Reduction = 'none' | 'mean' | 'sum';

const codes: Readonly<Record<string, number>> = { none: 0, mean: 1, sum: 2 };

/** libtorch's number for a reduction. */
export function reductionCode(reduction: unknown): number {
  const code = typeof reduction === 'string' && Object.hasOwn(codes, reduction) ? codes[reduction] : undefined;
  if (code === undefined) throw invalidArgument('reduction', "'none', 'mean' or 'sum'", reduction);
  return code;
}

/** One of a few words, by its place among them. */
export function wordCode(name: string, words: readonly string[], word: unknown): number {
  const code = words.indexOf(word as string);
  if (code < 0) throw invalidArgument(name, words.map((w) => `'${w}'`).join(' or '), word);
  return code;
}

/** One number for `n` dimensions, or `n` numbers. */
export function numbers(name: string, value: unknown, n: number): number[] {
  const list: unknown[] = typeof value === 'number' ? new Array(n).fill(value) : Array.isArray(value) ? value : [];
  if (list.length !== n || !list.every((v) => typeof v === 'number')) {
    throw invalidArgument(name, n === 1 ? 'a number' : `a number or an array of ${n} numbers`, value);
  }
  return list as number[];
}
