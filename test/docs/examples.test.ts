// Every @example of the library compiles, but for the names of what stands around it.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { root } from './pages.js';

interface Example {
  /** Where it stands: the file and the line. */
  at: string;
  code: string;
}

function examplesIn(file: string): Example[] {
  const text = readFileSync(join(root, file), 'utf8');
  return [...text.matchAll(/@example\n((?:\s*\*(?: (?!@)[^\n]*)?\n)+?)(?=\s*\*\/|\s*\* @)/g)].map((match) => ({
    at: `${file}:${text.slice(0, match.index).split('\n').length}`,
    code: match[1]!.replace(/^\s*\* ?/gm, '').replace(/^import .*\n/gm, ''),
  }));
}

// What an example speaks of without declaring it.
const unknownName = /error TS(2304|2552|18004|2503):/;

describe('the examples in the documentation of declarations', function () {
  this.timeout(120_000);

  it('compile', () => {
    const files = (readdirSync(join(root, 'lib'), { recursive: true }) as string[])
      .filter((name) => name.endsWith('.ts') && !/^(cli|setup)\/|generated/.test(name))
      .sort();
    const examples = files.flatMap((name) => examplesIn(`lib/${name}`));
    expect(examples.length).above(800);
    const folder = mkdtempSync(join(root, 'test/.examples-'));
    try {
      const all = examples.map(({ code }, i) => `export async function example${i}(this: any) {\n${code}\n}\n`);
      const head = `import torch, { autograd, clip, data, distributions, io, nn, optim, type Tensor } from 'torch-clip';
const F = nn.functional;\n`;
      const text = head + all.join('');
      writeFileSync(join(folder, 'examples.ts'), text);
      const compilerOptions = {
        types: ['node'],
        noImplicitAny: false,
        noUnusedLocals: false,
        noUnusedParameters: false,
        paths: { 'torch-clip': [join(root, 'lib/index.ts')] },
      };
      const settings = { extends: join(root, 'tsconfig.json'), compilerOptions, include: ['*.ts'] };
      writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(settings));
      const { stdout } = spawnSync(
        process.execPath,
        [join(root, 'node_modules/typescript/lib/tsc.js'), '-p', folder, '--pretty', 'false'],
        { encoding: 'utf8' },
      );
      const lines = text.split('\n');
      const faults = [...stdout.matchAll(/examples\.ts\((\d+),\d+\): (.*)/g)].flatMap(([, line, message]) => {
        // What such a name stands for is unknown, too.
        if (unknownName.test(message!) || /\bunknown\b/.test(message!)) return [];
        const before = lines.slice(0, Number(line)).filter((one) => one.startsWith('export async function example'));
        return [`${examples[before.length - 1]!.at}: ${message}`];
      });
      expect(faults).deep.equal([]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
