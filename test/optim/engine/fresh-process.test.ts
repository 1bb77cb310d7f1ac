import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import torch from '../../../lib/index.js';
import { cases, Run } from './resume.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const steps = 8;

describe('optim: a run that another process resumes', function () {
  this.timeout(120_000);
  const folder = mkdtempSync(join(tmpdir(), 'torch-clip-resume-'));
  after(() => rmSync(folder, { recursive: true }));

  before(() => {
    const random = torch.getRngState();
    Object.values(cases).forEach((spec, i) => {
      torch.manualSeed(i);
      const run = new Run(spec, { lr: 0.02 });
      run.advance(7);
      run.save(join(folder, `before ${i}`));
      run.advance(steps);
      run.save(join(folder, `whole ${i}`));
    });
    torch.setRngState(random);
    const { status, stderr } = spawnSync(
      process.execPath,
      ['--import', 'tsx', 'test/fixtures/resume.ts', folder, String(steps)],
      { cwd: root, encoding: 'utf8' },
    );
    expect(stderr).equal('');
    expect(status).equal(0);
  });

  for (const [i, name] of Object.keys(cases).entries()) {
    it(`goes on bit for bit: ${name}`, () => {
      for (const kind of ['json', 'safetensors']) {
        const [whole, resumed] = ['whole', 'after'].map((part) => readFileSync(join(folder, `${part} ${i}.${kind}`)));
        expect(resumed!.equals(whole!), kind).equal(true);
      }
    });
  }
});
