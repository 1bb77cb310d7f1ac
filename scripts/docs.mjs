// npm run docs: the documentation site, in build/site: the guides and every public declaration, searchable.
// TypeDoc needs a TypeScript of its own, older than the package's: both lie in site/node_modules.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brokenLinks } from './lib/site-links.mjs';
import { npm } from './lib/npm.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const site = join(root, 'site');
const installed = join(site, 'node_modules/.package-lock.json');
const lock = join(site, 'package-lock.json');
if (!existsSync(installed) || statSync(installed).mtimeMs < statSync(lock).mtimeMs) npm(['ci'], site);

execFileSync(process.execPath, [join(site, 'node_modules/typedoc/bin/typedoc')], { cwd: site, stdio: 'inherit' });
const broken = brokenLinks(join(root, 'build/site'));
for (const { page, link } of broken) console.error(`broken: ${link} on ${page}`);
if (broken.length > 0) process.exitCode = 1;
