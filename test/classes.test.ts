// The classes of the package: `new` from outside gives a whole object or is refused in a sentence.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import torch, { io, TorchClipError } from '../lib/index.js';
import { refusalOf } from './support.js';

type Class = new (...args: never[]) => object;
const isClass = (value: unknown): value is Class =>
  typeof value === 'function' && /^class\b/.test(Function.prototype.toString.call(value));

/** Every exported class, by its path. */
function classesIn(namespace: object, path: string, found = new Map<Class, string>()): Map<Class, string> {
  for (const [name, value] of Object.entries(namespace)) {
    // Errors and arrays are made as JavaScript makes its own.
    const isPlain = isClass(value) && [Error, Array].some((Base) => value.prototype instanceof Base);
    if (isClass(value) && !isPlain && !found.has(value)) found.set(value, `${path}.${name}`);
    const isNamespace = typeof value === 'object' && value !== null && /^[a-z]/.test(name);
    const isOwn = isNamespace && [null, Object.prototype].includes(Object.getPrototypeOf(value) as null);
    if (isOwn && path.split('.').length < 5) classesIn(value, `${path}.${name}`, found);
  }
  return found;
}

const t = torch.ones([2]);
const arguments_: unknown[][] = [
  [],
  [null],
  [NaN],
  [1],
  ['x'],
  [{}],
  [[]],
  [t],
  [t.handle],
  [() => 1],
  ['x', 1],
  [1, 1, 1, 1],
  [Symbol('s'), 1],
  [1, Symbol('s')],
];

describe('an exported class', () => {
  const classes = classesIn(torch, 'torch');

  // Some write into the working folder.
  const home = process.cwd();
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'torch-clip-test-'));
    process.chdir(folder);
  });
  after(() => {
    process.chdir(home);
    rmSync(folder, { recursive: true });
  });

  it('is among those that are looked at', () => {
    expect([...classes.values()]).include.members([
      'torch.Device',
      'torch.Dtype',
      'torch.nn.Linear',
      'torch.distributed.ProcessGroup',
      'torch.nn.utils.parametrize.ParametrizationList',
    ]);
  });

  for (const [Exported, path] of classes) {
    it(`${path} is made whole, or not at all`, () => {
      for (const args of arguments_) {
        let made: object;
        try {
          made = new Exported(...(args as never[]));
        } catch (error) {
          expect(error, `${error}`).instanceOf(TorchClipError);
          continue;
        }
        if (!Array.isArray(made))
          expect(String(made))
            .a('string')
            .not.match(/undefined/);
      }
    });
  }

  it('that the package makes for others refuses all arguments', () => {
    const { autograd, distributed, jit, nn } = torch;
    const made = {
      Dtype: torch.Dtype,
      Layout: torch.Layout,
      MemoryFormat: torch.MemoryFormat,
      Node: autograd.graph.Node,
      GradientEdge: autograd.graph.GradientEdge,
      ProcessGroup: distributed.ProcessGroup,
      DeviceMesh: distributed.DeviceMesh,
      Work: distributed.Work,
      ScriptModule: jit.ScriptModule,
      ParametrizationList: nn.utils.parametrize.ParametrizationList,
    } as unknown as Record<string, Class>;
    for (const [name, Exported] of Object.entries(made)) {
      for (const args of arguments_) {
        const { code, message } = refusalOf(() => new Exported(...(args as never[])));
        expect([code, message], name).deep.equal(['ERR_ARGUMENT', message]);
        expect(message).match(new RegExp(`^an? ${name} is created by .*, not with new$`));
      }
    }
  });
});

describe('torch.Device', () => {
  const rows: [args: unknown[], text: string][] = [
    [['cpu'], 'cpu'],
    [['cpu', null], 'cpu'],
    [['cpu', undefined], 'cpu'],
    [['cpu', 0], 'cpu:0'],
    [['meta'], 'meta'],
    [['cuda'], 'cuda'],
    [['cuda:1'], 'cuda:1'],
    [['cuda', 1], 'cuda:1'],
    [[new torch.Device('cuda:3')], 'cuda:3'],
    [[new torch.Device('cuda'), 2], 'cuda:2'],
  ];
  for (const [args, text] of rows) {
    it(`(${args.map(String).join(', ')}) is ${text}, also out of a file`, () => {
      const device = new torch.Device(...(args as ['cpu']));
      expect([String(device), JSON.stringify(device)]).deep.equal([text, JSON.stringify(text)]);
      expect([device.type, device.index]).deep.equal([
        text.split(':')[0],
        text.includes(':') ? Number(text.split(':')[1]) : null,
      ]);
      expect(Object.isFrozen(device)).equal(true);
      const path = join(folder, 'device.pt');
      io.save({ device }, path);
      expect((io.load(path) as { device: unknown }).device).deep.equal(device);
    });
  }

  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'torch-clip-test-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  const bad: [args: unknown[], code: string, message: string][] = [
    [[], 'ERR_DEVICE', "\"type\" must be a device such as 'cpu' or 'cuda:0', got undefined"],
    [['tpu'], 'ERR_DEVICE', '"type" must be a device such as \'cpu\' or \'cuda:0\', got "tpu"'],
    [['cpu:1'], 'ERR_DEVICE', '"type" must be a device such as \'cpu\' or \'cuda:0\', got "cpu:1"'],
    [['cuda', -1], 'ERR_DEVICE', '"index" must be an integer from 0 to 999, or null, got -1'],
    [['cuda', 1000], 'ERR_DEVICE', '"index" must be an integer from 0 to 999, or null, got 1000'],
    [['cuda', '1'], 'ERR_DEVICE', '"index" must be an integer from 0 to 999, or null, got "1"'],
    [['cpu', 1], 'ERR_DEVICE', '"index" must be 0 for the type "cpu", or null, got 1'],
    [['cuda:1', 1], 'ERR_ARGUMENT', '"index" cannot be combined with a "type" that has one, got 1 and "cuda:1"'],
  ];
  for (const [args, code, message] of bad) {
    it(`refuses (${args.map(String).join(', ')})`, () => {
      const error = refusalOf(() => new torch.Device(...(args as ['cpu'])));
      expect([error.code, error.message]).deep.equal([code, message]);
    });
  }
});
