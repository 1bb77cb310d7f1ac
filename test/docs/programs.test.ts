// Every block of TypeScript in the documentation: it compiles under strict, runs, and prints what the page says.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { cuda } from '../../lib/index.js';
import { checked, type Program, pages, programsOf, root } from './pages.js';

describe("the documentation's programs", function () {
  this.timeout(120_000);
  const programs = pages.flatMap(programsOf);
  const fileOf = (folder: string, { at }: Program) => join(folder, `${at.replace(/\W+/g, '-')}.ts`);
  let folder: string;

  before(() => {
    mkdirSync(join(root, 'build'), { recursive: true });
    // Inside the repository, where the compiler finds the types of Node.js.
    folder = mkdtempSync(join(root, 'build/docs-'));
    for (const program of programs) writeFileSync(fileOf(folder, program), `${checked(program.text)}\nexport {};\n`);
    writeFileSync(join(folder, 'printed.d.ts'), 'declare function printed(expected: string): void;\n');
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }\n');
    const paths = { 'torch-clip': [join(root, 'lib/index.ts')] };
    const settings = {
      extends: join(root, 'tsconfig.json'),
      // A page may name what it does not use.
      compilerOptions: { types: ['node'], noUnusedLocals: false, noUnusedParameters: false, paths },
      include: ['*.ts'],
    };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(settings));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('compile', () => {
    const { stdout } = spawnSync(process.execPath, [join(root, 'node_modules/typescript/lib/tsc.js'), '-p', folder], {
      encoding: 'utf8',
    });
    expect(stdout).equal('');
  });

  it('run, and print what the page says', () => {
    const runnable = programs.filter(({ gpu }) => !gpu || cuda.isAvailable());
    const scratch = join(folder, 'scratch');
    mkdirSync(scratch);
    const output = execFileSync(
      process.execPath,
      [
        '--import',
        join(root, 'node_modules/tsx/dist/loader.mjs'),
        join(root, 'test/docs/run.ts'),
        ...runnable.map((program) => fileOf(folder, program)),
      ],
      { cwd: scratch, encoding: 'utf8', env: { ...process.env, TSX_TSCONFIG_PATH: join(folder, 'tsconfig.json') } },
    );
    const failures = JSON.parse(output.trim().split('\n').at(-1)!) as [string, string][];
    const places = new Map(programs.map((program) => [fileOf(folder, program), program.at]));
    expect(failures.map(([file, error]) => `${places.get(file)}: ${error}`)).deep.equal([]);
  });
});
