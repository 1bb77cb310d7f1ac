// Ranks on hosts of their own, which are network namespaces of this machine: each sees the others through a cable only.
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { type Rank, start } from '../../distributed/processes.js';

const program = fileURLToPath(new URL('programs/apart.ts', import.meta.url));
const loader = fileURLToPath(new URL('../../../node_modules/tsx/dist/loader.mjs', import.meta.url));
const ip = (...args: string[]): boolean => spawnSync('ip', args).status === 0;

/** Hosts with a cable from each to a switch. */
class Hosts {
  readonly #prefix = `tc${process.pid % 100_000}`;
  readonly #made: string[] = [];
  readonly names: string[];

  constructor(readonly size: number) {
    this.names = Array.from({ length: size }, (_, i) => `${this.#prefix}h${i}`);
  }

  /** False where this process may make none. */
  make(): boolean {
    const hub = `${this.#prefix}s`;
    const on = (...args: string[]) => ip('-n', hub, ...args);
    if (!this.#add(hub) || !on('link', 'add', 'name', 'sw', 'type', 'bridge') || !on('link', 'set', 'sw', 'up'))
      return false;
    return this.names.every((name, i) => {
      const inside = (...args: string[]) => ip('-n', name, ...args);
      return (
        this.#add(name) &&
        on('link', 'add', `p${i}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name) &&
        on('link', 'set', `p${i}`, 'master', 'sw', 'up') &&
        inside('addr', 'add', `${addressOf(i)}/24`, 'dev', 'eth0') &&
        inside('link', 'set', 'eth0', 'up') &&
        inside('link', 'set', 'lo', 'up')
      );
    });
  }

  #add(name: string): boolean {
    if (!ip('netns', 'add', name)) return false;
    this.#made.push(name);
    return true;
  }

  /** Delay and loss on every cable; false where the kernel has neither. */
  worsen(): boolean {
    const netem = ['root', 'netem', 'delay', '2ms', 'loss', '0.5%'];
    return this.names.every(
      (name) => spawnSync('tc', ['-n', name, 'qdisc', 'add', 'dev', 'eth0', ...netem]).status === 0,
    );
  }

  unplug(host: number): void {
    ip('-n', `${this.#prefix}s`, 'link', 'set', `p${host}`, 'down');
  }

  remove(): void {
    for (const name of this.#made) ip('netns', 'del', name);
  }
}

// Of those that no router forwards.
const addressOf = (host: number) => `169.254.77.${host + 1}`;

describe('ranks on hosts of their own', function () {
  this.timeout(180_000);
  for (const worse of [false, true]) {
    it(`train together, and are told when one is unplugged${worse ? ', over a bad network' : ''}`, async function () {
      const hosts = new Hosts(3);
      const ranks: Rank[] = [];
      const skip = (reason: string) => {
        this.test!.title += ` (skipped: ${reason})`;
        this.skip();
      };
      try {
        if (!hosts.make()) return skip('this process may make no network namespaces');
        if (worse && !hosts.worsen()) return skip('the kernel has no netem, or there is no tc');
        for (const [i, name] of hosts.names.entries()) {
          const env = {
            RANK: String(i),
            WORLD_SIZE: String(hosts.size),
            MEET: `tcp://${addressOf(0)}:29400`,
            GLOO_SOCKET_IFNAME: 'eth0',
            OMP_NUM_THREADS: '1',
            MASTER_ADDR: undefined,
            MASTER_PORT: undefined,
          };
          ranks.push(start(['ip', 'netns', 'exec', name, process.execPath, '--import', loader, program], env, true));
        }
        const first = Promise.all(ranks.map(({ child }) => once(child, 'message')));
        // A rank that ends before it says anything tells why.
        const early = Promise.all(ranks.map(({ ended }) => ended));
        const trained = await Promise.race([first, early]);
        expect(trained, JSON.stringify(trained)).deep.equal(
          ranks.map(() => [{ size: 3, alike: 1, large: 3 }, undefined]),
        );
        hosts.unplug(2);
        for (const { child } of ranks) child.send('go');
        for (const { code, sent, stderr } of await early) {
          expect(code, stderr).equal(0);
          const told = sent.at(-1) as { code: string; seconds: number };
          expect(told.code).equal('ERR_TIMEOUT');
          expect(told.seconds).within(3, 6);
        }
      } finally {
        for (const { child } of ranks) child.kill('SIGKILL');
        hosts.remove();
      }
    });
  }
});
