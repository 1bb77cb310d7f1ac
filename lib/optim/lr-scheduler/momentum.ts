import { arrayOf, check, decayRate, finite, finiteNonNegative } from '../../check.js';
import { TorchClipError } from '../../errors.js';
import type { Optimizer } from '../base/optimizer.js';
import { type Group, groupsOf } from './per-group.js';

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

/** The bounds of a cycle of momentum are momenta that the optimizer takes. */
export function checkMomenta(
  optimizer: Optimizer,
  bounds: Readonly<Record<'baseMomentum' | 'maxMomentum', number | readonly number[]>>,
): void {
  const own = usesBeta1(groupsOf(optimizer)) ? decayRate : optimizer.optionKind('momentum');
  const kind = own ?? finiteNonNegative;
  for (const name of ['baseMomentum', 'maxMomentum'] as const) {
    for (const bound of [bounds[name]].flat()) check(name, bound, kind);
  }
}

/** Starts a cycle of momentum in groups, whose bounds PyTorch too keeps there. */
export function beginMomentum(groups: readonly Group[], bases: readonly number[], maxima: readonly number[]): void {
  groups.forEach((group, i) => {
    setMomentum(group, maxima[i]!);
    group.maxMomentum = maxima[i]!;
    group.baseMomentum = bases[i]!;
  });
}

const betas = arrayOf(finite);

export function setMomentum(group: Group, momentum: number): void {
  if (group.betas !== undefined) group.betas = [momentum, ...check('betas', group.betas, betas).slice(1)];
  else group.momentum = momentum;
}
