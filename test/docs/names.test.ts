// Every public name that is written by hand says what it is, shows how it is used, and names its defaults.
import { expect } from 'chai';
import torch from '../../lib/index.js';
import { type Declared, publicNames } from './exports.js';

const reach = (path: string): unknown =>
  path.split('.').reduce<unknown>((at, step) => (at as Record<string, unknown> | undefined)?.[step], torch);

/** Whether it is called or constructed. */
const isUsed = ({ kind, path }: Declared) =>
  kind !== 'interface' && kind !== 'type' && typeof reach(path) === 'function';

/** The optional properties of an interface with what is said of each. */
function* optionsIn({ body }: Declared): Generator<[name: string, doc: string]> {
  for (const [, doc = '', name] of body.matchAll(
    /(?:\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*)?^ {2}(?:readonly )?(\w+)\?:/gm,
  )) {
    yield [name!, doc];
  }
}

describe('the documentation of public names', () => {
  const names = publicNames();
  const refer = ({ path, file }: Declared) => `${path} (${file})`;

  it('finds them', () => {
    expect(names.length).above(900);
    const functions = names.filter(isUsed).map(({ path }) => path);
    expect(functions).include.members([
      'nn.Linear',
      'nn.functional.relu',
      'optim.Adam',
      'cuda.memoryAllocated',
      'io.load',
    ]);
  });

  it('says what each is', () => {
    expect(names.filter(({ doc }) => !/\w{2}|[0-9]/.test(doc)).map(refer)).deep.equal([]);
  });

  it('shows how each function and class is used', () => {
    expect(names.filter((one) => isUsed(one) && !/@example\n./.test(one.doc)).map(refer)).deep.equal([]);
  });

  it('names the default of each option', () => {
    const silent = names
      .filter(({ kind, path }) => kind === 'interface' && /Options$/.test(path))
      .flatMap((one) =>
        [...optionsIn(one)]
          .filter(([, doc]) => !/default|where |without|if /i.test(doc))
          .map(([name]) => `${one.path}.${name} (${one.file})`),
      );
    expect(silent).deep.equal([]);
  });
});
