import { existsSync, mkdirSync, readdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import torch, { io } from '../../lib/index.js';
import { Fixture } from '../setup/fixture.js';
import { refusalOf } from '../support.js';
import { plain, sorted } from './plain.js';

for (const format of ['pt', 'safetensors'] as const) {
  describe(`io: checkpoints in the format ${format}`, () => {
    let f: Fixture;
    let folder: string;
    beforeEach(() => {
      f = new Fixture();
      folder = f.path('runs/1');
    });
    afterEach(() => f.remove());

    const end = format === 'pt' ? '.pt' : '';
    const save = (object: unknown, options: io.CheckpointOptions = {}) =>
      io.saveCheckpoint(folder, object, { format, ...options });
    const names = () => readdirSync(folder).sort();

    it('numbers them, keeps the newest and finds the last', () => {
      expect(io.latest(folder)).to.equal(undefined);
      for (let i = 0; i < 5; i++) {
        const path = save({ i }, { keepLast: 3 });
        expect(path).to.equal(join(folder, `checkpoint-0000000${i}${end}`));
        expect(io.latest(folder)).to.equal(path);
      }
      expect(names()).to.deep.equal([2, 3, 4].map((i) => `checkpoint-0000000${i}${end}`));
      const path = save({ i: 'far' }, { step: 123_456_789_012, keepLast: 1 });
      expect(names()).to.deep.equal([`checkpoint-123456789012${end}`]);
      expect(plain(io.loadCheckpoint(path))).to.deep.equal(plain({ i: 'far' }));
    });

    it('takes the place of one of the same number, and never deletes the one that it wrote', () => {
      save({ v: 1 }, { step: 5 });
      save({ v: 2 }, { step: 9 });
      const path = save({ v: 3 }, { step: 5, keepLast: 1 });
      expect(names()).to.deep.equal([`checkpoint-00000005${end}`]);
      expect(plain(io.loadCheckpoint(path))).to.deep.equal(plain({ v: 3 }));
    });

    it('takes the place of one of the same number in the other format', () => {
      const other = format === 'pt' ? 'safetensors' : 'pt';
      io.saveCheckpoint(f.path('both'), { a: 1 }, { step: 1, format: other });
      const path = io.saveCheckpoint(f.path('both'), { a: 2 }, { step: 1, format });
      expect(io.latest(f.path('both'))).to.equal(path);
      expect(io.loadCheckpoint(path)).to.deep.equal({ a: 2 });
    });

    it('leaves other files alone', () => {
      mkdirSync(folder, { recursive: true });
      for (const name of ['checkpoint-1.pt.bak', 'notes.txt', 'checkpoint-x.pt']) writeFileSync(join(folder, name), '');
      mkdirSync(join(folder, 'checkpoint-00000099')); // without a state
      symlinkSync('nowhere', join(folder, 'link'));
      save(1, { keepLast: 1 });
      save(2, { keepLast: 1 });
      expect(names()).to.have.members([
        'checkpoint-1.pt.bak',
        'notes.txt',
        'checkpoint-x.pt',
        'checkpoint-00000099',
        'link',
        `checkpoint-00000001${end}`,
      ]);
    });

    it('deletes nothing when it cannot save', () => {
      save(1);
      expect(refusalOf(() => save({ f: () => 1 }, { keepLast: 1 })).code).to.equal('ERR_ARGUMENT');
      expect(names()).to.deep.equal([`checkpoint-00000000${end}`]);
      f.write('file');
      expect(refusalOf(() => io.saveCheckpoint(f.path('file/below'), 1, { format })).code).to.equal('ERR_FILE');
      for (const options of [{ keepLast: 0 }, { step: -1 }, { step: 0.5 }, { format: 'npz' }, { keeplast: 1 }]) {
        expect(refusalOf(() => save(1, options as never)).code).to.equal('ERR_ARGUMENT');
      }
    });

    it('gives back a whole run', () => {
      const model = new torch.nn.Linear(2, 1);
      const optimizer = new torch.optim.AdamW(model.parameters());
      model
        .forward(torch.ones([1, 2]))
        .sum()
        .backward();
      optimizer.step();
      const state = {
        model: model.stateDict(),
        optimizer: optimizer.stateDict(),
        generator: new torch.Generator().getState(),
        epoch: 3,
      };
      const back = io.loadCheckpoint<typeof state>(save(state), { mapLocation: 'cpu' });
      expect(sorted(plain(back))).to.deep.equal(sorted(plain(state)));
      model.loadStateDict(back.model);
      optimizer.loadStateDict(back.optimizer);
    });

    it('gives back what it was given', () => {
      const leaf = fc.oneof(
        fc.constantFrom(null, true, -0, Number.NaN, -Infinity, 2n ** 70n, torch.float32, torch.ones([1]).device),
        fc.integer(),
        fc.double(),
        fc.string(),
        fc.uint8Array(),
        fc.array(fc.float({ noNaN: true })).map((values) => torch.tensor(values)),
      );
      const { value } = fc.letrec((tie) => ({
        value: fc.oneof(
          { depthSize: 'small' },
          leaf,
          fc.array(tie('value')),
          fc.dictionary(
            fc.oneof(fc.string(), fc.constantFrom('$tensor', '$', '$$x', '__proto__', 'a.b')),
            tie('value'),
          ),
          fc.array(fc.tuple(fc.integer(), tie('value'))).map((entries) => new Map([...entries, [0.5, 1]])),
          fc.array(fc.integer()).map((items) => new Set(items)),
        ),
      }));
      fc.assert(
        fc.property(value, (object) => {
          expect(sorted(plain(io.loadCheckpoint(save(object, { step: 1 }))))).to.deep.equal(sorted(plain(object)));
        }),
        { numRuns: 60 },
      );
    });

    it('tells tensors apart whose places have one name', () => {
      const [a, b, c, d] = [1, 2, 3, 4].map((v) => torch.tensor([v]));
      const state = { 'a.b': a, a: { b, 'tensor 1': a }, __metadata__: c, 'tensor 1': d, '\ud800': torch.tensor([5]) };
      expect(sorted(plain(io.loadCheckpoint(save(state))))).to.deep.equal(sorted(plain(state)));
    });

    it('refuses a damaged one', () => {
      const path = save({ x: torch.ones([100]), y: new Map([[1, 2]]) });
      const file = format === 'pt' ? path : join(path, 'tensors.safetensors');
      truncateSync(file, 100);
      expect(refusalOf(() => io.loadCheckpoint(path)).code).to.equal('ERR_FILE');
      expect(refusalOf(() => io.loadCheckpoint(join(folder, 'none'))).code).to.equal('ERR_FILE');
    });
  });
}

describe('io: the JSON beside the tensors of a checkpoint', () => {
  const states: [string, RegExp][] = [
    ['{', /is not JSON/],
    ['{"$tensor":"no"}', /it holds "no" under "\$tensor"/],
    ['{"$tensor":"__proto__"}', /under "\$tensor"/],
    ['{"$eval":"1"}', /under "\$eval"/],
    ['{"$map":[1]}', /under "\$map"/],
    ['{"$bigint":"0x1"}', /under "\$bigint"/],
    ['{"$dtype":"constructor"}', /under "\$dtype"/],
    [`${'['.repeat(1000)}${']'.repeat(1000)}`, /nested more than 300 deep/],
  ];
  for (const [json, says] of states) {
    it(`refuses ${json.slice(0, 30)}`, () => {
      const f = new Fixture();
      try {
        const path = io.saveCheckpoint(f.root, {}, { format: 'safetensors' });
        writeFileSync(join(path, 'state.json'), json);
        const { code, message } = refusalOf(() => io.loadCheckpoint(path));
        expect(code).to.equal('ERR_FILE');
        expect(message).to.match(says);
        expect(existsSync(path)).to.equal(true);
      } finally {
        f.remove();
      }
    });
  }
});
