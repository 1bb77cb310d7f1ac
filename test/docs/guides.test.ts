import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import torch, { clip, isTensor } from '../../lib/index.js';
import { optimizers } from '../optim/support.js';
import { anchorOf, headingsOf, pages, proseOf, root, textOf } from './pages.js';

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

  for (const page of pages.filter((page) => headingsOf(page).includes('Contents'))) {
    it(`lists its sections at the top: ${page}`, () => {
      const [, contents] = textOf(page).match(/^## Contents\n([\s\S]*?)^## /m)!;
      const linked = [...contents!.matchAll(/\]\(#([^)]+)\)/g)].map(([, anchor]) => anchor!);
      const sections = proseOf(page)
        .split(/^(?=## )/m)
        .slice(1);
      const left = sections.filter((section) => {
        const [own, ...inner] = [...section.matchAll(/^##+ (.*)$/gm)].map(([, heading]) => anchorOf(heading!));
        // Itself, or every part of it.
        return (
          own !== 'contents' && !linked.includes(own!) && !(inner.length > 0 && inner.every((a) => linked.includes(a)))
        );
      });
      expect(left.map((section) => section.split('\n')[0])).deep.equal([]);
    });
  }

  it('shows the example of a rule as it is', () => {
    const [, block] = textOf('CONTRIBUTING.md').match(/```cpp\n([\s\S]*?)```/)!;
    expect(block!.replace(/^ {3}/gm, '').trimEnd()).equal(textOf('native/optim/rule/lion.h').trimEnd());
  });

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

  /** The page that names everything public of a namespace, and of those below it that have no page of their own. */
  const guides: Record<string, string> = {
    nn: 'docs/nn.md',
    'nn.functional': 'docs/nn-functional.md',
    data: 'docs/data.md',
    io: 'docs/io.md',
    clip: 'docs/clippers.md',
    optim: 'docs/optimizers.md',
    'optim.lrScheduler': 'docs/lr-schedulers.md',
    autograd: 'docs/autograd.md',
    func: 'docs/func.md',
    utils: 'docs/watching.md',
    'utils.checkpoint': 'docs/autograd.md',
    distributions: 'docs/distributions.md',
    jit: 'docs/io.md',
    backends: 'docs/gpu.md',
    cuda: 'docs/gpu.md',
    profiler: 'docs/gpu.md',
    distributed: 'docs/distributed.md',
    'nn.parallel': 'docs/distributed.md',
    amp: 'docs/gpu.md',
    linalg: 'docs/ops.md',
    fft: 'docs/ops.md',
    special: 'docs/ops.md',
    random: 'docs/tensors.md',
    signal: 'docs/tensors.md',
    sparse: 'docs/tensors.md',
  };
  const isNamespace = (value: unknown): value is object =>
    typeof value === 'object' && value !== null && !isTensor(value) && value.constructor === Object;
  const namespacesIn = (holder: object, path = ''): [name: string, names: string[]][] =>
    Object.entries(holder)
      .filter((entry): entry is [string, object] => isNamespace(entry[1]) && entry[0] !== 'default')
      .flatMap(([name, inner]) => [
        [path + name, Object.keys(inner).filter((key) => !isNamespace((inner as Record<string, unknown>)[key]))],
        ...namespacesIn(inner, `${path}${name}.`),
      ]);
  const guideOf = (namespace: string): string | undefined =>
    guides[namespace] ?? (namespace.includes('.') ? guideOf(namespace.replace(/\.\w+$/, '')) : undefined);

  for (const [namespace, names] of namespacesIn(torch).filter(([name]) => name !== 'version')) {
    it(`names everything in ${namespace}`, () => {
      const guide = guideOf(namespace);
      if (names.length === 0 && guide === undefined) return;
      expect(guide, `the page that describes ${namespace}`).a('string');
      expect(missing(guide!, names), guide).deep.equal([]);
    });
  }

  it('names everything else in some guide', () => {
    const written = pages.filter((page) => page.startsWith('docs/') && page !== 'docs/coverage.md');
    const names = Object.keys(torch).filter((name) => !isNamespace(torch[name as keyof typeof torch]));
    expect(written.reduce((rest, page) => missing(page, rest), names)).deep.equal([]);
  });
});
