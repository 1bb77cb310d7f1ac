// The addon itself, called with arguments that TypeScript would never let through: it throws, and reads no memory that it should not.
import { expect } from 'chai';
import { native } from '../../lib/binding/index.js';
import torch, { TorchClipError } from '../../lib/index.js';

type Functions = Record<string, (...args: unknown[]) => unknown>;
const functions = native as unknown as Functions;

// Functions that configure the process, which other tests need unchanged, and one that takes seconds and no arguments.
const left = new Set([
  'init',
  'opSchemas',
  'setDefaultDtype',
  'gradEnabled',
  'inferencePush',
  'inferencePop',
  'setNumThreads',
  'setFlushDenormal',
  'setNumInteropThreads',
  'setWarnAlways',
  // 1.5 is read as 1, a handle that somebody owns.
  'dispose',
]);

const proxy = new Proxy(
  {},
  {
    get() {
      throw new Error('from a proxy');
    },
  },
);
const junk: unknown[] = [
  ...[undefined, null, true, 0, -1, 1.5, 2 ** 31, 2 ** 32, 1e300, Number.NaN, Number.POSITIVE_INFINITY, 2n ** 70n, -1n],
  ...['', 'cpu', Symbol('s'), {}, [], [undefined], [1, 'x'], [[]], new Date(), () => 1, proxy, new Float32Array(2)],
  ...[new ArrayBuffer(8), new DataView(new ArrayBuffer(8)), Object.create(null), new Array(2 ** 32 - 1)],
];

describe('the addon', () => {
  for (const [name, call] of Object.entries(functions)) {
    if (typeof call !== 'function' || left.has(name)) continue;
    it(`${name} survives any arguments`, () => {
      for (const first of junk) {
        for (const second of [undefined, 5, [1], 'x', proxy]) {
          try {
            const result = call(first, second, first, second, first, second);
            if (result instanceof Promise) result.catch(() => {});
          } catch (error) {
            const own = error instanceof TorchClipError || (error as Error).message === 'from a proxy';
            expect(own, `${name} threw ${String(error)}`).to.equal(true);
          }
        }
      }
    });
  }

  it('knows no operator of another name', () => {
    const op = functions.op!;
    expect(op('aten::nothing', '')).to.equal(undefined);
    expect(op('aten::add', 'Nothing')).to.equal(undefined);
    expect(() => op(1, '')).to.throw(TorchClipError);
  });

  it('refuses operators wrong arguments one by one', () => {
    const add = functions.op!('aten::add', 'Tensor') as (...args: unknown[]) => unknown;
    const { handle } = torch.ones([2]);
    for (const wrong of junk) {
      if (wrong === undefined) continue;
      expect(() => add(handle, wrong), String(typeof wrong)).to.throw();
      expect(() => add(wrong, handle), String(typeof wrong)).to.throw();
    }
    expect(() => add()).to.throw(TorchClipError);
  });
});
