import { check, synchronous } from '../../check.js';
import { invalidArgument, TorchClipError } from '../../errors.js';
import { refuseLater } from '../../sync.js';
import type { Tensor } from '../../tensor.js';
import { Distribution } from '../distribution.js';
import { distributionKind } from '../independent.js';

/** A class of distributions. */
export type DistributionClass<D extends Distribution = Distribution> = abstract new (...args: never[]) => D;
type Divergence = (p: never, q: never) => Tensor;
interface Entry {
  readonly p: DistributionClass;
  readonly q: DistributionClass;
  readonly divergence: Divergence;
}

const entries: Entry[] = [];
/** What {@link find} found, until another one is registered. */
let found = new WeakMap<DistributionClass, WeakMap<DistributionClass, Divergence>>();

const isClass = (value: unknown): value is DistributionClass =>
  typeof value === 'function' && (value === Distribution || value.prototype instanceof Distribution);
const inherits = (a: DistributionClass, b: DistributionClass): boolean => a === b || a.prototype instanceof b;

/**
 * Sets the Kullback-Leibler divergence KL(p || q) for distributions of two classes and their subclasses, in place of one that was
 * there.
 *
 * @example
 * distributions.registerKl(distributions.Normal, MyNormal, (p, q: MyNormal) => distributions.klDivergence(p, q.asNormal()));
 */
export function registerKl<P extends Distribution, Q extends Distribution>(
  typeP: DistributionClass<P>,
  typeQ: DistributionClass<Q>,
  divergence: (p: P, q: Q) => Tensor,
): void {
  for (const [name, value] of Object.entries({ typeP, typeQ })) {
    if (!isClass(value)) throw invalidArgument(name, 'a class of distributions', value);
  }
  check('divergence', divergence, synchronous());
  const at = entries.findIndex(({ p, q }) => p === typeP && q === typeQ);
  const entry = { p: typeP, q: typeQ, divergence: divergence as Divergence };
  if (at < 0) entries.push(entry);
  else entries[at] = entry;
  found = new WeakMap();
}

/** @internal The classes with a divergence, by name. */
export const registeredPairs = (): [p: string, q: string][] => entries.map(({ p, q }) => [p.name, q.name]);

/** The entry whose classes are the most specific, `first` before the other one. */
function mostSpecific(matches: readonly Entry[], first: 'p' | 'q'): Entry {
  const second = first === 'p' ? 'q' : 'p';
  const before = (a: Entry, b: Entry): boolean =>
    a[first] === b[first] ? inherits(a[second], b[second]) : inherits(a[first], b[first]);
  return matches.reduce((best, entry) => (before(entry, best) ? entry : best));
}

function find(p: DistributionClass, q: DistributionClass): Divergence | undefined {
  const known = found.get(p)?.get(q);
  if (known !== undefined) return known;
  const matches = entries.filter((entry) => inherits(p, entry.p) && inherits(q, entry.q));
  if (matches.length === 0) return undefined;
  const [left, right] = [mostSpecific(matches, 'p'), mostSpecific(matches, 'q')];
  if (left.divergence !== right.divergence) {
    process.emitWarning(
      `klDivergence(${p.name}, ${q.name}) is ambiguous: register one for (${left.p.name}, ${right.q.name})`,
    );
  }
  if (!found.has(p)) found.set(p, new WeakMap());
  found.get(p)!.set(q, left.divergence);
  return left.divergence;
}

/** @internal The error for two distributions without a divergence. */
export function noDivergence(p: Distribution, q: Distribution, why = ''): TorchClipError {
  const names = `${p.constructor.name} and ${q.constructor.name}`;
  return new TorchClipError('ERR_OP_UNAVAILABLE', `there is no KL divergence between ${names}${why}`);
}

/**
 * The Kullback-Leibler divergence KL(p || q), the expectation under p of `log p(x) - log q(x)`, of the shape of their batches.
 *
 * @throws {TorchClipError} `ERR_OP_UNAVAILABLE` where none is registered for the two.
 *
 * @example
 * distributions.klDivergence(new distributions.Normal(0, 1), new distributions.Normal(1, 2));
 */
export function klDivergence(p: Distribution, q: Distribution): Tensor {
  const [a, b] = [check('p', p, distributionKind), check('q', q, distributionKind)];
  const divergence = find(a.constructor as DistributionClass, b.constructor as DistributionClass);
  if (divergence === undefined) throw noDivergence(a, b);
  return refuseLater('divergence', divergence(a as never, b as never));
}
