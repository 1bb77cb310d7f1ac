import { execFileSync } from 'node:child_process';
import { expect } from 'chai';
import { resolveInstallation } from '../../../lib/binding/resolve.js';
import { packageRoot } from '../../../lib/setup/root.js';

const { addon } = resolveInstallation(packageRoot()).binary;
const run = (program: string, ...args: string[]) =>
  execFileSync(program, args, { encoding: 'utf8', maxBuffer: 2 ** 29, stdio: ['ignore', 'pipe', 'ignore'] });

// Not loops of arithmetic: Adopt copies, and `pow` is a call of the C library for each element.
const scalar = /Adopt<|AcclipRule<\w+, true>|reduce<.*3,/;
const arithmetic = /\tv(?:mul|add|sub|div|sqrt|min|max)p[sd] .*%[yz]mm/;

interface Kernel {
  name: string;
  lines: number;
  packed: number;
}

/** The kernels of an instruction set, with their instructions; none in a binary without symbols. */
function kernelsOf(set: string): Kernel[] {
  const symbols = run('nm', '--demangle', '--numeric-sort', addon)
    .split('\n')
    .flatMap((line) => (line.includes(`optim::cpu::${set}::`) ? [Number.parseInt(line.slice(0, 16), 16)] : []));
  if (symbols.length === 0) return [];
  const text = run(
    'objdump',
    '--disassemble',
    '--demangle',
    '--no-show-raw-insn',
    `--start-address=${symbols[0]}`,
    `--stop-address=${symbols.at(-1)! + 1}`,
    addon,
  );
  return text.split(/^[0-9a-f]+ <(?=.*>:$)/m).flatMap((part) => {
    const [title, ...lines] = part.trimEnd().split('\n');
    const name = title!.replaceAll(/tc::optim::|\(anonymous namespace\)::/g, '').replace(/>:$/, '');
    if (!name.includes(`${set}::`) || !/::(?:apply|clip|measure|reduce)</.test(name)) return [];
    return [{ name, lines: lines.length, packed: lines.filter((line) => arithmetic.test(line)).length }];
  });
}

describe('the kernels of the CPU', () => {
  for (const set of ['avx2', 'avx512']) {
    it(`are vectorized for ${set}`, function () {
      if (process.arch !== 'x64' || process.platform !== 'linux') this.skip();
      // A sanitizer's build counts every access, and is not optimized.
      if (/__[at]san_init/.test(run('nm', '--dynamic', addon))) this.skip();
      const kernels = kernelsOf(set);
      if (kernels.length === 0) this.skip();
      expect(kernels.length).to.be.above(200);
      // What a rule does not need is a function that returns.
      const slow = kernels.filter(({ name, lines, packed }) => packed === 0 && lines > 8 && !scalar.test(name));
      expect(slow.map(({ name }) => name)).to.deep.equal([]);
    });
  }
});
