import { expect } from 'chai';
import torch, { utils } from '../../lib/index.js';
import { failure } from '../setup/fixture.js';
import { refusalOf } from '../support.js';
import { type Call, deadAddress, FakeServer } from './fake-server.js';

type Row = Record<string, unknown>;
interface Files {
  'wandb-history.jsonl'?: { offset: number; content: string[] };
  'wandb-summary.json'?: { offset: number; content: string[] };
}

/** A row, in which numbers that are not finite have names that JSON does not have. */
const parsed = (line: string) => JSON.parse(line.replace(/:(NaN|-?Infinity)(?=[,}])/g, ':"$1"')) as Row;

/** What a W&B server answers, of which there is none to ask: npm run test:files compares with its own client. */
describe('utils.WandbRun', () => {
  let refusal: [status: number, body: unknown] | undefined;
  let there: { historyLineCount: number; summaryMetrics: string } | undefined;
  const isStream = ({ path }: Call) => path.endsWith('/file_stream');
  const server = new FakeServer((call) => {
    if (call.authorization !== `Basic ${Buffer.from('api:secret').toString('base64')}`)
      return [401, { errors: [{ message: 'user is not logged in' }] }];
    if (isStream(call)) return refusal ?? [200, { limits: {} }];
    const { name, displayName, project, entity } = call.body.variables as Record<string, string | undefined>;
    const bucket = {
      name,
      displayName: displayName ?? 'blue-cloud-1',
      historyLineCount: there?.historyLineCount ?? 0,
      summaryMetrics: there?.summaryMetrics ?? null,
      project: { name: project, entity: { name: entity ?? 'me' } },
    };
    return [200, { data: { upsertBucket: { bucket, inserted: there === undefined } } }];
  });
  const streamed = () => server.calls.filter(isStream).map(({ body }) => body as { files: Files });
  /** The rows by their number, each once. */
  const history = () => {
    const lines: Row[] = [];
    for (const { files } of streamed()) {
      const { offset = 0, content = [] } = files['wandb-history.jsonl'] ?? {};
      for (const [i, line] of content.entries()) lines[offset + i] = parsed(line);
    }
    return lines.map(({ _runtime, _timestamp, ...row }) => {
      expect([typeof _runtime, typeof _timestamp]).to.deep.equal(['number', 'number']);
      return row;
    });
  };
  const init = (options: utils.WandbOptions = {}) =>
    utils.WandbRun.init({ baseUrl: `${server.address}/`, apiKey: 'secret', project: 'digits', ...options });
  before(() => server.start());
  beforeEach(() => {
    server.calls = [];
    refusal = undefined;
    there = undefined;
  });
  after(() => server.stop());

  it('begins a run with its settings', async () => {
    const config = { lr: 0.1, clip: { kind: 'norm' } };
    const run = await init({ entity: 'a team', name: 'one', config, tags: ['a'], group: 'g', notes: 'n' });
    expect([run.project, run.entity, run.name]).to.deep.equal(['digits', 'a team', 'one']);
    expect(run.id).to.match(/^[0-9a-z]{8}$/);
    expect(run.url).to.equal(`${server.address}/a%20team/digits/runs/${run.id}`);
    const { variables } = server.calls[0]!.body as { variables: Record<string, unknown> };
    expect(JSON.parse(variables.config as string)).to.deep.equal({ lr: { value: 0.1 }, clip: { value: config.clip } });
    expect(variables).to.include({ displayName: 'one', groupName: 'g', notes: 'n', project: 'digits' });
    expect(variables.tags).to.deep.equal(['a']);
    await run.finish(3);
    await run.finish();
    expect(server.calls.at(-1)!.path).to.equal(`/files/a%20team/digits/${run.id}/file_stream`);
    expect(streamed()).to.deep.equal([{ files: {}, complete: true, exitcode: 3 }]);
  });

  it('writes a row per step, in few calls, and the last value of each metric', async () => {
    const run = await init();
    for (let i = 0; i < 2500; i++) run.log({ loss: i === 3 ? Number.NaN : torch.tensor(i) });
    run.log({ accuracy: 0.5, worst: -Infinity }, 2499);
    run.log({ loss: 7 }, 3000);
    await run.finish();
    const expected: Row[] = Array.from({ length: 2500 }, (_, i) => ({ loss: i === 3 ? 'NaN' : i, _step: i }));
    Object.assign(expected[2499]!, { accuracy: 0.5, worst: '-Infinity' });
    expect(history()).to.deep.equal([...expected, { loss: 7, _step: 3000 }]);
    expect(streamed()).to.have.length(4);
    const summary = parsed(streamed()[2]!.files['wandb-summary.json']!.content[0]!);
    expect(summary).to.include({ loss: 7, accuracy: 0.5, worst: '-Infinity', _step: 3000 });
    expect(refusalOf(() => run.log({ loss: 1 })).message).to.equal('the W&B run has ended');
  });

  it('goes on with a run', async () => {
    there = { historyLineCount: 12, summaryMetrics: '{"_step":40,"best":0.9,"worst":-Infinity,"odd \\"NaN":NaN}' };
    const run = await init({ id: 'abc' });
    expect(refusalOf(() => run.log({ loss: 1 }, 40)).message).to.equal('"step" must be an integer >= 41, got 40');
    run.log({ loss: 1 });
    await run.finish();
    expect(history().slice(12)).to.deep.equal([{ loss: 1, _step: 41 }]);
    expect(parsed(streamed()[0]!.files['wandb-summary.json']!.content[0]!)).to.include({
      best: 0.9,
      worst: '-Infinity',
      'odd "NaN': null,
      loss: 1,
    });
  });

  it('sends by itself, and lets the server know that the run is alive', async () => {
    await using run = await init({ interval: 0.001 });
    await server.heard(2);
    expect(streamed()[0]).to.deep.equal({ files: {} });
    run.log({ loss: 1 });
    run.log({ loss: 2 });
    while (history().length === 0) await server.heard(server.calls.length + 1);
    expect(history()).to.deep.equal([{ loss: 1, _step: 0 }]);
  });

  it('keeps what did not arrive, and sends it again under the same number', async () => {
    const run = await init();
    run.log({ loss: 1 });
    refusal = [503, undefined];
    expect((await failure(() => run.flush())).message).to.equal('the W&B server refused the request: status 503');
    run.log({ loss: 2 });
    expect((await failure(() => run.finish())).code).to.equal('ERR_STATE');
    refusal = undefined;
    await run.finish();
    expect(history()).to.deep.equal([
      { loss: 1, _step: 0 },
      { loss: 2, _step: 1 },
    ]);
    const other = await init();
    other.log({ loss: 1 });
    refusal = [400, { error: 'no such run' }];
    expect((await failure(() => other.flush())).message).to.equal('the W&B server refused the request: no such run');
    refusal = undefined;
    await other.finish();
    expect(streamed().at(-1)).to.deep.equal({ files: {}, complete: true, exitcode: 0 });
  });

  it('says why a run cannot begin', async () => {
    expect((await failure(() => init({ apiKey: 'wrong' }))).message).to.equal(
      'the W&B server refused the request: user is not logged in',
    );
    const away = await deadAddress();
    expect((await failure(() => init({ baseUrl: away }))).message).to.match(
      /^the W&B server cannot be reached \(\w+\)$/,
    );
  });

  it('says so where another server answers', async () => {
    const answers = [undefined, [], {}, { data: {} }, { experiment: { experiment_id: '7' } }, 'text', null];
    for (const body of answers) {
      const other = new FakeServer(() => [200, body]);
      await other.start();
      const error = await failure(() => init({ baseUrl: other.address }));
      expect([error.code, error.message]).to.satisfy(
        ([code, text]: string[]) =>
          code === 'ERR_STATE' && /^the W&B server answers .*: it may be another one$/.test(text!),
        `${JSON.stringify(body)}: ${error.message}`,
      );
      await other.stop();
    }
  });

  it('refuses bad arguments', async () => {
    const cyclic: Row = {};
    cyclic.self = cyclic;
    const cases: [utils.WandbOptions, RegExp][] = [
      [{ baseUrl: 'ftp://x' }, /^"baseUrl" must be the http: or https: address of a W&B server/],
      [{ apiKey: '' }, /^"apiKey" must be a string that is not empty/],
      [{ config: cyclic }, /^"config" must be an object that JSON can hold/],
      [{ config: { a: 1n } }, /^"config" must be an object that JSON can hold/],
      [{ tags: [''] }, /^"tags" must be an array, each element a string that is not empty/],
      [{ interval: 0 }, /^"interval" must be a number > 0/],
    ];
    for (const [options, says] of cases) expect((await failure(() => init(options))).message).to.match(says);
    expect(server.calls).to.deep.equal([]);
    const run = await init();
    for (const [metrics, says] of [
      [{ a: 'x' }, '"metrics["a"]" must be a number, or a tensor of one, got "x"'],
      [{ _step: 1 }, '"metrics" must not use a reserved name (_step, _runtime, _timestamp, _wandb), got "_step"'],
      [5, '"metrics" must be an object of numbers, got 5'],
    ] as const) {
      expect(refusalOf(() => run.log(metrics as never)).message).to.equal(says);
    }
    expect(refusalOf(() => run.log({ a: 1 }, 0.5)).code).to.equal('ERR_ARGUMENT');
    expect((await failure(() => run.finish(1.5))).code).to.equal('ERR_ARGUMENT');
    await run.finish();
    expect(streamed()).to.have.length(1);
  });
});
