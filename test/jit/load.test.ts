// Models that Python has saved with torch.jit.save.
import { writeFileSync } from 'node:fs';
import { inflateRawSync } from 'node:zlib';
import { expect } from 'chai';
import torch, { nn, type Tensor, TorchClipError } from '../../lib/index.js';
import { type OpenFile, readAll, readingFile } from '../../lib/io/file.js';
import { archiveOf, readArchive } from '../../lib/io/zip.js';
import { Fixture } from '../setup/fixture.js';
import { type Bytes, decode, golden, refusalOf } from '../support.js';

type Model = { file: string };
const reference = golden<{
  conv: Model & { input: Bytes; output: Bytes };
  recurrent: Model & { input: Bytes; output: Bytes; h: Bytes; c: Bytes; again: Bytes };
  mlp: Model & { input: Bytes; loss: Bytes; grad: Bytes; weight: Bytes };
  values: Model;
  training: Model & { noisy: Bytes };
}>('jit');

const away = (t: Tensor, want: Bytes) => t.detach().sub(decode(want)).abs().max().item();

describe('torch.jit.load', () => {
  let f: Fixture;
  let path: string;
  beforeEach(() => {
    f = new Fixture();
    path = f.path('model.pt');
  });
  afterEach(() => f.remove());

  const put = ({ file }: Model) => {
    const bytes = Buffer.from(file, 'base64');
    writeFileSync(path, bytes);
    return bytes;
  };
  const loaded = <F extends (...args: never[]) => unknown = (...inputs: torch.jit.ScriptValue[]) => unknown>(
    model: Model,
    options?: object,
  ) => {
    put(model);
    return torch.jit.load<F>(path, options);
  };

  it('runs a traced network', () => {
    const { conv } = reference;
    const model = loaded<(x: Tensor) => Tensor>(conv, { mapLocation: 'cpu' });
    expect(away(model.forward(decode(conv.input)), conv.output)).below(1e-6);
    expect(Object.keys(model.stateDict())).include.members(['0.weight', '0.bias', '1.running_mean', '5.weight']);
    expect(`${model}`).equal('ScriptModule(forward(input: Tensor))');
    const twin = new nn.Sequential(
      new nn.Conv2d(1, 2, 3),
      new nn.BatchNorm2d(2),
      new nn.ReLU(),
      new nn.Dropout(0.5),
      new nn.Flatten(),
      new nn.Linear(32, 3),
    );
    twin.loadStateDict(model.stateDict());
    twin.eval();
    expect(away(twin.forward(decode(conv.input)) as Tensor, conv.output)).below(1e-6);
  });

  it('takes and returns tuples, and an argument that may be left out', () => {
    const { recurrent } = reference;
    type Run = (x: Tensor, state?: [Tensor, Tensor]) => [Tensor, [Tensor, Tensor]];
    const model = loaded<Run>(recurrent);
    const [out, state] = model.forward(decode(recurrent.input));
    expect(
      [away(out, recurrent.output), away(state[0], recurrent.h), away(state[1], recurrent.c)].every((x) => x < 1e-6),
    ).equal(true);
    const [again] = model.forward(decode(recurrent.input), state);
    expect(away(again, recurrent.again)).below(1e-6);
  });

  it('gives gradients to its input and its parameters', () => {
    const { mlp } = reference;
    const model = loaded<(x: Tensor) => Tensor>(mlp);
    for (let i = 0; i < 3; i++) {
      const x = decode(mlp.input).requiresGrad_();
      for (const p of model.parameters()) p.grad = null;
      const loss = model.forward(x).square().sum();
      loss.backward();
      expect(away(loss, mlp.loss)).below(1e-5);
      expect(away(x.grad!, mlp.grad)).below(1e-5);
      expect(away(model.namedParameters()[0]![1].grad!, mlp.weight)).below(1e-5);
    }
    expect(torch.noGrad(() => model.forward(decode(mlp.input))).requiresGrad).equal(false);
  });

  it('takes lists, dictionaries, numbers and texts, and returns them', () => {
    const model = loaded<(...inputs: torch.jit.ScriptValue[]) => { total: Tensor; seen: Tensor }>(reference.values);
    const one = torch.ones([3]);
    const names = { ab: one, c: one };
    expect(model.forward([one, one], names, 2).total.tolist()).deep.equal([3, 3, 3]);
    expect(model.forward([one], names, 1, 2, true, 'mul', one).total.tolist()).deep.equal([3, 7, 11]);
    expect(model.forward([], {}, 0).seen.item()).equal(3);
    expect(model.namedBuffers().map(([name, t]) => [name, t.item()])).deep.equal([['seen', 3]]);
    const [dims, total, dtype, nothing, sizes, named] = model.call('describe', torch.ones([2, 2])) as unknown[];
    expect([dims, total, nothing, sizes]).deep.equal([2, 4, null, [[2, 2], [1]]]);
    expect(dtype).a('string');
    const [sum, count] = named as [Tensor, number];
    expect([sum.item(), count]).deep.equal([4, 4]);
    expect(Object.keys(model.methods)).include.members(['forward', 'describe', 'fails']);
  });

  it('draws random numbers as Python does, in training and not in evaluation', () => {
    const model = loaded<(x: Tensor) => Tensor>(reference.training);
    const x = decode(reference.conv.input);
    torch.manualSeed(3);
    const first = model.forward(x);
    expect(away(first, reference.training.noisy)).below(1e-5);
    expect(away(model.eval().forward(x), reference.conv.output)).above(0);
    const [a, b] = [model.forward(x), model.forward(x)];
    expect(a.equal(b)).equal(true);
    expect(model.train().to('cpu').forward(x).equal(a)).equal(false);
  });

  it('says in one sentence what does not fit', () => {
    const model = loaded(reference.values);
    const one = torch.ones([3]);
    const loop: unknown[] = [];
    loop.push(loop);
    for (const [body, code, message] of [
      [() => model.forward([one], {}), 'ERR_ARGUMENT', /^forward\(\) of the model failed: "times" is missing, as int$/],
      [() => model.forward([1], {}, 1), 'ERR_ARGUMENT', /: "parts\[0\]" must be a Tensor$/],
      [() => model.forward([one], { a: 1 }, 1), 'ERR_ARGUMENT', /^forward\(\) of the model failed: /],
      [() => model.forward([one], [one], 1), 'ERR_ARGUMENT', /^forward\(\) of the model failed: /],
      [() => model.forward([one], {}, 'x'), 'ERR_ARGUMENT', /"times"/],
      [() => model.forward([one], {}, 1, 1, true, 'a', one, 1), 'ERR_ARGUMENT', /at most 7 arguments, got 8/],
      [() => model.forward(loop as never, {}, 1), 'ERR_ARGUMENT', /nested more than 64 deep/],
      [
        () => model.call('fails', torch.ones([1, 1])),
        'ERR_SHAPE',
        /^fails\(\) of the model failed: one dimension is all there may be$/,
      ],
      [
        () => model.call('fails', torch.ones([1])),
        'ERR_SHAPE',
        /^fails\(\) of the model failed: shape .*invalid for input of size 1$/,
      ],
      [
        () => model.call('missing'),
        'ERR_ARGUMENT',
        /^"method" must be one of the model's, .*"forward".*, got "missing"$/,
      ],
      [() => model.call('__proto__'), 'ERR_ARGUMENT', /got "__proto__"$/],
      [() => model.to('nowhere' as never), 'ERR_DEVICE', /^"device" must be/],
      [() => model.train(1 as never), 'ERR_ARGUMENT', /^"mode" must be true or false, got 1$/],
    ] as const) {
      const error = refusalOf(body);
      expect(error.message).match(message);
      expect(error.message).not.include('\n');
      expect(error.code, error.message).equal(code);
    }
  });

  it('refuses what is no model of TorchScript', () => {
    torch.save({ a: torch.ones([1]) }, path);
    expect(refusalOf(() => torch.jit.load(path)).message).match(/it is no model of TorchScript; torch\.load\(\) reads/);
    put(reference.mlp);
    expect(refusalOf(() => torch.load(path)).message).match(/it is a TorchScript program/);
    expect(refusalOf(() => torch.jit.load(f.path('missing.pt'))).code).equal('ERR_FILE');
    expect(refusalOf(() => torch.jit.load(5 as never)).message).equal('"path" must be a path or a file: URL, got 5');
    expect(refusalOf(() => torch.jit.load(path, { mapLocation: 'xpu' as never })).code).equal('ERR_DEVICE');
    expect(refusalOf(() => torch.jit.load(path, { map: 'cpu' } as never)).code).equal('ERR_ARGUMENT');
  });

  it('survives archives whose checksums are right and whose code and pickles are not', () => {
    let state = 7;
    const random = (n: number) => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return (state >>> 8) % n;
    };
    const recordsOf = (file: OpenFile) =>
      [...readArchive(file, (what) => new TorchClipError('ERR_FILE', what))].map(
        ([name, { position, size, method }]) => {
          const bytes = readAll(file, position, size);
          return { name, data: method === 8 ? inflateRawSync(bytes) : Buffer.from(bytes) };
        },
      );
    let refused = 0;
    for (const model of [reference.mlp, reference.values, reference.recurrent, reference.conv]) {
      put(model);
      const records = readingFile(path, recordsOf);
      const hostile = records.filter(({ name }) => /\.pkl$|code\/.*\.py$/.test(name));
      for (let k = 0; k < 15; k++) {
        const chosen = hostile[random(hostile.length)]!;
        const data = Buffer.from(chosen.data);
        for (let i = 0; i <= random(4); i++) {
          const [from, to] = [random(data.length), random(data.length)];
          if (random(2) === 0) data[from]! ^= 1 << random(8);
          else data.copyWithin(to, from, from + random(40));
        }
        const changed = records.map((record) => (record === chosen ? { ...record, data } : record));
        writeFileSync(path, Buffer.concat([...archiveOf(changed)] as Uint8Array[]));
        try {
          torch.jit.load(path).stateDict();
        } catch (error) {
          refused++;
          expect(error).instanceOf(TorchClipError);
          expect((error as Error).message).not.include('\n');
        }
      }
    }
    expect(refused).above(15);
  });

  it('refuses 500 damaged files, or loads what is still whole, and never ends the process', () => {
    let state = 1;
    const random = (n: number) => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return (state >>> 8) % n;
    };
    let refused = 0;
    for (const [i, model] of [reference.mlp, reference.values, reference.recurrent, reference.conv].entries()) {
      const whole = put(model);
      for (let k = 0; k < 125; k++) {
        const bytes = Buffer.from(whole);
        const kind = (i + k) % 4;
        if (kind === 0) bytes[random(bytes.length)]! ^= 1 << random(8);
        else if (kind === 1) bytes.fill(random(256), random(bytes.length), random(bytes.length));
        else if (kind === 2) bytes.copyWithin(random(bytes.length), random(bytes.length), random(bytes.length));
        writeFileSync(path, kind === 3 ? bytes.subarray(0, random(bytes.length)) : bytes);
        try {
          torch.jit.load(path);
        } catch (error) {
          refused++;
          expect(error).instanceOf(TorchClipError);
          expect((error as TorchClipError).code, (error as Error).message).equal('ERR_FILE');
          expect((error as Error).message).not.include('\n');
        }
      }
    }
    expect(refused).above(300);
  });
});
