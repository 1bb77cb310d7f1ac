import { types } from 'node:util';
import { native } from '../binding/index.js';
import { arrayOf, check, flag, instance, integer, type Kind, kind, positive, text } from '../check.js';
import { awaited } from '../errors.js';
import { type PathLike, pathOf } from '../io/file.js';
import { present } from '../memory.js';
import { optionsOf } from '../options.js';
import { checkOwn, own } from '../own.js';
import { local } from '../realm.js';
import { type NativeStore, needDistributed } from './c10d.js';

/** What a key of a store can hold. */
export type StoreValue = string | Uint8Array;

const value: Kind<StoreValue> = kind('a string or a Uint8Array', (v) => typeof v === 'string' || types.isUint8Array(v));
const key: Kind<string> = text;

/** @internal Seconds as the addon's milliseconds; c10d hands them to functions that take an int. */
export const milliseconds = (seconds: number): number => Math.min(Math.max(1, Math.ceil(seconds * 1000)), 2 ** 31 - 1);

const bytesOf = (v: StoreValue): Uint8Array =>
  typeof v === 'string' ? new TextEncoder().encode(v) : new Uint8Array(present('data', v));

/** The default of every store, as PyTorch's: 5 minutes. */
const defaultTimeout = 300;

/**
 * Keys and values that several processes share, as `torch.distributed.Store`: the way in which the ranks of a group find each
 * other. Every method returns a promise and leaves the event loop free; calls that are to follow each other are awaited one by one.
 *
 * @example
 * const store = new torch.distributed.HashStore();
 * await store.set('epoch', '3');
 * console.log(await store.getText('epoch')); // 3
 */
export abstract class Store {
  /** @internal */
  readonly native: NativeStore;
  #timeout: number;

  /** @internal */
  protected constructor(native: NativeStore, timeout: number) {
    this.native = native;
    this.#timeout = timeout;
  }

  /** How many seconds a call may take before it is rejected with `ERR_TIMEOUT`; default 300. */
  get timeout(): number {
    return this.#timeout;
  }
  set timeout(seconds: number) {
    check('timeout', seconds, positive);
    native.storeTimeout(this.native, milliseconds(seconds));
    this.#timeout = seconds;
  }

  /** Lets go of the store now: a server's port is free again, and later calls are refused with `ERR_STATE`. */
  close(): void {
    native.storeClose(this.native);
  }

