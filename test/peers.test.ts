import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const script = fileURLToPath(new URL('fixtures/without-peers.mjs', import.meta.url));
const { peerDependencies, peerDependenciesMeta } = JSON.parse(
  readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
) as { peerDependencies: Record<string, string>; peerDependenciesMeta: Record<string, { optional: boolean }> };

describe('packages that only some functions need', () => {
  it('are optional', () => {
    expect(Object.keys(peerDependenciesMeta).sort()).to.deep.equal(Object.keys(peerDependencies).sort());
    expect(Object.values(peerDependenciesMeta).every(({ optional }) => optional)).to.equal(true);
  });

  it('are each named where they lack', function () {
    this.timeout(60_000);
    const names = Object.keys(peerDependencies);
    const said = JSON.parse(execFileSync(process.execPath, [script, ...names], { encoding: 'utf8' })) as Record<
      string,
      string
    >;
    const found = Object.entries(said).map(([call, text]) => {
      const [, needed, name, install] =
        /^ERR_PACKAGE_NOT_FOUND: (\S+) needs the package (\S+), which is not installed: npm install (\S+)$/.exec(
          text,
        ) ?? [];
      expect(needed?.replace('()', ''), text).to.equal(call);
      expect(install).to.equal(name);
      return name!;
    });
    // The compressors of Parquet files are needed by some files only.
    expect(found.sort()).to.deep.equal(names.filter((name) => name !== 'hyparquet-compressors').sort());
  });
});
