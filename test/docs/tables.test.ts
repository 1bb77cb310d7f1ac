import { expect } from 'chai';
import { filled, tablePages } from '../../scripts/gen-docs/pages.js';
import { textOf } from './pages.js';

describe("the documentation's generated tables", () => {
  for (const page of tablePages) {
    it(`are those of the code: ${page}`, () => {
      expect(filled(textOf(page)), 'npm run docs:tables').equal(textOf(page));
    });
  }
});
