// Sizes, counts, modes and memory.
import { invalidArgument } from '../../errors.js';
import { isTensor, type Tensor } from '../../tensor.js';
import { type Guard, isReadable } from './guard.js';

/** A quantized `out` is read as if there were a first tensor. */
export const nonEmpty: Guard = (argument) => {
  const tensors = argument('tensors');
  if (Array.isArray(tensors) && tensors.length === 0) {
    throw invalidArgument('tensors', 'an array of at least one Tensor', tensors);
  }
};

const maxSections = 100_000;

/** As many tensors are made as sections are asked for, however small the dimension. */
export const boundedSections: Guard = (given) => {
  const sections = given('sections') ?? given('tensorIndicesOrSections');
  const read = isReadable(sections) && sections.ndim === 0 && !sections.dtype.isComplex;
  const count = read ? sections.double().item() : sections;
  if ((typeof count === 'number' || typeof count === 'bigint') && count > maxSections) {
    throw invalidArgument('sections', `an integer of at most ${maxSections}`, count);
  }
};

/** The tensor is given the sizes before their product is looked at. */
export const sizes: Guard = (argument) => {
  const given = argument('size');
  const wrong = (Array.isArray(given) ? given : [given]).find((n) => n < 0);
  if (wrong !== undefined) throw invalidArgument('size', 'integers >= 0', wrong, 'ERR_SHAPE');
};

/** The source's memory would be taken for elements of another type. */
export const sameElements: Guard = (argument) => {
  const [self, source] = [argument('self'), argument('source')];
  if (!isTensor(self) || !isTensor(source)) return;
  for (const [property, code] of [
    ['dtype', 'ERR_DTYPE'],
    ['device', 'ERR_DEVICE'],
  ] as const) {
    const [wanted, got] = [String(self[property]), String(source[property])];
    if (got !== wanted) throw invalidArgument('source', `of ${property} ${wanted}, which the tensor has`, got, code);
  }
};

/** A mode that there is not leaves the result as the memory was. */
export const gridModes =
  (most: number): Guard =>
  (argument) => {
    for (const [key, largest] of [
      ['interpolationMode', most],
      ['paddingMode', 2],
    ] as const) {
      const mode = Number(argument(key));
      if (!(mode >= 0 && mode <= largest)) throw invalidArgument(key, `an integer from 0 to ${largest}`, mode);
    }
  };

/** The batches of the result are written at equal distances, whatever its strides are. */
export const contiguousOut: Guard = (argument) => {
  const out = argument('out');
  if (isTensor(out) && !out.isContiguous()) throw invalidArgument('out', 'a contiguous Tensor', out);
};

/** One state is read for each layer of the other. */
export const equalLayers: Guard = (argument) => {
  const hx = argument('hx');
  if (!Array.isArray(hx) || !hx.every(isTensor)) return;
  const [h, c] = hx as readonly Tensor[];
  if (h !== undefined && c !== undefined && h.shape[0] !== c.shape[0]) {
    throw invalidArgument('hx', 'two Tensors of as many layers each', [h.shape[0], c.shape[0]], 'ERR_SHAPE');
  }
};

const maxWindow = 2 ** 24;

/** The window is walked to its end, also where the input has ended. */
export const boundedWindow: Guard = (argument) => {
  const given = argument('kernelSize');
  const wrong = (Array.isArray(given) ? given : [given]).find((n) => n > maxWindow);
  if (wrong !== undefined) throw invalidArgument('kernelSize', `at most ${maxWindow}`, wrong);
};

export const windows = ['kernelSize', 'stride', 'padding', 'dilation', 'outputPadding', 'outputSize'];
const largestInt32 = 2 ** 31 - 1;

/** They are narrowed to 32 bits before they are looked at. */
export const narrowWindow =
  (keys: readonly string[]): Guard =>
  (argument) => {
    for (const key of keys) {
      const given = argument(key);
      const wrong = (Array.isArray(given) ? given : [given]).find((n) => n > largestInt32 || n < -largestInt32);
      if (wrong !== undefined) throw invalidArgument(key, `an integer of at most ${largestInt32}`, wrong);
    }
  };
