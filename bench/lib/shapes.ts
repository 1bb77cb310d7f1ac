// The layers of real networks, and where the values that both sides fill them with come from.
import table from '../shapes.json' with { type: 'json' };

export type ShapeName = keyof typeof table;
export type DtypeName = 'float32' | 'bfloat16';

export const poolSize = 1 << 20;

export const shapes: Record<ShapeName, { title: string; tensors: number; elements: number }> = table;

/** The shapes of all layers, repeated as the table says, and all of that `copies` times: a model cut to fit. */
export function shapesOf(name: ShapeName, copies = 1): number[][] {
  const layers = Array.from({ length: copies }, () => table[name].layers).flat();
  return layers.flatMap(({ repeat, shapes }) => Array.from({ length: repeat }, () => shapes).flat());
}

export function sizeOf(name: ShapeName, copies = 1): { title: string; tensors: number; elements: number } {
  const { title, tensors, elements } = shapes[name];
  return {
    title: copies === 1 ? title : `${copies} x ${title}`,
    tensors: copies * tensors,
    elements: copies * elements,
  };
}

/** The seed of each pool's generator, and its standard deviation. */
export const seeds = { params: [1, 0.02], grads: [2, 0.01] } as const;

/** Walks over the pool repeatedly, starting at another place for each tensor: visit(start in the pool, start in the tensor, length). */
export function tile(k: number, length: number, visit: (start: number, at: number, n: number) => void): void {
  let start = (k * 7919) % poolSize;
  for (let at = 0; at < length; ) {
    const n = Math.min(length - at, poolSize - start);
    visit(start, at, n);
    at += n;
    start = 0;
  }
}

/** The stride at which a sample takes rows of a tensor, or elements of a long vector; small enough to see every tensor. */
export function strideOf(name: ShapeName, copies = 1): number {
  return Math.max(1, Math.floor(sizeOf(name, copies).elements / 200_000));
}
