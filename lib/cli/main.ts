#!/usr/bin/env node
import { Argument, Command, Option } from 'commander';
import { TorchClipError } from '../errors.js';
import { SetupError } from '../setup/child-process.js';
import { cacheRoot, reference, referenceCuda } from '../setup/libtorch.js';
import { packageRoot, versionOf } from '../setup/root.js';
import { build } from './build.js';
import { listCache, removeFromCache } from './cache.js';
import { doctor } from './doctor.js';
import { install } from './install.js';
import { type RunOptions, run } from './run.js';
import { watch } from './watch.js';

const root = packageRoot();
const version = versionOf(root);
const program = new Command('torch-clip')
  .description('Installs what torch-clip needs, and shows what it found.')
  .version(version, '-V, --version', 'print the version')
  .helpOption('-h, --help', 'print this help')
  .helpCommand('help [command]', 'print the help of a command')
  .showHelpAfterError('(see --help)')
  // Options after a script are the script's own.
  .enablePositionalOptions();
const cacheOption = () =>
  new Option(
    '--cache <dir>',
    `the cache's folder (default: ${cacheRoot({ ...process.env, TORCH_CLIP_CACHE: '' }) ?? 'none, as the user has no home folder'})`,
  ).env('TORCH_CLIP_CACHE');
const examples = (...lines: string[]) => `\nExamples:\n${lines.map((line) => `  npx ${line}`).join('\n')}\n`;

program
  .command('doctor')
  .description('show what was found and whether it works; the exit code is 0 if it does')
  .option('--json', 'as JSON')
  .option('--cuda', 'fail also if CUDA cannot be used')
  .action((options: { json?: boolean; cuda?: boolean }) => {
    process.exitCode = doctor(root, options);
  });

program
  .command('install')
  .description('fetch libtorch into the cache')
  .addArgument(
    new Argument('[variant]', 'for the CPU, or for CUDA 13 (default: cpu, or what --from PATH holds)').choices([
      'cpu',
      'cu130',
    ]),
  )
  .option(
    '--torch <version>',
    `the version, such as 2.12 (default: ${reference}, with CUDA ${referenceCuda}, or what --from PATH holds)`,
  )
  .option(
    '--from <source>',
    'pip, zip (the official archive), or the path of a libtorch folder, an archive or a wheel (default: pip, then zip)',
  )
  .addOption(cacheOption())
  .option('--offline', 'use only what is on this machine')
  .addHelpText(
    'after',
    examples(
      'torch-clip install',
      'torch-clip install cu130 --torch 2.13',
      'torch-clip install --from ~/Downloads/libtorch-shared-with-deps-2.13.0+cpu.zip',
      'torch-clip install --cache ./node_modules/.cache/torch-clip',
    ),
  )
  .action((variant: 'cpu' | 'cu130' | undefined, options) => install(root, variant, options));

program
  .command('build')
  .description('compile the native binary for the libtorch that was found')
  .addArgument(new Argument('[variant]', 'for a CPU or a CUDA libtorch').choices(['cpu', 'cuda']))
  .option('--torch <version>', 'for the libtorch of this version, such as 2.12 (default: the first that is found)')
  .option('--force', 'build even if nothing has changed')
  .action((variant: 'cpu' | 'cuda' | undefined, options) => build(root, variant, options));

const runCommand = program
  .command('run')
  .description('start the processes of a job that trains together (torch.distributed), and end all when one fails')
  .argument('<script>', 'a script of Node.js, or another program')
  .argument('[args...]', 'its arguments')
  .option('--nproc-per-node <n>', 'processes on this machine, gpu (one per GPU) or auto (that, or one per core)', '1')
  .option('--nnodes <n>', 'machines, on each of which this command runs', '1')
  .option('--node-rank <n>', 'which of them this is, from 0 (default: in the order of their coming)')
  .option('--rdzv-endpoint <host:port>', 'the address of one of the machines, at which all meet')
  .option('--max-restarts <n>', 'how often all processes are started again after a failure', '0')
  .option('--threads <n>', 'threads per process, OMP_NUM_THREADS (default: the cores divided by the processes)')
  .option('--grace <seconds>', 'between SIGTERM and SIGKILL for processes that are to end', '10')
  .option('--exec', 'run <script> as a program of its own, also where its name ends like a script of Node.js')
  .option('--no-prefix', "write the processes' lines without their rank in front")
  .addOption(new Option('--standalone').hideHelp().conflicts(['nnodes', 'nodeRank', 'rdzvEndpoint']))
  .passThroughOptions()
  .addHelpText(
    'after',
    examples(
      'torch-clip run --nproc-per-node 4 train.js --epochs 3',
      'torch-clip run --nproc-per-node gpu --nnodes 2 --rdzv-endpoint node0:29400 train.js',
      'torch-clip run --nproc-per-node 2 --exec python3 train.py',
    ),
  )
  .action(async (script: string, args: string[], options: RunOptions) => {
    process.exitCode = await run(script, args, options);
  });

/** An option in torchrun's other spelling, which is that of most scripts: `--nproc_per_node`. */
class Underscored extends Option {
  override attributeName(): string {
    return new Option(this.flags.replaceAll('_', '-')).attributeName();
  }
}
for (const { flags, negate } of [...runCommand.options]) {
  const underscored = flags.replace(/(?<=\w)-(?=\w)/g, '_');
  if (underscored !== flags && !negate) runCommand.addOption(new Underscored(underscored).hideHelp());
}

const cache = program.command('cache').description('list or delete the copies of libtorch in the cache');
cache
  .command('ls')
  .description('list it')
  .option('--json', 'as JSON')
  .addOption(cacheOption())
  .action((options) => listCache(options));
cache
  .command('rm')
  .description('delete copies from the cache')
  .argument('[names...]', 'as "cache ls" prints them')
  .option('--partial', 'delete what interrupted installations left')
  .option('--all', 'delete everything, including the record of the binaries that were tried')
  .option('--force', 'delete also what a process seems to be filling')
  .addOption(cacheOption())
  .action((names: string[], options) => removeFromCache(names, options));

program
  .command('watch')
  .description('show the runs in a folder in the browser while they go on')
  .argument('<folder>', 'in which utils.RunLog, or anything else that writes event files with a loss, writes its runs')
  .option('--port <number>', 'of the page, on this machine alone; 0 for any that is free', '6007')
  .option('--interval <seconds>', 'between two looks at the folder', '1')
  .addHelpText('after', examples('torch-clip watch runs/'))
  .action((folder: string, options) => watch(folder, options));

// An exit of our own, unlike the signal's, also ends the programs that were started.
for (const [signal, code] of Object.entries({ SIGHUP: 129, SIGINT: 130, SIGTERM: 143 })) {
  process.once(signal, () => process.exit(code));
}

program.parseAsync().catch((error: unknown) => {
  if (error instanceof SetupError) console.error(String(error));
  else if (error instanceof TorchClipError) console.error(`torch-clip: ${error.message} (${error.code})`);
  else console.error(error);
  process.exitCode = 1;
});
