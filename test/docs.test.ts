import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import torch, { clip, optim } from '../lib/index.js';
import { anchorOf, headingsOf, pages, proseOf, root, textOf } from './docs/pages.js';
import { optimizers } from './optim/support.js';

/** Those of the names that a page does not mention. */
function missing(page: string, names: readonly string[]): string[] {
  const words = new Set(textOf(page).match(/\w+/g));
  return names.filter((name) => !words.has(name));
}

describe('the documentation', () => {
  for (const page of pages) {
    it(`links to what there is: ${page}`, () => {
      const links = [...proseOf(page).matchAll(/\]\(([^)\s]+)\)|(?:src|srcset)="([^"]+)"/g)].map(
        (m) => (m[1] ?? m[2])!,
      );
      for (const link of links.filter((link) => !link.includes(':'))) {
        const [path, anchor] = link.split('#') as [string, string?];
        const target = path === '' ? page : join(dirname(page), path);
        expect(existsSync(join(root, target)), link).equal(true);
        if (anchor !== undefined) expect(headingsOf(target).map(anchorOf), link).include(anchor);
      }
    });
  }

  it('has every page on the README', () => {
    const linked = [...textOf('README.md').matchAll(/\]\((docs\/[\w-]+\.md)/g)].map(([, page]) => page!);
    expect(linked).include.members(pages.filter((page) => page.startsWith('docs/')));
  });

  it('has a card for every optimizer, and the README names it', () => {
    const cards = headingsOf('docs/optimizers.md').flatMap((heading) => heading.split(', '));
    expect(cards).include.members(Object.keys(optimizers));
    expect(missing('README.md', Object.keys(optimizers))).empty;
  });

  it('has a card and a row for every clipper, and the README names it', () => {
    const others = /^(by[A-Z]|tailIndex$|Clipper$)/;
    const clippers = Object.keys(clip).filter((name) => !others.test(name));
    const cards = headingsOf('docs/clippers.md').flatMap((heading) => heading.split(', '));
    expect(cards).include.members(clippers);
    const rows = [...textOf('docs/clippers.md').matchAll(/^\| .*?\|/gm)].join();
    expect(rows.match(/(?<=`clip\.)\w+/g)).include.members(clippers);
    expect(missing('README.md', clippers)).empty;
  });

  /** The page that names everything public of a namespace. */
  const documented: [page: string, namespace: string, names: string[]][] = [
    ['docs/nn.md', 'nn', Object.keys(torch.nn)],
    ['docs/nn.md', 'nn.init', Object.keys(torch.nn.init)],
    ['docs/nn.md', 'nn.utils', Object.keys(torch.nn.utils)],
    ['docs/nn-functional.md', 'nn.functional', Object.keys(torch.nn.functional)],
    ['docs/data.md', 'data', Object.keys(torch.data)],
    ['docs/io.md', 'io', Object.keys(torch.io)],
    ['docs/clippers.md', 'clip', Object.keys(clip)],
    ['docs/optimizers.md', 'optim', Object.keys(optim).filter((name) => name !== 'lrScheduler')],
    ['docs/lr-schedulers.md', 'optim.lrScheduler', Object.keys(optim.lrScheduler)],
    ['docs/autograd.md', 'autograd', Object.keys(torch.autograd)],
    ['docs/gpu.md', 'cuda', Object.keys(torch.cuda)],
    ['docs/gpu.md', 'amp', Object.keys(torch.amp)],
  ];
  for (const [page, namespace, names] of documented) {
    it(`names everything in ${namespace}: ${page}`, () => {
      expect(missing(page, names)).deep.equal([]);
    });
  }
});
