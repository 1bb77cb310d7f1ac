// What the tests of the documentation read: its pages, their headings and their programs.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));

/** Every Markdown page for people, by its path from the root of the repository. */
export const pages = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

export const textOf = (page: string): string => readFileSync(join(root, page), 'utf8');

/** The page without its blocks of code, in which `#` and `[]()` mean something else. */
export const proseOf = (page: string): string => textOf(page).replace(/^( *)```.*\n[\s\S]*?^\1```$/gm, '');

export const headingsOf = (page: string): string[] =>
  [...proseOf(page).matchAll(/^#+ (.*)$/gm)].map(([, heading]) => heading!.replaceAll('`', ''));

/** The anchor that GitHub and TypeDoc give a heading. */
export const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');

/** A program of a page: a block that begins with an import, and the blocks after it that do not. */
export interface Program {
  /** Where it begins, as `docs/nn.md:12`. */
  at: string;
  text: string;
  /** It needs a GPU: checked everywhere, run where there is one. */
  gpu: boolean;
}

/** The programs of a page, from its fences: `ts`, and `ts gpu` for what only a GPU can run. */
export function programsOf(page: string): Program[] {
  const text = textOf(page);
  const programs: Program[] = [];
  for (const { 1: mark, 2: code, index } of text.matchAll(/^```ts(.*)\n([\s\S]*?)^```$/gm)) {
    const line = text.slice(0, index).split('\n').length;
    const words = mark!.split(' ').filter(Boolean);
    const unknown = words.find((word) => word !== 'gpu');
    if (unknown !== undefined) throw new Error(`${page}:${line}: a fence of "ts" can say "gpu", not "${unknown}"`);
    const program = programs.at(-1);
    if (/^import /m.test(code!)) programs.push({ at: `${page}:${line}`, text: code!, gpu: words.includes('gpu') });
    else if (program === undefined) throw new Error(`${page}:${line}: the first program of a page needs its imports`);
    else {
      program.text += `\n${code}`;
      program.gpu ||= words.includes('gpu');
    }
  }
  return programs;
}

/**
 * A program that checks what its page says it prints: in the comment behind a `console.log(...)`, or in the lines of comments
 * right after it.
 */
export function checked(text: string): string {
  return text.replace(
    /^(\s*console\.log\(.*\);)(?: \/\/ (.*)|((?:\n *\/\/ .*)+))$/gm,
    (_, call: string, behind: string | undefined, after: string | undefined) => {
      const lines = after?.trim().split('\n') ?? [];
      const expected = behind ?? lines.map((line) => line.replace(/^ *\/\/ /, '')).join('\n');
      return `${call} printed(${JSON.stringify(expected)});`;
    },
  );
}
