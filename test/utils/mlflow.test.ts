import { expect } from 'chai';
import torch, { utils } from '../../lib/index.js';
import { failure } from '../setup/fixture.js';
import { refusalOf } from '../support.js';
import { type Call, deadAddress, FakeServer } from './fake-server.js';

/** What an MLflow server answers; npm run test:files asks a real one. */
describe('utils.MlflowRun', () => {
  let refuse: string | undefined;
  let status = 400;
  const pathOf = (call: Call) => call.path.replace('/api/2.0/mlflow/', '');
  const server = new FakeServer((call) => {
    const path = pathOf(call);
    if (path === refuse) {
      const body = { error_code: 'INVALID_PARAMETER_VALUE', message: 'no such thing\nand more' };
      return [status, status === 400 ? body : {}];
    }
    if (path === 'experiments/get-by-name') {
      if (call.query.get('experiment_name') === 'known') return [200, { experiment: { experiment_id: '7' } }];
      return [404, { error_code: 'RESOURCE_DOES_NOT_EXIST', message: 'none' }];
    }
    if (path === 'experiments/create') return [200, { experiment_id: '8' }];
    return [200, path === 'runs/create' ? { run: { info: { run_id: 'abc' } } } : {}];
  });
  let trackingUri: string;
  const bodies = (path: string) => server.calls.filter((call) => pathOf(call) === path).map(({ body }) => body);
  before(async () => {
    await server.start();
    trackingUri = `${server.address}/`;
  });
  beforeEach(() => {
    server.calls = [];
    refuse = undefined;
    status = 400;
  });
  after(() => server.stop());

  it('writes settings and metrics in few calls', async () => {
    const run = await utils.MlflowRun.start({ trackingUri, experiment: 'new', runName: 'one', token: 'secret' });
    expect([run.id, run.experimentId]).to.deep.equal(['abc', '8']);
    await run.logParams({ lr: 0.1, clip: 'norm', amp: true });
    for (let step = 0; step < 2500; step++) run.logMetric('loss', step === 3 ? Number.NaN : torch.tensor(step), step);
    await run.end();
    await run.end();
    expect(server.calls.map(pathOf)).to.deep.equal([
      ...['experiments/get-by-name', 'experiments/create', 'runs/create', 'runs/log-batch'],
      ...['runs/log-batch', 'runs/log-batch', 'runs/log-batch', 'runs/update'],
    ]);
    expect(server.calls.every(({ authorization }) => authorization === 'Bearer secret')).to.equal(true);
    expect(bodies('runs/create')[0]).to.include({ experiment_id: '8', run_name: 'one' });
    const [params, ...batches] = bodies('runs/log-batch');
    expect(params!.params).to.deep.equal([
      { key: 'lr', value: '0.1' },
      { key: 'clip', value: 'norm' },
      { key: 'amp', value: 'true' },
    ]);
    const metrics = batches.flatMap((body) => body.metrics as { key: string; value: unknown; step: number }[]);
    expect(metrics.map(({ step }) => step)).to.deep.equal(Array.from({ length: 2500 }, (_, i) => i));
    expect(metrics.slice(2, 5).map(({ value }) => value)).to.deep.equal([2, 'NaN', 4]);
    expect(server.calls.at(-1)!.body).to.include({ run_id: 'abc', status: 'FINISHED' });
    expect(refusalOf(() => run.logMetric('loss', 1)).code).to.equal('ERR_STATE');
  });

  it('finds an experiment that is there', async () => {
    await using run = await utils.MlflowRun.start({ trackingUri, experiment: 'known' });
    expect(run.experimentId).to.equal('7');
  });

  it('says what went wrong, when it is waited for', async () => {
    const run = await utils.MlflowRun.start({ trackingUri, experiment: 'known' });
    refuse = 'runs/log-batch';
    run.logMetric('loss', 1);
    const error = await failure(() => run.flush());
    expect([error.code, error.message]).to.deep.equal([
      'ERR_STATE',
      'the MLflow server refused the request: no such thing',
    ]);
    refuse = undefined;
    await run.end('FAILED');
    expect(server.calls.at(-1)!.body.status).to.equal('FAILED');
    const away = await deadAddress();
    expect((await failure(() => utils.MlflowRun.start({ trackingUri: away }))).message).to.match(
      /^the MLflow server cannot be reached \(\w+\)$/,
    );
  });

  it('keeps what did not arrive, and sends it with what comes later', async () => {
    const run = await utils.MlflowRun.start({ trackingUri, experiment: 'known' });
    const steps = () =>
      bodies('runs/log-batch').map((body) => (body.metrics as { step: number }[]).map(({ step }) => step));
    [refuse, status] = ['runs/log-batch', 503];
    run.logMetric('loss', 1, 0);
    expect((await failure(() => run.flush())).message).to.equal('the MLflow server refused the request: status 503');
    run.logMetric('loss', 2, 1);
    expect((await failure(() => run.end())).code).to.equal('ERR_STATE');
    expect(refusalOf(() => run.logMetric('loss', 1)).message).to.equal('the MLflow run has ended');
    refuse = undefined;
    await run.end();
    expect(steps()).to.deep.equal([[0], [0, 1], [0, 1]]);
    expect(bodies('runs/update')).to.have.length(2);
  });

  it('says so where another server answers', async () => {
    const answers = [undefined, [], {}, { data: {} }, { experiment: { experiment_id: '7' } }, 'text', null];
    for (const body of answers) {
      const other = new FakeServer(() => [200, body]);
      await other.start();
      const error = await failure(() => utils.MlflowRun.start({ trackingUri: other.address }));
      expect([error.code, error.message]).to.satisfy(
        ([code, text]: string[]) =>
          code === 'ERR_STATE' && /^the MLflow server answers .*: it may be another one$/.test(text!),
        `${JSON.stringify(body)}: ${error.message}`,
      );
      await other.stop();
    }
  });

  it('refuses bad arguments', async () => {
    for (const uri of ['databricks', 'ftp://x', '']) {
      expect((await failure(() => utils.MlflowRun.start({ trackingUri: uri }))).message).to.match(
        /^"trackingUri" must be the http: or https: address/,
      );
    }
    const run = await utils.MlflowRun.start({ trackingUri, experiment: 'known' });
    expect(refusalOf(() => run.logMetric('', 1)).code).to.equal('ERR_ARGUMENT');
    expect(refusalOf(() => run.logMetric('a', 'x' as never)).message).to.equal(
      '"value" must be a number, or a tensor of one, got "x"',
    );
    expect(refusalOf(() => run.logMetric('a', 1, 0.5)).code).to.equal('ERR_ARGUMENT');
    expect((await failure(() => run.logParams({ a: null as never }))).message).to.match(
      /^"params.a" must be a string, a number or a boolean/,
    );
    await run.end();
  });
});
