// A run as a real MLflow server keeps it.
import { spawn, spawnSync } from 'node:child_process';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import { utils } from '../../../lib/index.js';
import type { Run } from './check.js';

const freePort = () =>
  new Promise<number>((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });

export async function mlflow(run: Run): Promise<void> {
  if (spawnSync(run.python, ['-c', 'import mlflow.server']).status !== 0) {
    console.log(`${run.python} has no mlflow: no server to write to`);
    return;
  }
  const port = await freePort();
  const store = `sqlite:///${run.path('mlflow.db')}`;
  const args = ['-m', 'mlflow', 'server', '--port', String(port), '--backend-store-uri', store, '--workers', '1'];
  const server = spawn(run.python, args, { stdio: 'ignore', detached: true });
  try {
    const trackingUri = `http://127.0.0.1:${port}`;
    for (;;) {
      if (server.exitCode !== null) throw new Error('the MLflow server has ended');
      if (
        await fetch(`${trackingUri}/health`).then(
          ({ ok }) => ok,
          () => false,
        )
      )
        break;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    const values = Array.from({ length: 2500 }, (_, step) => (step === 7 ? Number.NaN : 1 / (step + 1)));
    const params = { lr: '0.1', clip: 'norm' };
    const runs = [];
    // The second one finds the experiment there.
    for (const runName of ['one', 'two']) {
      const logged = await utils.MlflowRun.start({ trackingUri, experiment: 'an experiment & more', runName });
      await logged.logParams(params);
      for (const [step, value] of values.entries()) logged.logMetric('train/loss', value, step);
      await logged.end();
      runs.push(logged);
    }
    const get = async (path: string) => (await fetch(`${trackingUri}/api/2.0/mlflow/${path}`)).json();
    const { id, experimentId } = runs[1]!;
    const { run: kept } = (await get(`runs/get?run_id=${id}`)) as {
      run: {
        info: { status: string; run_name: string; experiment_id: string };
        data: { params: { key: string; value: string }[] };
      };
    };
    const { metrics } = (await get(`metrics/get-history?run_id=${id}&metric_key=train/loss&max_results=25000`)) as {
      metrics: { step: number; value: number | string }[];
    };
    const history = metrics.sort((a, b) => a.step - b.step).map(({ value }) => Number(value));
    const { status, run_name: name, experiment_id: experiment } = kept.info;
    const found = [
      status,
      name,
      experiment,
      Object.fromEntries(kept.data.params.map(({ key, value }) => [key, value])),
      history,
    ];
    const expected = ['FINISHED', 'two', runs[0]!.experimentId, params, values];
    if (!isDeepStrictEqual(found, expected) || experimentId !== experiment) {
      run.fail(`the MLflow server has ${JSON.stringify(found).slice(0, 300)}`);
    } else console.log(`an MLflow server has all ${values.length} metrics of a run, its settings and its end`);
  } finally {
    // With its workers.
    process.kill(-server.pid!, 'SIGTERM');
  }
}
