// The declarations, as users with strict settings compile them.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const root = fileURLToPath(new URL('../..', import.meta.url));
const tsc = join(root, 'node_modules/typescript/bin/tsc');

const program = `
import torch, { nn, optim } from 'torch-clip';
class Block extends nn.Module {
  constructor(readonly act: nn.TensorModule, readonly layers: nn.ModuleList) {
    super();
  }
  override forward(x: torch.Tensor): torch.Tensor {
    for (const layer of this.layers) x = this.act.forward(layer.forward(x));
    return x;
  }
}
const model = new Block(new nn.ReLU(), new nn.ModuleList([new nn.Linear(2, 2)]));
const optimizer = new optim.SGD(model.parameters(), { lr: torch.tensor(0.1) });
for (const row of model.forward(torch.zeros([2, 2]))) row.sum().backward({ retainGraph: true });
optimizer.step();
`;

describe('the declarations', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'torch-clip-types-'));
    mkdirSync(join(folder, 'node_modules/@types'), { recursive: true });
    symlinkSync(root, join(folder, 'node_modules/torch-clip'));
    symlinkSync(join(root, 'node_modules/@types/node'), join(folder, 'node_modules/@types/node'));
    symlinkSync(join(root, 'node_modules/undici-types'), join(folder, 'node_modules/undici-types'));
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  });
  after(() => rmSync(folder, { recursive: true }));

  /** What the compiler says of a program. */
  function compiled(options: object, text = program): string {
    writeFileSync(join(folder, 'program.ts'), text);
    const compilerOptions = {
      ...{ target: 'es2022', lib: ['es2022'], module: 'nodenext', moduleResolution: 'nodenext', strict: true },
      ...{ skipLibCheck: false, noEmit: true, preserveSymlinks: true, ...options },
    };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['program.ts'] }));
    return spawnSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8' }).stdout;
  }

  it('compile with every check, under exactOptionalPropertyTypes, with the library of ES2022 alone', () => {
    const strict = {
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      noPropertyAccessFromIndexSignature: true,
    };
    expect(compiled({ ...strict, types: ['node'] })).to.equal('');
  });

  it('blame the option that is wrong, not the shape or the other arguments', () => {
    const calls: [call: string, blamed: string][] = [
      ["torch.zeros([2, 3], { dtype: 'float64' })", "Type 'string' is not assignable to type 'Dtype'"],
      ["torch.arange(3, { dtype: 'int64' })", "Type 'string' is not assignable to type 'Dtype'"],
      ["torch.randint(5, [2], { dtype: 'int8' })", "Type 'string' is not assignable to type 'Dtype'"],
      ['torch.randn([2], { dtyp: torch.float64 })', "Did you mean to write 'dtype'?"],
      ['torch.ones([2], { requires_grad: true })', "Did you mean to write 'requiresGrad'?"],
      ['x.sum({ axis: 1 })', "'axis' does not exist"],
      ['x.mean({ axis: 1 })', "'axis' does not exist"],
      ['x.max({ axis: 1 })', "'axis' does not exist"],
      ['x.softmax({ axis: 1 })', "'axis' does not exist"],
      ['torch.sum(x, { axis: 1 })', "'axis' does not exist"],
      ['torch.cat([x], { axis: 1 })', "'axis' does not exist"],
      ['torch.std(x, { axis: 1 })', "'axis' does not exist"],
    ];
    const head = "import torch from 'torch-clip';\nconst x = torch.ones([2, 2]);\n";
    const said = compiled({ types: ['node'] }, head + calls.map(([call]) => `${call};\n`).join(''));
    const errors = said.split(/^(?=program\.ts|\S*program\.ts)/m);
    for (const [i, [call, blamed]] of calls.entries()) {
      const error = errors.find((each) => each.includes(`(${i + 3},`));
      expect(error, call).to.contain(blamed);
    }
  });
});
