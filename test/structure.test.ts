// How the sources hang together: where files lie, what imports what, and which of the addon's functions lib/ uses.
import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const root = fileURLToPath(new URL('..', import.meta.url));
const filesOf = (folder: string, ending: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((name) => name.endsWith(ending));
const textOf = (file: string): string => readFileSync(join(root, file), 'utf8');

/** The files of lib/, each with those that it imports or exports from, for their types alone too. */
const graph = new Map(
  filesOf('lib', '.ts').map((file) => {
    const found = textOf(file).matchAll(/^(?:import|export)\b[^;'"]*?'(\.[^']+)';/gm);
    return [file, [...found].map(([, path]) => join(dirname(file), path!.replace(/\.js$/, '.ts')))] as const;
  }),
);

/** A way from a file back to it, or nothing. */
function circleFrom(start: string): string[] | undefined {
  const cameFrom = new Map<string, string>();
  const queue = [start];
  for (const file of queue) {
    for (const next of graph.get(file) ?? []) {
      if (next === start) {
        const way = [file];
        while (way[0] !== start) way.unshift(cameFrom.get(way[0]!)!);
        return [...way, start];
      }
      if (cameFrom.has(next)) continue;
      cameFrom.set(next, file);
      queue.push(next);
    }
  }
  return undefined;
}

// From top to bottom: a room imports from those below it only.
const floors = [
  'index.ts',
  'tools',
  'lr-scheduler',
  'methods',
  'originals',
  'clipping-type',
  'base',
  'state',
  'engine',
];

// Likewise; distributions of their own are on a floor between those of distributions in general and their divergences.
const distributionFloors = [
  ['index.ts'],
  ['kl'],
  [],
  ['transformed.ts', 'independent.ts', 'registry.ts'],
  ['transforms'],
  ['exponential-family.ts', 'support.ts', 'gaussian-algebra.ts', 'samplers.ts'],
  ['distribution.ts'],
  ['constraints'],
  ['parameters.ts'],
];

describe('folders', () => {
  it('are made one by one: Node would try for ever where the system makes none', () => {
    const recursive = filesOf('lib', '.ts').filter((file) => /mkdir\w*\([^;]*recursive/.test(textOf(file)));
    expect(recursive).deep.equal([]);
  });
});

describe('the files', () => {
  const files = ['lib', 'native', 'test', 'scripts', 'bench', 'examples'].flatMap((folder) =>
    filesOf(folder, '').filter((file) => /\.(ts|cts|mjs|cjs|py|cc|h|cu|cuh|inl)$/.test(file)),
  );

  it('of one idea lie in its folder, and none beside it under its name', () => {
    const folders = new Set(files.map((file) => dirname(file)));
    const beside = files.filter((file) => folders.has(file.replace(/(\.test)?\.\w+$/, '')));
    expect(files).length.above(800);
    expect(beside).deep.equal([]);
  });

  it('are named for what they hold', () => {
    const vague = /^(native|options|common|helpers?|util|misc|base|place|home)\.\w+$/;
    // What reads every options object, and what every clipper extends.
    const known = ['lib/options.ts', 'native/optim/clip/base.h'];
    const sources = files.filter((file) => /^(lib|native)\//.test(file));
    expect(sources.filter((file) => vague.test(basename(file)) && !known.includes(file))).deep.equal([]);
  });
});

describe('the imports of lib/', () => {
  it('name files that are there', () => {
    const missing = [...graph].flatMap(([file, imports]) =>
      imports.filter((path) => !graph.has(path)).map((path) => `${file} -> ${path}`),
    );
    expect(graph.size).above(150);
    expect(missing).deep.equal([]);
  });

  it('have no circle', () => {
    const circles = [...graph.keys()].flatMap((file) => circleFrom(file)?.join(' -> ') ?? []);
    expect(circles).deep.equal([]);
  });

  it('of lib/optim go down', () => {
    const floorOf = (file: string) => floors.indexOf(file.split('/')[2]!);
    const inside = [...graph].filter(([file]) => file.startsWith('lib/optim/'));
    expect(inside.filter(([file]) => floorOf(file) < 0).map(([file]) => file)).deep.equal([]);
    const upwards = inside.flatMap(([file, imports]) =>
      imports
        .filter((path) => path.startsWith('lib/optim/') && floorOf(path) < floorOf(file))
        .map((path) => `${file} -> ${path}`),
    );
    expect(upwards).deep.equal([]);
  });

  it('of lib/distributions go down', () => {
    const families = distributionFloors.findIndex((rooms) => rooms.length === 0);
    const floorOf = (file: string) => {
      const floor = distributionFloors.findIndex((rooms) => rooms.includes(file.split('/')[2]!));
      return floor < 0 ? families : floor;
    };
    const inside = [...graph].filter(([file]) => file.startsWith('lib/distributions/'));
    const upwards = inside.flatMap(([file, imports]) =>
      imports
        .filter((path) => path.startsWith('lib/distributions/') && floorOf(path) < floorOf(file))
        .map((path) => `${file} -> ${path}`),
    );
    expect(inside).length.above(50);
    expect(upwards).deep.equal([]);
  });
});

describe("the addon's functions", () => {
  const names = (files: string[], pattern: RegExp): string[] =>
    files.flatMap((file) => [...textOf(file).matchAll(pattern)].map(([, name]) => name!));
  const sources = filesOf('lib', '.ts');
  // Those of a build that emulates a GPU are for its tests.
  const defined = names(
    filesOf('native', '.cc').filter((file) => !/\/(loader\/|optim\/emulation\.cc)/.test(file)),
    /\bdefine\(env, exports, "(\w+)"/g,
  );
  const declared = sources.flatMap((file) =>
    [...textOf(file).matchAll(/interface (?:Native|Versions) \{\n([\s\S]*?)\n {0,2}\}\n/g)].flatMap(([, body]) =>
      [...body!.matchAll(/^ {2,4}(\w+)\??\(/gm)].map(([, name]) => name!),
    ),
  );
  // What only a test can ask for: how much room other machines' files tell of, and groups that another addon has made.
  const forTests = ['memoryRoom', 'groupRegistered'];
  const called = [...names(sources, /\b(?:native|addon)\s*\.(\w+)/g), ...forTests];
  const sorted = (list: string[]) => [...new Set(list)].sort();

  it('are each defined once in C++', () => {
    expect(defined.filter((name, i) => defined.indexOf(name) !== i)).deep.equal([]);
    expect(defined).length.above(100);
  });

  it('are those that TypeScript declares', () => {
    expect(sorted(declared)).deep.equal(sorted(defined));
  });

  it('are each called somewhere', () => {
    expect(sorted(defined).filter((name) => !called.includes(name))).deep.equal([]);
  });
});

describe('the CUDA kernels', () => {
  it('each wait for what comes before them in the stream, as the launches of those behind them count on it', () => {
    const kernels = [...filesOf('native/optim/cuda', '.cu'), ...filesOf('native/optim/cuda', '.cuh')].flatMap(
      (file) => [...textOf(file).matchAll(/__global__[^{;]*\{\n(.*)\n/g)],
    );
    expect(kernels).length.above(15);
    for (const [text, first] of kernels) expect(first?.trim(), text).equal('await_previous();');
  });
});
