import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import torch, { utils } from '../../lib/index.js';
import { failure } from '../setup/fixture.js';
import { refusalOf } from '../support.js';

type Call = [path: string, body: Record<string, unknown>, authorization: string | undefined];

/** What an MLflow server answers; npm run test:files asks a real one. */
describe('utils.MlflowRun', () => {
  let server: Server;
  let trackingUri: string;
  let calls: Call[];
  let refuse: string | undefined;
  before(async () => {
    server = createServer(async (request, response) => {
      let text = '';
      for await (const part of request) text += part;
      const url = new URL(request.url!, 'http://localhost');
      const path = url.pathname.replace('/api/2.0/mlflow/', '');
      calls.push([
        path,
        text === '' ? Object.fromEntries(url.searchParams) : JSON.parse(text),
        request.headers.authorization,
      ]);
      const reply = (status: number, body: object) =>
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      if (path === refuse)
        return void reply(400, { error_code: 'INVALID_PARAMETER_VALUE', message: 'no such thing\nand more' });
      if (path === 'experiments/get-by-name') {
        if (url.searchParams.get('experiment_name') === 'known')
          return void reply(200, { experiment: { experiment_id: '7' } });
        return void reply(404, { error_code: 'RESOURCE_DOES_NOT_EXIST', message: 'none' });
      }
      if (path === 'experiments/create') return void reply(200, { experiment_id: '8' });
      reply(200, path === 'runs/create' ? { run: { info: { run_id: 'abc' } } } : {});
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    trackingUri = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  });
  beforeEach(() => {
    calls = [];
    refuse = undefined;
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });

  it('writes settings and metrics in few calls', async () => {
    const run = await utils.MlflowRun.start({ trackingUri, experiment: 'new', runName: 'one', token: 'secret' });
    expect([run.id, run.experimentId]).to.deep.equal(['abc', '8']);
    await run.logParams({ lr: 0.1, clip: 'norm', amp: true });
    for (let step = 0; step < 2500; step++) run.logMetric('loss', step === 3 ? Number.NaN : torch.tensor(step), step);
    await run.end();
    await run.end();
    expect(calls.map(([path]) => path)).to.deep.equal([
      ...['experiments/get-by-name', 'experiments/create', 'runs/create', 'runs/log-batch'],
      ...['runs/log-batch', 'runs/log-batch', 'runs/log-batch', 'runs/update'],
    ]);
    expect(calls.every(([, , authorization]) => authorization === 'Bearer secret')).to.equal(true);
    expect(calls[2]![1]).to.include({ experiment_id: '8', run_name: 'one' });
    expect(calls[3]![1].params).to.deep.equal([
      { key: 'lr', value: '0.1' },
      { key: 'clip', value: 'norm' },
      { key: 'amp', value: 'true' },
    ]);
    const metrics = calls
      .slice(4, 7)
      .flatMap(([, body]) => body.metrics as { key: string; value: unknown; step: number }[]);
    expect(metrics.map(({ step }) => step)).to.deep.equal(Array.from({ length: 2500 }, (_, i) => i));
    expect(metrics.slice(2, 5).map(({ value }) => value)).to.deep.equal([2, 'NaN', 4]);
    expect(calls.at(-1)![1]).to.include({ run_id: 'abc', status: 'FINISHED' });
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
    expect([error.code, error.message]).to.deep.equal(['ERR_STATE', 'the MLflow server refuses: no such thing']);
    refuse = undefined;
    await run.end('FAILED');
    expect(calls.at(-1)![1].status).to.equal('FAILED');
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const away = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
    await new Promise((resolve) => other.close(resolve));
    expect((await failure(() => utils.MlflowRun.start({ trackingUri: away }))).message).to.match(
      /^the MLflow server cannot be reached \(\w+\)$/,
    );
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