  /** Sets a key. */
  async set(name: string, data: StoreValue): Promise<void> {
    await this.#call('set', [check('name', name, key)], [bytesOf(check('data', data, value))]);
  }
  /** The bytes of a key; waits until a process has set it. */
  async get(name: string): Promise<Uint8Array> {
    return local((await this.#call('get', [check('name', name, key)])) as Uint8Array);
  }
  /** {@link Store.get} as text in UTF-8. */
  async getText(name: string): Promise<string> {
    return new TextDecoder().decode(await this.get(name));
  }
  /** Adds to the number of a key, which starts at 0, and returns the sum. */
  async add(name: string, amount: number): Promise<number> {
    return (await this.#call('add', [check('name', name, key)], [], check('amount', amount, integer()))) as number;
  }
  /** Sets a key to `desired` where it holds `expected`, or is not set and `expected` is empty; returns what it holds then. */
  async compareSet(name: string, expected: StoreValue, desired: StoreValue): Promise<Uint8Array> {
    const values = [bytesOf(check('expected', expected, value)), bytesOf(check('desired', desired, value))];
    return local((await this.#call('compareSet', [check('name', name, key)], values)) as Uint8Array);
  }
  /** Waits until all keys are set, `timeout` seconds at most. */
  async wait(names: readonly string[], timeout: number = this.#timeout): Promise<void> {
    await this.#call('wait', [...check('names', names, arrayOf(key))], [], 0, check('timeout', timeout, positive));
  }
  /** Whether all keys are set. */
  async check(names: readonly string[]): Promise<boolean> {
    return (await this.#call('check', [...check('names', names, arrayOf(key))])) as boolean;
  }
  /** Forgets a key; returns whether it was set. A {@link FileStore} cannot. */
  async deleteKey(name: string): Promise<boolean> {
    return (await this.#call('deleteKey', [check('name', name, key)])) as boolean;
  }
  /** How many keys are set; a {@link TCPStore} and a {@link FileStore} count some of their own. */
  async numKeys(): Promise<number> {
    return (await this.#call('numKeys', [])) as number;
  }
  /** Appends to a key. A {@link FileStore} cannot. */
  async append(name: string, data: StoreValue): Promise<void> {
    await this.#call('append', [check('name', name, key)], [bytesOf(check('data', data, value))]);
  }
  /** {@link Store.get} of several keys. */
  async multiGet(names: readonly string[]): Promise<Uint8Array[]> {
    const all = (await this.#call('multiGet', [...check('names', names, arrayOf(key))])) as Uint8Array[];
    return Array.from(all, (one) => local(one));
  }
  /** {@link Store.set} of several keys. */
  async multiSet(names: readonly string[], data: readonly StoreValue[]): Promise<void> {
    const keys = [...check('names', names, arrayOf(key))];
    await this.#call('multiSet', keys, check('data', data, arrayOf(value, keys.length)).map(bytesOf));
  }

  #call(
    method: string,
    keys: readonly string[],
    values: readonly Uint8Array[] = [],
    amount = 0,
    timeout = this.#timeout,
  ): Promise<unknown> {
    return awaited(native.storeCall(this.native, method, keys, values, amount, milliseconds(timeout)));
  }
}

/** @internal */
export const store: Kind<Store> = instance<Store>(Store, 'a Store');

/** @internal */
export const port: Kind<number> = integer(0, 65535);

const readTcp = optionsOf('TCPStore.connect', {
  isServer: [flag, false],
  worldSize: [integer(0), 0],
  waitForWorkers: [flag, true],
  multiTenant: [flag, false],
  timeout: [positive, defaultTimeout],
});

/** Options of {@link TCPStore.connect}. */
export interface TCPStoreOptions {
  /** Whether this process keeps the values; exactly one does, its address is what the others connect to. Default false. */
  isServer?: boolean;
  /** How many processes there will be, the server's included; default 0, which is unknown. */
  worldSize?: number;
  /** Whether the server waits until `worldSize` processes are connected; default true. */
  waitForWorkers?: boolean;
  /** Whether one process may open the same server several times; default false. */
  multiTenant?: boolean;
  /** Seconds; default 300. */
  timeout?: number;
}

/**
 * A store that one process keeps and the others reach over TCP, as `torch.distributed.TCPStore`; processes of Python can take part.
 *
 * The server does not use libtorch's libuv, which would meet the one of Node.js; PyTorch's queues are missing for that reason.
 *
 * @example
 * const server = await torch.distributed.TCPStore.connect('127.0.0.1', 0, { isServer: true });
 * const client = await torch.distributed.TCPStore.connect('127.0.0.1', server.port);
 * await client.set('answer', '42');
 * console.log(await server.getText('answer')); // 42
 */
export class TCPStore extends Store {
  readonly host: string;
  /** The server's, which the system chose where 0 was asked for. */
  readonly port: number;

  private constructor(token: typeof own, made: NativeStore, host: string, timeout: number) {
    checkOwn(token, 'TCPStore', 'torch.distributed.TCPStore.connect()');
    super(made, timeout);
    this.host = host;
    this.port = native.storePort(made);
  }

  /**
   * @param host the server's name or address.
   * @param port_ the server's port; 0 where the server is to choose a free one.
   * @throws {TorchClipError} `ERR_DISTRIBUTED` where the port is taken, `ERR_TIMEOUT` where no server answers.
   */
  static async connect(host: string, port_: number, options?: TCPStoreOptions): Promise<TCPStore> {
    needDistributed();
    check('host', host, text);
    check('port', port_, port);
    const { isServer, worldSize, waitForWorkers, multiTenant, timeout } = readTcp(options);
    const wait = waitForWorkers && worldSize > 0;
    const made = native.storeTcp(host, port_, isServer, worldSize, wait, multiTenant, milliseconds(timeout));
    return new TCPStore(own, await awaited(made), host, timeout);
  }
}

const readFile = optionsOf('FileStore.open', { worldSize: [integer(-1), -1], timeout: [positive, defaultTimeout] });

/**
 * A store in a file that all processes can write, as `torch.distributed.FileStore`. The file must not hold what an earlier run left.
 *
 * @example
 * const store = await torch.distributed.FileStore.open('rendezvous', { worldSize: 1 });
 * await store.set('ready', 'yes');
 */
export class FileStore extends Store {
  readonly path: string;

  private constructor(token: typeof own, made: NativeStore, path: string, timeout: number) {
    checkOwn(token, 'FileStore', 'torch.distributed.FileStore.open()');
    super(made, timeout);
    this.path = path;
  }

  /**
   * @param options.worldSize how many processes open the file: the last one that ends removes it. Default -1, which is unknown.
   * @param options.timeout seconds; default 300.
   */
  static async open(path: PathLike, options?: { worldSize?: number; timeout?: number }): Promise<FileStore> {
    needDistributed();
    const target = pathOf(path);
    const { worldSize, timeout } = readFile(options);
    return new FileStore(
      own,
      await awaited(native.storeFile(target, worldSize, milliseconds(timeout))),
      target,
      timeout,
    );
  }
}

/**
 * A store in this process's memory, as `torch.distributed.HashStore`: for a group of one rank, and for tests.
 *
 * @example
 * const store = new torch.distributed.HashStore();
 * await store.set('key', 'value');
 */
export class HashStore extends Store {
  constructor() {
    needDistributed();
    super(native.storeHash(milliseconds(defaultTimeout)), defaultTimeout);
  }
}

/**
 * Another store with a prefix before every key, as `torch.distributed.PrefixStore`.
 *
 * @example
 * const shared = new torch.distributed.HashStore();
 * await new torch.distributed.PrefixStore('first', shared).set('key', 'a');
 * console.log(await shared.getText('first/key')); // a
 */
export class PrefixStore extends Store {
  constructor(prefix: string, underlying: Store) {
    needDistributed();
    check('prefix', prefix, text);
    check('underlying', underlying, store);
    super(native.storePrefix(prefix, underlying.native), underlying.timeout);
  }
}
