// What each CUDA kernel needs of a multiprocessor, as ptxas said when it compiled it (CMakeLists.txt keeps that beside the objects),
// and how it reads memory, as the machine code has it.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';

export interface Kernel {
  /** Without namespaces and parameters: `update_kernel`. */
  name: string;
  /** The arguments of the template but for the dtype: `Adam`; empty where there are none. */
  of: string;
  /** `float`, `double`, `Half` or `BFloat16`; `-` for a kernel of no dtype. */
  dtype: string;
  registers: number;
  /** Bytes spilled to memory for lack of registers. */
  spilled: number;
  /** Bytes of local memory for what cannot lie in registers, as an array whose index is computed. */
  frame: number;
  /** Loads of 128 bits in its code; undefined where there is no cuobjdump. */
  wide?: number;
}

export interface Table {
  /** The compiler's release: another one gives other numbers. */
  compiler: string;
  /** By kernel, template arguments and dtype. */
  registers: Record<string, Record<string, Record<string, number>>>;
  /** Loads of 128 bits of those that have some, likewise. */
  wide: Record<string, Record<string, Record<string, number>>>;
}

/** The multiprocessor of the committed table, and what the kernels that work in fp32 may take there. */
export const architecture = 'sm_90';
export const limit = 64;

const dtypes = ['float', 'double', 'Half', 'BFloat16'];

/** `'13.0'`: the release of the compiler of a build folder of CMake. */
export function compilerOf(build: string): string {
  const files = readdirSync(join(build, 'CMakeFiles'), { recursive: true, encoding: 'utf8' });
  const file = files.find((name) => name.endsWith('CMakeCUDACompiler.cmake'));
  const text = file === undefined ? '' : readFileSync(join(build, 'CMakeFiles', file), 'utf8');
  return /CMAKE_CUDA_COMPILER_VERSION "(\d+\.\d+)/.exec(text)?.[1] ?? '';
}

/** The libtorch that a build folder of CMake was made with. */
export function libtorchOf(build: string): string | undefined {
  const cache = join(build, 'CMakeCache.txt');
  return existsSync(cache) ? /^TORCH_CLIP_LIBTORCH:PATH=(.+)$/m.exec(readFileSync(cache, 'utf8'))?.[1] : undefined;
}

/** CUDA's disassembler: of the toolkit, or the one that comes with triton beside libtorch. */
export function findCuobjdump(libtorch?: string): string | undefined {
  const beside = libtorch === undefined ? [] : [join(libtorch, '..', 'triton', 'backends', 'nvidia', 'bin')];
  const folders = [...(process.env.PATH ?? '').split(delimiter).filter(isAbsolute), '/usr/local/cuda/bin', ...beside];
  return folders.map((folder) => join(folder, 'cuobjdump')).find((file) => existsSync(file));
}

/** The kernels of one architecture in a build folder of CMake. */
export function kernelsOf(build: string, { arch = architecture, cuobjdump }: Reading = {}): Kernel[] {
  if (!existsSync(build)) return [];
  const logs = readdirSync(build, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ptxas'));
  const found = logs.flatMap((file) => [...parse(readFileSync(join(build, file), 'utf8'), arch)]);
  if (found.length === 0) return [];
  const objects = logs.map((file) => join(build, file.replace(/\.ptxas$/, ''))).filter((file) => existsSync(file));
  const loads = cuobjdump === undefined ? undefined : wideLoads(cuobjdump, objects, arch);
  const names = execFileSync('c++filt', { input: found.map(({ symbol }) => symbol).join('\n'), encoding: 'utf8' });
  return names
    .trimEnd()
    .split('\n')
    .map((name, i) => {
      const { symbol, ...needs } = found[i]!;
      return { ...describe(name), ...needs, ...(loads !== undefined && { wide: loads.get(symbol) ?? 0 }) };
    });
}

/** How {@link kernelsOf} reads a build. */
export interface Reading {
  arch?: string;
  /** Counts loads as well. */
  cuobjdump?: string | undefined;
}

/** Loads of 128 bits by symbol: `LD` where the compiler does not know that an address is one of global memory. */
function wideLoads(cuobjdump: string, objects: readonly string[], arch: string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const object of objects) {
    const args = ['-arch', arch, '-sass', object];
    const code = execFileSync(cuobjdump, args, { encoding: 'utf8', maxBuffer: 2 ** 30 });
    for (const block of code.split(/^\s*Function : /m).slice(1)) {
      const symbol = block.slice(0, block.indexOf('\n')).trim();
      counts.set(symbol, block.match(/\bLDG?\.E\.128\b/g)?.length ?? 0);
    }
  }
  return counts;
}

type Needs = Pick<Kernel, 'registers' | 'spilled' | 'frame'> & { symbol: string };

function* parse(log: string, arch: string): Generator<Needs> {
  // One block of lines per kernel; a function that was not inlined has properties, but no registers of its own.
  for (const block of log.split(/^(?=ptxas info\s+: Compiling entry function)/m)) {
    const [, symbol, target] = /entry function '(\S+)' for '(\w+)'/.exec(block) ?? [];
    if (symbol === undefined || target !== arch) continue;
    const spills = [...block.matchAll(/(\d+) bytes spill (?:stores|loads)/g)].map(([, bytes]) => Number(bytes));
    const registers = Number(/Used (\d+) registers/.exec(block)?.[1]);
    const frame = Number(/(\d+) bytes stack frame/.exec(block)?.[1] ?? 0);
    yield { symbol, registers, spilled: spills.reduce((a, b) => a + b, 0), frame };
  }
}

