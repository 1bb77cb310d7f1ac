import { spawnSync } from 'node:child_process';
import { expect } from 'chai';
import { Fixture } from '../setup/fixture.js';

const library = new URL('../../dist/index.js', import.meta.url).href;
const megabytes = 96;

describe('io: the memory that reading takes', () => {
  let f: Fixture;
  before(() => {
    f = new Fixture();
  });
  after(() => f.remove());

  /** Runs code in a process of its own, and gives by how many MB its peak grew. */
  const growth = (code: string): number => {
    const script = `
      import { readFileSync } from 'node:fs';
      const { default: torch, io } = await import(${JSON.stringify(library)});
      const peak = () => Number(/VmHWM:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) / 1024;
      const file = (name) => ${JSON.stringify(f.root)} + '/' + name;
      torch.ones([10]);
      const before = peak();
      ${code}
      console.log(peak() - before);`;
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
    expect(stderr).to.equal('');
    return Number(stdout);
  };

  it('is that of the tensors, or none for a mapped file', function () {
    this.timeout(120_000);
    if (process.platform !== 'linux') return this.skip();
    growth(`const x = torch.ones([${megabytes}, 2 ** 18]);
      io.saveSafetensors({ x }, file('x.safetensors'));
      torch.save({ x }, file('x.pt'));`);
    const readings: [string, number][] = [
      ["io.loadSafetensors(file('x.safetensors'))", megabytes],
      ["torch.load(file('x.pt'))", megabytes],
      ["io.openSafetensors(file('x.safetensors')).get('x')", 0],
      ["torch.load(file('x.pt'), { mmap: true })", 0],
    ];
    for (const [code, tensors] of readings) expect(growth(code), code).to.be.below(tensors + 24);
  });
});
