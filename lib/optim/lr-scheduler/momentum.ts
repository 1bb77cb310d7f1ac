import { TorchClipError } from '../../errors.js';
import { finite, type Group, spread } from './options.js';

/** Whether the optimizer's momentum is `betas[0]`, as Adam's. */
export function usesBeta1(groups: readonly Group[]): boolean {
  const beta1 = groups.every(({ betas }) => betas !== undefined);
  if (!beta1 && !groups.every(({ momentum }) => finite.test(momentum, 0))) {
    throw new TorchClipError(
      'ERR_ARGUMENT',
      'optimizer must support momentum or beta1 with the cycleMomentum option enabled',
    );
  }
  return beta1;
}

/** Starts a cycle of momentum, whose bounds PyTorch too keeps in the groups. */
export function beginMomentum(
  groups: readonly Group[],
  base: number | readonly number[],
  max: number | readonly number[],
): void {
  const [bases, maxima] = [spread(base, groups), spread(max, groups)];
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
