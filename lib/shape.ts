/** @internal Whether two shapes are the same. */
export const sameShape = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((size, dim) => size === b[dim]);

/** @internal A shape as messages write it. */
export const shapeText = (shape: readonly number[]): string => `[${shape.join(', ')}]`;
