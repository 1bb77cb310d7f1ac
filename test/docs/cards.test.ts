import { expect } from 'chai';
import { clip, optim } from '../../lib/index.js';
import { textOf } from './pages.js';

/** The cards of a page: its sections of the third level, under each of the names in their headings. */
const cardsOf = (page: string): Map<string, string> =>
  new Map(
    textOf(page)
      .split(/^(?=### )/m)
      .slice(1)
      .map((section) => section.split(/^## /m)[0]!)
      .flatMap((card) => {
        const [, heading] = card.match(/^### (.*)/)!;
        return heading!.split(', ').map((name): [string, string] => [name, card]);
      }),
  );

/** Why a card cites no paper. */
const withoutPaper: Readonly<Record<string, string>> = {
  stochastic: 'published as code alone',
  chain: 'a composition',
  custom: "the user's own",
  tap: 'a measurement',
  compare: 'a measurement',
};
/** Cards of what computes nothing that a formula would say. */
const withoutFormula = ['compare'];

const prose = (card: string) => card.split(/^(?:```|\||<!--)/m)[0]!.replace(/^### .*\n/, '');
const row = (card: string, name: string) => card.match(new RegExp(`^\\| ${name} \\| (.+) \\|$`, 'm'))?.[1];

/** What a card of a method lacks. */
function lacking(name: string, card: string, isMethod: boolean): string[] {
  const options = [...card.matchAll(/<!-- options (.*) -->\n([\s\S]*?)<!-- \/options -->/g)];
  const parts = {
    'an introduction': /[.:]\s*$/.test(prose(card)) && prose(card).length > 40,
    'a formula in a block of its own': withoutFormula.includes(name) || /^```text\n[\s\S]+?^```$/m.test(card),
    'its generated table of options': options.some(([, , body]) => /^\| `/m.test(body!)),
    'a link to its paper': name in withoutPaper || /\]\(https:/.test(row(card, 'Papers?') ?? (isMethod ? '' : card)),
    ...(isMethod && {
      'what it is for': row(card, 'Use it for') !== undefined,
      'its state': row(card, 'State') !== undefined,
      'how it stands to PyTorch': row(card, 'Beside PyTorch') !== undefined,
    }),
  };
  return Object.entries(parts).flatMap(([part, there]) => (there ? [] : [`${name} lacks ${part}`]));
}

describe("the documentation's cards", () => {
  const names = (holder: object, others: RegExp) => Object.keys(holder).filter((name) => !others.test(name));
  const optimizers = names(optim, /^([a-z]|Optimizer$|Restarter$)/);
  const clippers = names(clip, /^(by[A-Z]|tailIndex$|Clipper$)/);
  const tools = { 'docs/optimizers.md': ['Restarter', 'compare', 'estimateLipschitz', 'qkClip', 'swaUtils'] };

  it('of optimizers have every part', () => {
    const cards = cardsOf('docs/optimizers.md');
    expect(optimizers).length.above(25);
    expect(optimizers.flatMap((name) => lacking(name, cards.get(name) ?? '', true))).deep.equal([]);
  });

  it('of clippers have every part', () => {
    const cards = cardsOf('docs/clippers.md');
    expect(clippers).length.above(10);
    expect(clippers.flatMap((name) => lacking(name, cards.get(name) ?? '', true))).deep.equal([]);
  });

  it('of tools have a formula, their options and a paper', () => {
    const lists = { ...tools, 'docs/clippers.md': ['tailIndex'] };
    const found = Object.entries(lists).flatMap(([page, list]) =>
      list.flatMap((name) => lacking(name, cardsOf(page).get(name) ?? '', false)),
    );
    expect(found).deep.equal([]);
  });

  it('without a paper are no others than those listed', () => {
    const cards = new Map([...cardsOf('docs/optimizers.md'), ...cardsOf('docs/clippers.md')]);
    const cites = Object.keys(withoutPaper).filter((name) => /arxiv|doi\.org/.test(cards.get(name)!));
    expect(cites).deep.equal([]);
  });
});
