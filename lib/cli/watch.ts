import { TorchClipError } from '../errors.js';
import { WatchServer } from '../utils/watch/server.js';

/** Serves the report of a folder of runs until the process is interrupted. */
export async function watch(folder: string, { port, interval }: { port: string; interval: string }): Promise<void> {
  const [number, seconds] = [Number(port), Number(interval)];
  if (!Number.isInteger(number) || number < 0 || number > 65_535) {
    throw new TorchClipError('ERR_ARGUMENT', `"--port" must be an integer from 0 to 65535, got ${port}`);
  }
  if (!(seconds > 0 && seconds <= 86_400)) {
    throw new TorchClipError('ERR_ARGUMENT', `"--interval" must be a number of seconds > 0, got ${interval}`);
  }
  const server = new WatchServer(folder, { port: number, interval: 1000 * seconds });
  let address: string;
  try {
    address = await server.listen();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code === 'EADDRINUSE' ? 'it is in use: choose another with --port' : `the system says ${code}`;
    throw new TorchClipError('ERR_STATE', `cannot listen on port ${number}: ${why}`, { cause: error });
  }
  console.log(`${address} shows the runs in ${folder} while they go on. Ctrl-C ends it.`);
}
