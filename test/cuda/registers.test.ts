import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { resolveInstallation } from '../../lib/binding/resolve.js';
import { breaches, compilerOf, findCuobjdump, kernelsOf, libtorchOf, type Table } from '../../scripts/lib/registers.js';
import table from './registers.json' with { type: 'json' };

describe('cuda: registers', () => {
  const { binary } = resolveInstallation(fileURLToPath(new URL('../..', import.meta.url)));
  const build = join(dirname(dirname(binary.addon)), 'cmake');
  const kernels = kernelsOf(build, { cuobjdump: findCuobjdump(libtorchOf(build)) });
  const reason =
    binary.flavour === 'cpu' ? 'a build for the CPU alone' : 'no kernels for sm_90 were compiled beside it';
  const test = (name: string, body: () => void) =>
    kernels.length > 0 ? it(name, body) : it.skip(`${name} (skipped: ${reason})`);

  test('no kernel takes more registers or narrower loads than the committed table says; none spills or has a stack frame', () => {
    expect(breaches(table as unknown as Table, compilerOf(build), kernels), 'npm run registers -- --update').deep.equal(
      [],
    );
  });
});
