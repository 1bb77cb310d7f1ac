// What a run sends to a W&B server beside what W&B's own client sends there.
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { utils } from '../../../lib/index.js';
import { type Call, FakeServer } from '../../utils/fake-server.js';
import { here, type Run } from './check.js';

type Row = Record<string, unknown>;
type Files = Record<string, { offset: number; content: string[] }>;

/** As much of a W&B server as its client needs: it has a user and takes what comes. */
function answer({ path, body }: Call): [number, unknown] {
  if (path !== '/graphql') return [200, {}];
  const { query, variables = {} } = body as { query: string; variables?: Record<string, string> };
  const [, name] = /(?:query|mutation)\s+(\w+)/.exec(query) ?? [];
  const entity = { id: 'e', name: 'me' };
  const user = { id: 'u', name: 'me', username: 'me', entity: 'me', flags: '{}', teams: { edges: [] } };
  const bucket = {
    id: 'b',
    name: variables.name,
    displayName: variables.displayName,
    description: null,
    config: variables.config ?? '{}',
    sweepName: null,
    historyLineCount: 0,
    summaryMetrics: null,
    project: { id: 'p', name: variables.project ?? 'digits', entity },
  };
  switch (name) {
    case 'UpsertBucket':
      return [200, { data: { upsertBucket: { bucket, inserted: true } } }];
    case 'Viewer':
      return [200, { data: { viewer: user } }];
    case 'CreateRunFiles':
      return [200, { data: { createRunFiles: { runID: 'b', uploadHeaders: [], files: [] } } }];
    default:
      return [200, { data: {} }];
  }
}

/** A row, in which numbers that are not finite have names that JSON does not have. */
const parsed = (line: string) => JSON.parse(line.replace(/:(NaN|-?Infinity)(?=[,}])/g, ':"$1"')) as Row;

/** What a server has of a run. */
function kept(calls: readonly Call[], id: string): Row {
  const history: Row[] = [];
  let summary: Row = {};
  let end: Row = {};
  for (const { body } of calls.filter(({ path }) => path === `/files/me/digits/${id}/file_stream`)) {
    const { files = {}, complete, exitcode } = body as { files?: Files; complete?: boolean; exitcode?: number };
    const { 'wandb-history.jsonl': rows, 'wandb-summary.json': last } = files;
    for (const [i, line] of rows?.content.entries() ?? []) history[rows!.offset + i] = parsed(line);
    if (last !== undefined) summary = parsed(last.content.at(-1)!);
    if (complete !== undefined) end = { complete, exitcode };
  }
  const begun = calls.find(({ body }) => (body.variables as Row | undefined)?.name === id)?.body.variables as Row;
  const { config, displayName, groupName, notes, tags, entity, project } = begun;
  const { _wandb, ...settings } = JSON.parse(config as string) as Row;
  const known = (row: Row) => {
    const { _runtime, _timestamp, _wandb: _, ...rest } = row;
    return { ...rest, times: [typeof _runtime, typeof _timestamp] };
  };
  const plain = Object.fromEntries(Object.entries(settings).map(([key, value]) => [key, (value as Row).value]));
  const names = { displayName, groupName, notes, tags, entity, project };
  return { config: plain, names, end, history: history.map(known), summary: known(summary) };
}

/** Compares the two. */
export async function wandb(run: Run): Promise<void> {
  if (spawnSync(run.python, ['-c', 'import wandb']).status !== 0) {
    console.log(`${run.python} has no wandb: no client to compare with`);
    return;
  }
  const server = new FakeServer(answer);
  await server.start();
  try {
    const odd = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    const rows = Array.from({ length: 1500 }, (_, i) => ({ loss: odd[i - 5] ?? 1 / (i + 1), accuracy: i / 1500 }));
    const folder = run.path('wandb');
    mkdirSync(folder);
    const client = spawn(run.python, ['-W', 'ignore', here('wandb_run.py'), folder, server.address], {
      stdio: ['pipe', 'ignore', 'inherit'],
    });
    const sent = rows.map((row) => Object.fromEntries(Object.entries(row).map(([key, value]) => [key, String(value)])));
    client.stdin!.end(JSON.stringify(sent));
    const code = await new Promise((resolve) => client.once('exit', resolve));
    if (code !== 0) {
      run.fail(`W&B's client ended with ${code}`);
      return;
    }
    const ours = await utils.WandbRun.init({
      ...{ baseUrl: server.address, apiKey: 'k'.repeat(40), project: 'digits', entity: 'me', name: 'one', id: 'ours' },
      ...{ config: { lr: 0.1, clip: { kind: 'norm' } }, tags: ['a'], group: 'g', notes: 'n' },
    });
    for (const [i, row] of rows.entries()) ours.log(row, 2 * i);
    await ours.finish();
    const [theirs, own] = [kept(server.calls, 'theirs'), kept(server.calls, 'ours')];
    for (const [what, value] of Object.entries(theirs)) {
      if (isDeepStrictEqual(own[what], value)) continue;
      run.fail(
        `W&B's client sends the ${what} ${JSON.stringify(value).slice(0, 400)}, and a WandbRun ${JSON.stringify(own[what]).slice(0, 400)}`,
      );
    }
    console.log(
      `a W&B server gets of a WandbRun what it gets of W&B's own client: ${rows.length} rows and all around them`,
    );
  } finally {
    await server.stop();
  }
}
