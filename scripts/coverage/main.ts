// Writes docs/coverage.md: which public names of PyTorch this package has.
//   npm run coverage:api           writes it
//   npm run coverage:api -- --check   exits with 1 where it is stale
// python3 scripts/coverage/names.py collects PyTorch's names again.
import { readFileSync, writeFileSync } from 'node:fs';
import { page, table } from './table.js';

const file = new URL('../../docs/coverage.md', import.meta.url);
const text = page(table());
if (!process.argv.includes('--check')) {
  writeFileSync(file, text);
} else if (readFileSync(file, 'utf8') !== text) {
  console.error('stale: docs/coverage.md. Run npm run coverage:api and commit what it writes.');
  process.exitCode = 1;
}
