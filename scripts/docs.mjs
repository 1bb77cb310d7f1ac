// npm run docs: the documentation site, in build/site: the guides and every public declaration, searchable.
// TypeDoc needs a TypeScript of its own, older than the package's: both lie in site/node_modules.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensurePackages } from './lib/npm.mjs';
import { brokenLinks } from './lib/site-links.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const site = join(root, 'site');
ensurePackages(root);
ensurePackages(site);
const { status } = spawnSync(process.execPath, ['node_modules/typedoc/bin/typedoc'], { cwd: site, stdio: 'inherit' });
const broken = brokenLinks(join(root, 'build/site'));
for (const { page, link } of broken) console.error(`broken link: ${link} on ${page}`);
process.exitCode = status === 0 && broken.length === 0 ? 0 : 1;
