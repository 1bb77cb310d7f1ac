import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import fc from 'fast-check';
import { flag, integer, positive } from '../lib/check.js';
import torch, { clip, nn, optim, type Tensor, TorchClipError } from '../lib/index.js';
import { isPlainObject, optionsOf, readers, unknownOption } from '../lib/options.js';
import { cases } from './options-cases.js';
import { refusalOf } from './support.js';

const x = torch.ones([2, 3]);
const leaf = () => torch.ones([2, 2], { requiresGrad: true });

// What these spread themselves is read by the spreading, not by the package.
const spreading = /\.\.\.\(?o/;
const snake = (name: string) => name.replace(/(?<=.)[A-Z]/g, (c) => `_${c.toLowerCase()}`);

/** The call's refusal of its options; undefined where it accepts them, or fails later for another reason. */
function refused(call: () => unknown): string | undefined {
  try {
    call();
  } catch (error) {
    expect(error, String(error)).instanceOf(TorchClipError);
    const { message } = error as TorchClipError;
    return /unknown option|must be a plain object/.test(message) ? message : undefined;
  }
  return undefined;
}

describe('options of public functions', () => {
  for (const [name, [call, option, value]] of Object.entries(cases)) {
    it(name, () => {
      const run = (options: unknown) => refused(() => call(options as never));
      expect(run({ [option]: value }), 'as it should be').equal(undefined);

      const misspelt = `${option}x`;
      const named = new RegExp(`unknown option "${misspelt}" of .*; did you mean "${option}"\\? It takes .*`);
      expect(run({ [misspelt]: value }), 'misspelt').match(named);
      if (snake(option) !== option) {
        const want = new RegExp(`unknown option "${snake(option)}" of .*; did you mean "${option}"\\?`);
        expect(run({ [snake(option)]: value }), 'as Python spells it').match(want);
      }
      if (spreading.test(String(call)) || name === 'optimizer.addParamGroup') return;

      // A tensor stands for its dtype and device.
      const tensors = name.endsWith('.to') ? [] : [x];
      for (const wrong of [
        new Map([[option, value]]),
        new Set([option]),
        new Date(),
        ...tensors,
        new (class Options {})(),
      ]) {
        let error: unknown;
        try {
          call(wrong as never);
        } catch (e) {
          error = e;
        }
        expect(error, `given ${String(wrong)}`).instanceOf(TorchClipError);
      }
      expect(run(runInNewContext('({ ...given })', { given: { [option]: value } })), 'of another realm').equal(
        undefined,
      );
      expect(run(Object.assign(Object.create(null), { [option]: value })), 'without a prototype').equal(undefined);

      const reads = new Map<PropertyKey, number>();
      const counting = Object.defineProperty({}, option, {
        enumerable: true,
        get() {
          reads.set(option, (reads.get(option) ?? 0) + 1);
          return reads.get(option) === 1 ? value : Symbol('another answer');
        },
      });
      expect(run(counting), 'a getter').equal(undefined);
      expect([...reads.values()], 'reads').deep.equal([1]);
    });
  }
});

describe('options: every reader of the package', () => {
  for (const { owner, table, read } of readers) {
    const names = Object.keys(table);
    it(owner, () => {
      for (const wrong of [
        null,
        1,
        'x',
        [],
        () => {},
        new Map(),
        new Set(),
        new Date(),
        new Uint8Array(1),
        x,
        new nn.ReLU(),
      ]) {
        const { message } = refusalOf(() => read(wrong));
        expect(message).match(/^"options" of .* must be a plain object, got /);
      }
      for (const name of names) {
        expect(refusalOf(() => read({ [`${name}zz`]: 1 })).message).match(
          new RegExp(`^unknown option "${name}zz" of `),
        );
        let reads = 0;
        const counting = Object.defineProperty({}, name, {
          enumerable: true,
          get() {
            reads++;
            return undefined;
          },
        });
        try {
          read(counting);
        } catch (error) {
          expect(error).instanceOf(TorchClipError);
        }
        expect(reads).equal(1);
      }
      const foreign = JSON.parse('{"__proto__": 1}') as object;
      expect(refusalOf(() => read(foreign)).message).match(/^unknown option "__proto__" of /);
    });
  }
});

describe('lib/options', () => {
  const read = optionsOf('f()', { window: [positive, 3], createGraph: [flag, false], size: [integer(1), undefined] });

  it('completes what is given with the defaults, which cannot be changed', () => {
    expect(read(undefined)).deep.equal({ window: 3, createGraph: false, size: undefined });
    expect(read({ size: 2 })).deep.equal({ window: 3, createGraph: false, size: 2 });
    expect(read({ window: undefined })).deep.equal(read(undefined));
    expect(Object.isFrozen(read(undefined))).equal(true);
  });

  it('takes what was read first, whatever a getter says later', () => {
    let n = 0;
    const shifty = {
      get window() {
        return n++ === 0 ? 5 : NaN;
      },
    };
    expect(read(shifty).window).equal(5);
    const list = optionsOf('g()', {
      sizes: [{ expected: 'anything', accepts: (v): v is number[] => Array.isArray(v) }],
    });
    const array = [1, 2];
    const { sizes } = list({ sizes: array });
    array.push(3);
    expect(sizes).deep.equal([1, 2]);
  });

  it('accepts objects that inherit from an object literal', () => {
    expect(read(Object.create({ window: 7 })).window).equal(7);
    expect(isPlainObject(Object.create(Object.create(null)))).equal(true);
    expect(isPlainObject(runInNewContext('new (class A {})()'))).equal(false);
  });

  it('suggests the nearest name', () => {
    const known = ['lr', 'betas', 'weightDecay', 'eps', 'k'];
    const hint = (name: string) => /did you mean "(.*?)"/.exec(unknownOption('f()', name, known).message)?.[1];
    expect(['weight_decay', 'wieghtDecay', 'beta', 'LR', 'epsilon', 'q', 'momentum'].map(hint)).deep.equal([
      'weightDecay',
      'weightDecay',
      'betas',
      'lr',
      undefined,
      undefined,
      undefined,
    ]);
    expect(unknownOption('f()', 'q', known).message).equal(
      'unknown option "q" of f(); it takes lr, betas, weightDecay, eps, k',
    );
    expect(unknownOption('f()', 'q', []).message).equal('unknown option "q" of f(); it takes no options');
  });

  it('any object is read into plain values or refused', () => {
    fc.assert(
      fc.property(
        fc.anything({ withMap: true, withSet: true, withDate: true, withNullPrototype: true, withTypedArray: true }),
        (given) => {
          try {
            const { window, createGraph } = read(given);
            expect(window > 0).equal(true);
            expect(typeof createGraph).equal('boolean');
          } catch (error) {
            expect(error).instanceOf(TorchClipError);
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});

// A value that was NaN only when it was read a second time used to end the process.
describe('a getter that changes its answer', () => {
  it('clip.auto, then a step', () => {
    let n = 0;
    const shifty = {
      get window() {
        return n++ ? undefined : NaN;
      },
    };
    expect(() => clip.auto(shifty)).throw(TorchClipError, '"window" must be an integer >= 1, got NaN');
    const calm: { window: number } = {
      get window() {
        return n++ % 2 === 0 ? NaN : 5;
      },
    };
    const p: Tensor = leaf();
    p.grad = torch.ones([2, 2]);
    new optim.SGD([p], { lr: 0.1, clip: clip.auto(calm) }).step();
    expect(p.isfinite().all().item()).equal(true);
  });
});
