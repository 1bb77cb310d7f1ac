import { arrayOf, check, decayRate, finite, finiteNonNegative, type Kind } from '../../check.js';
import { TorchClipError } from '../../errors.js';
import type { Optimizer } from '../base/optimizer.js';
import { type Group, groupsOf } from './per-group.js';
import type { EpochScheduler } from './scheduler.js';

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

/** What the optimizer takes as its momentum. */
function momentumOf(optimizer: Optimizer): Kind {
  const own = usesBeta1(groupsOf(optimizer)) ? decayRate : optimizer.optionKind('momentum');
  return own ?? finiteNonNegative;
}

/** Refuses a cycle that has grown so high that it leaves the momenta that the optimizer takes. */
export function checkComputed(scheduler: EpochScheduler, momenta: readonly number[]): void {
  const { accepts, expected } = momentumOf(scheduler.optimizer);
  momenta.forEach((momentum, i) => {
    if (accepts(momentum)) return;
    throw new TorchClipError(
      'ERR_STATE',
      `${scheduler.constructor.name} must compute a momentum that is ${expected}, got ${momentum} for paramGroups[${i}] at epoch ${scheduler.lastEpoch}: with cycleMomentum false only the rate grows`,
    );
  });
}

/** The bounds of a cycle of momentum are momenta that the optimizer takes. */
export function checkMomenta(
  optimizer: Optimizer,
  bounds: Readonly<Record<'baseMomentum' | 'maxMomentum', number | readonly number[]>>,
): void {
  const kind = momentumOf(optimizer);
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
