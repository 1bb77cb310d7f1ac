// Generates lib/ops/generated and docs/ops.md from the dispatcher of the reference libtorch.
//   node scripts/gen-ops/main.mjs           writes them
//   node scripts/gen-ops/main.mjs --check   exits with 1 and names what is stale; with 2 for another libtorch
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { tsImport } from 'tsx/esm/api';
import { counts, docsFile } from './docs.mjs';
import { emit } from './emit.mjs';
import { readHeaders } from './headers.mjs';
import { buildModel } from './model.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const generated = join(root, 'lib/ops/generated');

const { native } = await tsImport('../../lib/binding/index.ts', import.meta.url);
const { findLibtorch, reference, series } = await tsImport('../../lib/setup/libtorch.ts', import.meta.url);
const libtorch = series(native.libtorchVersion());
if (libtorch !== series(reference)) {
  console.error(`The reference is torch ${series(reference)}; the libtorch at hand is ${libtorch}.`);
  process.exit(2);
}
const { root: folder } = findLibtorch({ accept: (found) => (series(found.version) === libtorch ? undefined : 'no') });
const schemas = JSON.parse(native.opSchemas());

const names = new Set(schemas.map((s) => s.name.replace('aten::', '')));
const model = buildModel(schemas, readHeaders(join(folder, 'include'), names));
const documented = JSON.parse(readFileSync(join(root, 'scripts/gen-ops/documented.json'), 'utf8'));
const files = Object.fromEntries(
  Object.entries(emit(model, documented, libtorch)).map(([name, text]) => [join(generated, name), text]),
);
files[join(root, 'docs/ops.md')] = docsFile(model, libtorch);

const present = existsSync(generated) ? readdirSync(generated).map((f) => join(generated, f)) : [];
const unknown = present.filter((f) => !(f in files));
const stale = Object.keys(files).filter((f) => !existsSync(f) || readFileSync(f, 'utf8') !== files[f]);

if (process.argv.includes('--check')) {
  for (const f of [...stale, ...unknown]) console.error(`stale: ${f.slice(root.length + 1)}`);
  if (stale.length + unknown.length > 0) {
    console.error('Run node scripts/gen-ops/main.mjs and commit what it writes.');
    process.exitCode = 1;
  }
} else {
  for (const f of unknown) rmSync(f);
  for (const f of stale) {
    mkdirSync(dirname(f), { recursive: true });
    writeFileSync(f, files[f]);
  }
  console.log(JSON.stringify(counts(model)));
}
