// Writes the tables of the documentation that say what the code says: those of options, between <!-- options NAME, ... --> and
// <!-- /options -->, and that of layers, between <!-- layers --> and <!-- /layers -->.
//   node --import tsx scripts/gen-docs/main.ts           writes them
//   node --import tsx scripts/gen-docs/main.ts --check   exits with 1 and names the pages that are stale
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { filled, tablePages } from './pages.js';

for (const page of tablePages) {
  const path = fileURLToPath(new URL(`../../${page}`, import.meta.url));
  const text = readFileSync(path, 'utf8');
  const current = filled(text);
  if (current === text) continue;
  if (process.argv.includes('--check')) {
    console.error(`stale: ${page}. Run npm run docs:tables and commit what it writes.`);
    process.exitCode = 1;
  } else {
    writeFileSync(path, current);
    console.log(`written: ${page}`);
  }
}
