import { finite } from '../../check.js';
import { TorchClipError } from '../../errors.js';
import type { Group } from './options.js';

/** Whether the optimizer's momentum is `betas[0]`, as Adam's. */
export function usesBeta1(groups: readonly Group[]): boolean {
  const beta1 = groups.every(({ betas }) => betas !== undefined);
  if (!beta1 && !groups.every(({ momentum }) => finite.accepts(momentum))) {
    throw new TorchClipError(
      'ERR_ARGUMENT',
      'optimizer must support momentum or beta1 with the cycleMomentum option enabled',
    );
  }
  return beta1;
}

/** Starts a cycle of momentum in groups, whose bounds PyTorch too keeps there. */
export function beginMomentum(groups: readonly Group[], bases: readonly number[], maxima: readonly number[]): void {
  groups.forEach((group, i) => {
    setMomentum(group, maxima[i]!);
    group.maxMomentum = maxima[i]!;
    group.baseMomentum = bases[i]!;
  });
}

export function setMomentum(group: Group, momentum: number): void {
  if (group.betas !== undefined) group.betas = [momentum, ...group.betas.slice(1)];
  else group.momentum = momentum;
}
