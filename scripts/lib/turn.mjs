// One set-up of a clone at a time: in two terminals, `npm test` and `npm run demo` would write into the same folders.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { realpathSync } from 'node:fs';
import { connect, createServer } from 'node:net';

/**
 * Waits until no other process has its turn at `root`; this one's lasts as long as it lives.
 *
 * The system frees a socket's name when its process ends, however it does. Where there are no such names, nothing waits.
 */
export async function takeTurn(root) {
  if (process.platform !== 'linux') return;
  const name = `\0torch-clip-${createHash('sha256').update(realpathSync(root)).digest('hex').slice(0, 32)}`;
  for (let told = false; ; told = true) {
    const server = createServer((socket) => socket.unref());
    server.listen(name);
    try {
      await once(server, 'listening');
      server.unref();
      return;
    } catch (error) {
      if (error.code !== 'EADDRINUSE') return;
    }
    if (!told) console.error('waiting for another set-up of this clone ...');
    const other = connect(name);
    await new Promise((resolve) => other.once('close', resolve).on('error', () => {}));
  }
}
