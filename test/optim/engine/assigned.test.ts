import { expect } from 'chai';
import torch, { nn, optim, TorchClipError } from '../../../lib/index.js';
import { refusalOf } from '../../support.js';
import { expectUnchanged } from '../../unchanged.js';
import { optimizers } from '../support.js';

type Loose = Record<string, unknown>;

const param = () => {
  const p = new nn.Parameter(torch.ones([2, 2]));
  p.grad = torch.full([2, 2], 0.5);
  return p;
};
/** Two groups, so that an error has to name the right one. */
const made = (name: string, options: Loose = {}) =>
  new optimizers[name]!([{ params: [param()] }, { params: [param()] }], options);

const values: unknown[] = [
  undefined,
  null,
  true,
  false,
  'x',
  'linear',
  'tensor',
  'original',
  -1,
  -0.5,
  0,
  1e-3,
  0.5,
  1,
  1.5,
  2,
  7,
  1e9,
  NaN,
  Infinity,
  -Infinity,
  2n,
  [],
  [0.5],
  [0.5, 0.9],
  [2, 2],
  [0.5, NaN],
  [null, 0.5],
  [1, 1, 1],
  {},
  () => 0.1,
  new Map(),
];
const text = (value: unknown) => (typeof value === 'bigint' ? `${value}n` : (JSON.stringify(value) ?? String(value)));

/** What an optimizer's constructor accepts for an option of its groups, and what it keeps of it. */
function accepted(name: string, option: string, value: unknown): unknown {
  try {
    return [(made(name, { [option]: value }).paramGroups[1] as unknown as Loose)[option]];
  } catch (error) {
    expect(error).instanceOf(TorchClipError);
    return undefined;
  }
}

describe('optim: options that are assigned between steps', () => {
  for (const name of Object.keys(optimizers)) {
    const options = Object.keys(made(name).paramGroups[0]!).filter((option) => option !== 'params');
    it(`${name}: are those that the constructor accepts, and what is saved loads`, () => {
      for (const option of options) {
        // What counts the steps, and a function in place of a rate.
        if (option === 'iterations' || option === 'lrFunction') continue;
        for (const value of values) {
          const optimizer = made(name);
          // So that the option's old value has been accepted.
          optimizer.stateDict();
          const group = optimizer.paramGroups[1] as unknown as Loose;
          group[option] = value;
          const where = `${option} = ${text(value)}`;
          // The constructor takes undefined for its default, and Expectigrad a function for its rate.
          const good =
            value !== undefined && typeof value !== 'function' && accepted(name, option, value) !== undefined;
          const schedule = option === 'lr' && value === 0;
          if (good || schedule) {
            optimizer.step();
            const saved = optimizer.stateDict();
            const other = made(name);
            other.loadStateDict(saved);
            expect((other.paramGroups[1] as unknown as Loose)[option], where).deep.equal(value);
          } else {
            const state = () => optimizer.paramGroups.map(({ params }) => params);
            expectUnchanged(state, () => optimizer.step(), `paramGroups[1]`);
            expect(() => optimizer.stateDict(), where).throw(TorchClipError, 'paramGroups[1]');
          }
        }
      }
    });
  }

  it('a name that no option has is most likely misspelt', () => {
    for (const [wrong, hint] of [
      ['learningRate', 'it takes lr'],
      ['weight_decay', 'did you mean "weightDecay"?'],
      ['beta', 'did you mean "betas"?'],
    ] as const) {
      const optimizer = made('Adam');
      optimizer.step();
      (optimizer.paramGroups[1] as unknown as Loose)[wrong] = 0.1;
      const { message } = refusalOf(() => optimizer.step());
      expect(message).include(`unknown option "${wrong}" of paramGroups[1] of Adam; `).include(hint);
      delete (optimizer.paramGroups[1] as unknown as Loose)[wrong];
      optimizer.step();
    }
  });

  it('options that go together are checked together', () => {
    const optimizer = made('SGD', { momentum: 0.9, nesterov: true });
    optimizer.step();
    optimizer.paramGroups[1]!.lr = 0.5;
    Object.assign(optimizer.paramGroups[1]!, { momentum: 0 });
    expect(() => optimizer.step()).throw(TorchClipError, 'paramGroups[1]: Nesterov momentum requires a momentum');
  });

  it('elements of betas are looked at, too', () => {
    const optimizer = made('Adam');
    optimizer.step();
    const { betas } = optimizer.paramGroups[0] as unknown as { betas: number[] };
    betas[1] = 2;
    expect(() => optimizer.step()).throw(
      TorchClipError,
      'Invalid beta parameter at index 1: 2 ("paramGroups[0].betas" must be 2 numbers in [0, 1))',
    );
    betas[1] = 0.99;
    optimizer.step();
  });

  it('what a scheduler keeps in a group is a finite number', () => {
    const optimizer = made('Adam');
    optimizer.paramGroups[0]!.initialLr = NaN;
    expect(() => optimizer.step()).throw(TorchClipError, '"paramGroups[0].initialLr" must be a finite number, got NaN');
  });
});

