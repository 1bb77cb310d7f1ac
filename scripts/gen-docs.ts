// Writes the tables of options in docs/optimizers.md and docs/clippers.md, between <!-- options NAME, ... --> and <!-- /options -->.
//   node --import tsx scripts/gen-docs.ts           writes them
//   node --import tsx scripts/gen-docs.ts --check   exits with 1 and names the pages that are stale
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { filled } from './gen-docs/pages.js';

const pages = ['docs/optimizers.md', 'docs/clippers.md'];
for (const page of pages) {
  const path = fileURLToPath(new URL(`../${page}`, import.meta.url));
  const text = readFileSync(path, 'utf8');
  const current = filled(text);
  if (current === text) continue;
  if (process.argv.includes('--check')) {
    console.error(`stale: ${page}. Run npm run docs:options and commit what it writes.`);
    process.exitCode = 1;
  } else {
    writeFileSync(path, current);
    console.log(`written: ${page}`);
  }
}
