import { expect } from 'chai';
import { filled } from '../../scripts/gen-docs/pages.js';
import { textOf } from './pages.js';

describe("the documentation's tables of options", () => {
  for (const page of ['docs/optimizers.md', 'docs/clippers.md']) {
    it(`are those of the code: ${page}`, () => {
      expect(filled(textOf(page)), 'npm run docs:options').equal(textOf(page));
    });
  }
});
