import { spawnSync } from 'node:child_process';
import type { Binary } from '../binding/binaries.js';
import type { Answer } from '../binding/trial.js';
import { textOf } from '../setup/files.js';
import type { Libtorch } from '../setup/libtorch.js';
import { isProgram, neutralFolder, programEnv, programPath } from '../setup/programs.js';
import { buildFor } from '../setup/root.js';

export interface Gpu {
  name: string;
  /** The compute capability, such as `'9.0'`. */
  capability: string;
  memory: string;
}

/** What the machine says of its NVIDIA driver. */
export interface Nvidia {
  driver?: string;
  gpus: Gpu[];
  /** nvidia-smi's own words, or why there are none, where it failed; undefined where it is not installed, too. */
  said?: string;
}

/** The oldest driver that a CUDA release works with, and the GPUs that CMakeLists.txt compiles for. */
const limits: Record<string, { driver: number; archs: string }> = { cu13: { driver: 580, archs: '80;86;89;90;100' } };

/** The NVIDIA driver and the GPUs of this machine, as nvidia-smi and the kernel tell. */
export function nvidia(env: NodeJS.ProcessEnv = process.env): Nvidia {
  const fields = '--query-gpu=driver_version,name,compute_cap,memory.total';
  const wsl = '/usr/lib/wsl/lib/nvidia-smi';
  const program = programPath('nvidia-smi', env) ?? (isProgram(wsl) ? wsl : undefined);
  if (program === undefined) return { driver: kernelDriver(), gpus: [] };
  const { status, stdout, stderr, error } = spawnSync(program, [fields, '--format=csv,noheader'], {
    env: programEnv(env),
    cwd: neutralFolder,
    encoding: 'utf8',
    timeout: 2000,
    killSignal: 'SIGKILL',
  });
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  const rows = status === 0 ? stdout.trim().split('\n').filter(Boolean) : [];
  const cells = rows.map((row) => row.split(',').map((cell) => cell.trim()));
  const gpus = cells.map(([, name = '?', capability = '?', memory = '?']) => ({ name, capability, memory }));
  const words = `${stdout ?? ''}\n${stderr ?? ''}`.split('\n').flatMap((line) => line.trim() || []);
  let said: string | undefined;
  if (code === 'ETIMEDOUT') said = 'no answer within 2 s';
  else if (code !== undefined) said = code;
  else if (gpus.length === 0) said = words.slice(0, 2).join(', ') || `exit code ${status}`;
  return { driver: cells[0]?.[0] ?? kernelDriver(), gpus, said };
}

function kernelDriver(): string | undefined {
  return /\s(\d+\.\d+(\.\d+)?)\s/.exec(textOf('/proc/driver/nvidia/version') ?? '')?.[1];
}

export interface CudaVerdict {
  usable: boolean;
  /** Why not, and what would fix it. */
  reason?: string;
  fix?: string;
}

interface Facts extends Nvidia {
  libtorch?: Libtorch;
  /** A CUDA build in a cache, where another libtorch was chosen, and whether a binary fits it. */
  other?: Libtorch & { fits: boolean };
  binary?: Binary;
  /** What the trial found; undefined where it failed, or where no process could be started for it. */
  answer?: Answer;
  loads: boolean;
}

/** Whether CUDA can be used, or the first thing that stands in its way. */
export function cudaVerdict({ driver, gpus, said, libtorch, other, binary, answer, loads }: Facts): CudaVerdict {
  const no = (reason: string, fix?: string): CudaVerdict => ({ usable: false, reason, fix });
  const tried = answer?.cuda;
  const flavour = libtorch?.flavour.startsWith('cu') ? libtorch.flavour : 'cu13';
  const limit = limits[flavour];
  const archs = binary?.cudaArchs ?? limit?.archs;
  const seen = tried?.gpus.length
    ? tried.gpus.map(({ name, major, minor }) => ({ name, capability: `${major}.${minor}` }))
    : gpus;
  if (archs && seen.length > 0 && !seen.some(({ capability }) => isCompiled(archs, capability))) {
    const [{ name, capability }] = seen as [Gpu];
    const made = archs.split(';').map((arch) => `${arch.slice(0, -1)}.${arch.slice(-1)}`);
    const fix =
      Number(capability) >= 7.5
        ? `TORCH_CLIP_CUDA_ARCHS=${capability.replace('.', '')} npx torch-clip build cuda`
        : undefined;
    return no(
      `${name} has compute capability ${capability}, and the binary was compiled for ${made.join(', ')} and newer`,
      fix,
    );
  }
  if (tried && tried.gpus.length > 0 && tried.error === undefined) return { usable: true };
  // What the machine lacks comes first: without it the rest is of no use.
  if (driver === undefined) return no(said ? `nvidia-smi fails: ${said}` : 'there is no NVIDIA driver');
  if (limit && Number.parseInt(driver, 10) < limit.driver) {
    return no(
      `the NVIDIA driver ${driver} is too old for CUDA ${flavour.slice(2)}`,
      `install driver ${limit.driver} or newer`,
    );
  }
  if (tried) return no(`CUDA says: ${tried.error ?? 'there is no GPU'}${said ? `; nvidia-smi says: ${said}` : ''}`);
  if (said) return no(`nvidia-smi fails: ${said}`);
  if (libtorch === undefined) return no('there is no libtorch', 'npx torch-clip install cu130');
  if (libtorch.flavour === 'cpu') {
    if (other === undefined) return no('the libtorch is a CPU build', 'npx torch-clip install cu130');
    const why = other.fits ? 'another one comes before it' : 'there is no binary for it';
    return no(
      `the CUDA libtorch in ${other.root} is not used: ${why}`,
      other.fits ? `export TORCH_CLIP_LIBTORCH='${other.root}'` : buildFor(other),
    );
  }
  if (binary === undefined) return no('there is no binary for it', buildFor(libtorch));
  if (binary.flavour === 'cpu' || answer?.cudaBuilt === false)
    return no('the binary is a CPU build', buildFor(libtorch));
  return loads ? no('no process could be started to try it') : no('the binary cannot be loaded');
}

/** Whether code for these architectures runs on a GPU: of its own generation and not newer, or that of the last, which is kept as PTX. */
function isCompiled(archs: string, capability: string): boolean {
  const gpu = Math.round(Number(capability) * 10);
  const list = archs.split(';').map((arch) => Number.parseInt(arch, 10));
  const generation = Math.floor(gpu / 10);
  return list.some((arch) => Math.floor(arch / 10) === generation && arch <= gpu) || gpu >= list.at(-1)!;
}