describe('optim: after a schedule has reached a rate of 0', () => {
  for (const name of Object.keys(optimizers)) {
    it(`${name} steps, saves and loads`, () => {
      const optimizer = made(name, { lr: 0.5 });
      const scheduler = new optim.lrScheduler.LinearLR(optimizer as unknown as optim.Optimizer, {
        startFactor: 1,
        endFactor: 0,
        totalIters: 3,
      });
      for (let t = 0; t < 5; t++) {
        optimizer.step();
        scheduler.step();
      }
      // As the rounding of a cosine leaves it.
      optimizer.paramGroups[0]!.lr = -1e-18;
      optimizer.step();
      for (const { params } of optimizer.paramGroups) {
        for (const p of params) expect(p.isfinite().all().item(), name).equal(true);
      }
      const other = made(name);
      other.loadStateDict(optimizer.stateDict());
      expect(other.paramGroups.map(({ lr }) => lr)).deep.equal(optimizer.paramGroups.map(({ lr }) => lr));
    });
  }
});

describe('optim: a state dict that was changed', () => {
  const cases: [string, (saved: Loose & { state: unknown; param_groups: Loose[] }) => void, RegExp][] = [
    ['a group without lr', (s) => delete s.param_groups[1]!.lr, /^param_groups\[1\]\.lr is missing$/],
    ['lr null', (s) => (s.param_groups[1]!.lr = null), /"param_groups\[1\]\.lr" must be a number >= 0/],
    ['lr as a string', (s) => (s.param_groups[0]!.lr = 'fast'), /earning rate.*"fast" \("param_groups\[0\]\.lr"/],
    ['an array for the state', (s) => (s.state = []), /"stateDict" must be an object with state and param_groups/],
    ['a Map for the state', (s) => (s.state = new Map()), /"stateDict" must be an object with state and param_groups/],
    ['a state that is none', (s) => (s.state = 'x'), /"stateDict" must be an object with state and param_groups/],
    [
      'initial_lr',
      (s) => (s.param_groups[0]!.initial_lr = 'x'),
      /"param_groups\[0\]\.initial_lr" must be a finite number, got "x"/,
    ],
    [
      'max_lr',
      (s) => (s.param_groups[0]!.max_lr = NaN),
      /"param_groups\[0\]\.max_lr" must be a finite number, got NaN/,
    ],
    [
      'parameter numbers',
      (s) => (s.param_groups[0]!.params = ['x']),
      /"param_groups\[0\]\.params\[0\]" must be an integer >= 0/,
    ],
    [
      'a state of a parameter that is in no group',
      (s) => ((s.state as Loose)[7] = (s.state as Loose)[0]),
      /state\["7"\] belongs to a parameter that no group has/,
    ],
  ];
  for (const name of ['Adam', 'SGD', 'Muon', 'ClippedSGD']) {
    for (const [what, change, message] of cases) {
      it(`${name} refuses ${what}, and changes nothing`, () => {
        const optimizer = made(name);
        optimizer.step();
        const saved = made(name);
        saved.step();
        const dict = saved.stateDict() as never;
        change(dict);
        expectUnchanged(
          () => [optimizer.stateDict(), optimizer.paramGroups],
          () => optimizer.loadStateDict(dict),
          message,
        );
      });
    }
  }

  it('a learning rate in a tensor, as PyTorch may keep it, is a number', () => {
    const optimizer = made('Adam');
    const saved = optimizer.stateDict();
    saved.param_groups[0]!.lr = torch.tensor(0.25);
    optimizer.loadStateDict(saved);
    expect(optimizer.paramGroups[0]!.lr).equal(0.25);
  });
});
