import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { goldenCases } from '../scripts/coverage/golden.js';
import { page, strangers, table } from '../scripts/coverage/table.js';

const text = readFileSync(new URL('../docs/coverage.md', import.meta.url), 'utf8');
const section = (heading: string) => text.split(`## ${heading}\n`)[1]!.split('\n## ')[0]!;

/** The names that docs/coverage.md lists as missing, as `namespace.name`. */
const listed = new Set(
  [...section('Missing').matchAll(/^- `([^`]+)`: (.*)$/gm)].flatMap(([, space, names]) =>
    [...names!.matchAll(/`([^`]+)`/g)].map(([, name]) => `${space}.${name}`),
  ),
);

describe('docs/coverage.md', () => {
  const rows = table().flatMap(({ name, rows }) => rows.map((row) => ({ ...row, id: `${name}.${row.name}` })));

  it('no name that was here is gone', () => {
    const gone = rows.filter((r) => !r.here && !r.reason && !listed.has(r.id)).map((r) => r.id);
    expect(gone).to.deep.equal([]);
  });

  it('is current: npm run coverage:api writes it', () => {
    expect(text).to.equal(page(table()));
  });

  it('leaves out and renames names of PyTorch only', () => {
    expect(strangers()).to.deep.equal([]);
  });

  it('leaves out nothing that is here', () => {
    const spaces = JSON.parse(readFileSync(new URL('../scripts/coverage/excluded.json', import.meta.url), 'utf8')) as {
      names: Record<string, string[]>;
    }[];
    const excluded = new Set(
      spaces.flatMap((e) => Object.entries(e.names).flatMap(([s, list]) => list.map((n) => `${s}.${n}`))),
    );
    expect(rows.filter((r) => r.here && excluded.has(r.id)).map((r) => r.id)).to.deep.equal([]);
  });

  it('counts 3,000 cases and more that PyTorch has computed', () => {
    const { nn, distributions, func } = goldenCases();
    expect(Math.min(nn, distributions, func)).above(500);
    expect(nn + distributions + func).at.least(3000);
  });
});
