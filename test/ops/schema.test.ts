import { spawnSync } from 'node:child_process';
import { expect } from 'chai';
import { camelCase } from '../../lib/camel-case.js';
import torch from '../../lib/index.js';
import { readOrder } from '../../lib/ops/order.js';
import { Overload } from '../../lib/ops/overload.js';
import { parseSchema } from '../../lib/ops/schema.js';
import { reference, series } from '../../lib/setup/libtorch.js';

describe('schemas', () => {
  it('are parsed from their notation', () => {
    const s = parseSchema(
      'f',
      '.x(Tensor(a!) self, Tensor?[] indices, int[2]? size=[0, 1], *, str mode="a, b", Tensor(b!) out) -> (Tensor(a!), int n)',
    );
    expect([s.name, s.overload]).to.deep.equal(['f', 'x']);
    expect(
      s.args.map((a) => [a.name, a.base, a.list, a.size, a.nullable, a.nullableElements, a.hasDefault]),
    ).to.deep.equal([
      ['self', 'Tensor', false, undefined, false, false, false],
      ['indices', 'Tensor', true, undefined, false, true, false],
      ['size', 'int', true, 2, true, false, true],
      ['mode', 'str', false, undefined, false, false, true],
      ['out', 'Tensor', false, undefined, false, false, false],
    ]);
    expect(s.args.map((a) => [a.written, a.keywordOnly, a.out])).to.deep.equal([
      ['a', false, false],
      [undefined, false, false],
      [undefined, false, false],
      [undefined, true, false],
      ['b', true, true],
    ]);
    expect(s.returns.map((r) => [r.base, r.written])).to.deep.equal([
      ['Tensor', 'a'],
      ['int', undefined],
    ]);
    expect(parseSchema('g', '() -> ()')).to.deep.equal({ name: 'g', overload: '', args: [], returns: [] });
  });

  it('become names in camel case', () => {
    const names = ['add', 'add_', 'index_select', 'max_pool2d_with_indices', 'log_softmax', 'unique2', 'i0'];
    expect(names.map(camelCase)).to.deep.equal([
      'add',
      'add_',
      'indexSelect',
      'maxPool2dWithIndices',
      'logSoftmax',
      'unique2',
      'i0',
    ]);
  });

  it('follow the order of the arguments of another libtorch', () => {
    const json = JSON.stringify([
      {
        name: 'aten::f',
        overload: '',
        args: [{ name: 'self' }, { name: 'added' }, { name: 'dim' }, { name: 'other' }],
      },
    ]);
    const schema = parseSchema('f', '(Tensor self, Tensor other, int dim=0, bool gone=False) -> Tensor');
    const overload = new Overload(schema, readOrder(json).get('aten::f.'));
    const t = torch.zeros([1]);
    expect(overload.match([t, t], { dim: 1 })).to.deep.equal([t.handle, undefined, 1, t.handle]);
    expect(overload.match([t, t], { gone: true })).to.equal(undefined);
  });

  const other = series(torch.version.libtorch) !== series(reference);
  const test = (name: string, body: () => void) =>
    other ? it.skip(`${name} (skipped: not libtorch ${series(reference)}, the reference)`) : it(name, body);

  test('are those that the generated files were made of', () => {
    const { status, stderr } = spawnSync(process.execPath, ['scripts/gen-ops/main.mjs', '--check'], {
      encoding: 'utf8',
    });
    expect(stderr.replace(/^npm .*$/gm, '')).to.equal('');
    expect(status).to.equal(0);
  });
});
