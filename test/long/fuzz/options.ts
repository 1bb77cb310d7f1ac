// A call that is right but for its options, some of which are hostile; what it makes is then used.
import torch, { type Tensor } from '../../../lib/index.js';
import { cases } from '../../options-cases.js';
import { fault } from './faults.js';
import type { Random } from './random.js';
import { randomTheme, type Theme } from './tensors.js';
import { randomAnything, randomHostile, randomWord } from './values.js';

const names = Object.keys(cases);
const known = new Map<string, string[]>();

/** The options of a case, as its refusal of an unknown one lists them. */
function optionsOf(name: string): string[] {
  let list = known.get(name);
  if (list === undefined) {
    const [call, own] = cases[name]!;
    try {
      call({ zzz: 1 } as never);
      list = [own];
    } catch (error) {
      list = /takes (.+)$/.exec((error as Error).message)?.[1]?.split(', ') ?? [own];
    }
    known.set(name, list);
  }
  return list;
}

const numbers = [
  0,
  -0,
  -1,
  1,
  2,
  0.5,
  3,
  1e-320,
  5e-324,
  1e-50,
  1e38,
  1e308,
  NaN,
  Infinity,
  -Infinity,
  2 ** 31,
  2 ** 53,
];

function value(r: Random, theme: Theme): unknown {
  return r.pick<() => unknown>([
    () => randomHostile(r, theme),
    () => randomHostile(r, theme),
    () => randomAnything(r, theme),
    () => randomWord(r),
    () => r.pick(numbers),
    () => r.times(r.below(4), () => r.pick(numbers)),
    () => ({ [r.pick(['lr', 'a', '0', 'dim', 'window'])]: r.pick(numbers) }),
  ])();
}

/** An object of options, perhaps with getters that change their answer or throw. */
function options(r: Random, name: string, theme: Theme): unknown {
  if (r.chance(0.05)) return randomHostile(r, theme);
  const given = {};
  for (const option of r.times(1 + r.below(3), () => (r.chance(0.97) ? r.pick(optionsOf(name)) : randomWord(r)))) {
    const [first, second] = [value(r, theme), value(r, theme)];
    let reads = 0;
    const shifty = { get: () => (reads++ === 0 ? first : second) };
    const property = r.chance(0.2) ? shifty : { value: first };
    Object.defineProperty(given, option, { enumerable: true, configurable: true, ...property });
  }
  return given;
}

/** What users do with what they have made, in the order in which they do it. */
const uses: ((made: Record<string, unknown>) => unknown)[] = [
  (made) => String(made),
  (made) => made.stages && new torch.optim.SGD([leaf()], { lr: 0.1, clip: made as never }).step(),
  (made) => {
    if (!(made instanceof torch.optim.Optimizer)) return;
    for (const { params } of made.paramGroups) for (const param of params) param.grad = torch.ones(param.shape);
    for (let i = 0; i < 2; i++) made.step();
    made.loadStateDict(made.stateDict());
  },
  (made) => (made as unknown as { stateDict?(): unknown }).stateDict?.(),
  (made) => {
    const scheduler = made as unknown as { step?(metric?: number): void; lastEpoch?: number };
    if (scheduler.lastEpoch !== undefined) for (let i = 0; i < 3; i++) scheduler.step?.(1);
  },
  (made) => {
    if (!(Symbol.iterator in made) || made instanceof torch.Tensor) return;
    let count = 0;
    for (const _ of made as unknown as Iterable<unknown>) if (++count > 5) break;
  },
];

function leaf(): Tensor {
  const p = torch.ones([2, 2], { requiresGrad: true });
  p.grad = torch.full([2, 2], 3);
  return p;
}

/** Runs a case; returns what was wrong, or undefined. `say` is told of the call before it is made. */
export function runOptions(
  r: Random,
  only: string | undefined,
  show: (value: unknown) => string,
  say?: (text: string) => void,
): string | undefined {
  const name = only ?? r.pick(names);
  const given = options(r, name, randomTheme(r));
  // The case itself copies the properties of an object.
  if (name === 'optimizer.addParamGroup' && Object(given) !== given) return undefined;
  const text = `${name} with ${show(given)}`;
  say?.(text);
  try {
    const made = cases[name]![0](given as never);
    if (made instanceof Promise) made.catch(() => {});
    if (typeof made !== 'object' || made === null) return undefined;
    for (const use of uses) {
      try {
        use(made as Record<string, unknown>);
      } catch (error) {
        const wrong = fault(error);
        if (wrong !== undefined) return `${text}, then ${use}, ${wrong}`;
      }
    }
  } catch (error) {
    const wrong = fault(error);
    if (wrong !== undefined) return `${text} ${wrong}`;
  }
  return undefined;
}
