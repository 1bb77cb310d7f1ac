/** How the losses of the elements become the result: as they are, by their mean, or by their sum. */
export type Reduction = 'none' | 'mean' | 'sum';

/** Options of every loss. */
export interface LossOptions {
  /** Default `'mean'`. */
  reduction?: Reduction;
}

/** In the order of `at::Reduction`. */
export const reductions = ['none', 'mean', 'sum'] as const;

/** libtorch's number for a reduction. */
export const codeOf = (reduction: Reduction): number => reductions.indexOf(reduction);
