// The links of a folder of HTML pages that lead nowhere within it.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

const links = /\s(?:href|src|srcset)="([^"]*)"/g;
const unescaped = (text) => text.replaceAll('&amp;', '&').replaceAll('&#39;', "'").replaceAll('&quot;', '"');

/** @returns {{ page: string, link: string }[]} */
export function brokenLinks(folder) {
  const pages = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.html'));
  const anchors = new Map(
    pages.map((page) => {
      const html = readFileSync(join(folder, page), 'utf8');
      return [
        join(folder, page),
        { html, ids: new Set([...html.matchAll(/\sid="([^"]*)"/g)].map(([, id]) => unescaped(id))) },
      ];
    }),
  );
  const broken = [];
  // TypeDoc itself gives the members of what is not exported links that no element answers to.
  for (const page of pages.filter((page) => !page.endsWith('._internal_.html'))) {
    const path = join(folder, page);
    const seen = new Set();
    for (const [, raw] of anchors.get(path).html.matchAll(links)) {
      const link = unescaped(raw);
      if (seen.has(link) || /^(?:[a-z]+:|\/\/|#?$)/.test(link)) continue;
      seen.add(link);
      const [file, anchor] = link.split('#').map(decodeURIComponent);
      const target = file === '' ? path : join(dirname(path), file);
      const known = anchors.get(target);
      const there = existsSync(target) && statSync(target).isFile() && target.startsWith(folder);
      if (!there || (anchor && known && !known.ids.has(anchor))) broken.push({ page: relative(folder, path), link });
    }
  }
  return broken;
}