function describe(symbol: string): Pick<Kernel, 'name' | 'of' | 'dtype'> {
  const plain = symbol.replace(/\(anonymous namespace\)::/g, '').replace(/\b\w+::/g, '');
  const [, name = plain, rest = ''] = /(\w+)((?:<.*>)?)\(/.exec(plain.replace(/\((\w+)\)(?=\d)/g, '$1 ')) ?? [];
  const args = rest.slice(1, -1).split(/, (?![^<]*>)/);
  const dtype = dtypes.includes(args.at(-1)!) ? args.pop()! : '-';
  // What a rule computes in follows from the dtype, and most kernels have full blocks.
  const of = args
    .filter((arg) => arg !== 'BlockOf<256>')
    .map((arg) => arg.replace(/<(float|double)(, )?/, '<').replace('<>', ''));
  return { name, of: of.join(', '), dtype };
}

const keyOf = ({ name, of, dtype }: Kernel) => `${name} ${of} ${dtype}`;

export function tableOf(compiler: string, kernels: readonly Kernel[]): Table {
  const table: Table = { compiler, registers: {}, wide: {} };
  const put = (column: Table['registers'], { name, of, dtype }: Kernel, value: number) => {
    column[name] ??= {};
    column[name][of] ??= {};
    column[name][of][dtype] = value;
  };
  const order = (k: Kernel) => `${k.name} ${k.of} ${dtypes.indexOf(k.dtype)}`;
  for (const kernel of [...kernels].sort((a, b) => (order(a) < order(b) ? -1 : 1))) {
    put(table.registers, kernel, kernel.registers);
    if ((kernel.wide ?? 0) > 0) put(table.wide, kernel, kernel.wide!);
  }
  return table;
}

/** The table as JSON, a line for each template argument. */
export function textOf({ compiler, registers, wide }: Table): string {
  const object = (entries: [string, string][], indent: string) =>
    `{\n${entries.map(([name, text]) => `${indent}  ${JSON.stringify(name)}: ${text}`).join(',\n')}\n${indent}}`;
  const line = (row: Record<string, number>) =>
    `{ ${Object.entries(row)
      .map(([dtype, count]) => `${JSON.stringify(dtype)}: ${count}`)
      .join(', ')} }`;
  const column = (kernels: Table['registers']) =>
    object(
      Object.entries(kernels).map(([name, rows]): [string, string] => [
        name,
        object(
          Object.entries(rows).map(([of, row]) => [of, line(row)]),
          '    ',
        ),
      ]),
      '  ',
    );
  return `${object(
    [
      ['compiler', JSON.stringify(compiler)],
      ['registers', column(registers)],
      ['wide', column(wide)],
    ],
    '',
  )}\n`;
}

/**
 * A line for each kernel that spills, has a stack frame, computes in fp32 and uses more than 64 registers, or, by the same compiler,
 * uses more than the table says, has fewer loads of 128 bits, or is in one of both only.
 */
export function breaches(table: Table, compiler: string, kernels: readonly Kernel[]): string[] {
  const unlawful = kernels.flatMap((kernel) => {
    const { dtype, registers, spilled, frame } = kernel;
    const lines = spilled > 0 ? [`${keyOf(kernel)} spills ${spilled} bytes`] : [];
    if (frame > spilled) lines.push(`${keyOf(kernel)} has a stack frame of ${frame} bytes`);
    if (registers > limit && !['double', '-'].includes(dtype)) {
      lines.push(`${keyOf(kernel)} takes ${registers} registers, ${limit} at most`);
    }
    return lines;
  });
  return compiler === table.compiler ? [...unlawful, ...changes(table, kernels)] : unlawful;
}

/** A multiprocessor allocates registers in units of eight. */
const handedOut = (registers: number) => Math.ceil(registers / 8) * 8;

function changes(table: Table, kernels: readonly Kernel[]): string[] {
  const flat = (column: Table['registers']) =>
    new Map<string, number>(
      Object.entries(column).flatMap(([name, rows]) =>
        Object.entries(rows).flatMap(([of, row]) =>
          Object.entries(row).map(([dtype, value]) => [`${name} ${of} ${dtype}`, value] as const),
        ),
      ),
    );
  const [before, wideBefore] = [flat(table.registers), flat(table.wide)];
  const present = new Set(kernels.map(keyOf));
  const gone = [...before.keys()].filter((key) => !present.has(key)).map((key) => `${key} is in the table only`);
  const grown = kernels.flatMap((kernel) => {
    const key = keyOf(kernel);
    const was = before.get(key);
    if (was === undefined) return [`${key} is not in the table`];
    const { registers, wide } = kernel;
    const loads = wideBefore.get(key) ?? 0;
    return [
      ...(handedOut(registers) > handedOut(was) ? [`${key} takes ${registers} registers, ${was} before`] : []),
      ...(wide !== undefined && wide < loads ? [`${key} has ${wide} loads of 128 bits, ${loads} before`] : []),
    ];
  });
  return [...gone, ...grown];
}
