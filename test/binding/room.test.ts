// What control groups leave, read from files as the kernel writes them.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { native } from '../../lib/binding/index.js';

const gigabyte = 2 ** 30;

function roomWith(files: Record<string, string>): { total: number; left: number } {
  const root = mkdtempSync(join(tmpdir(), 'torch-clip-room-'));
  const machine = `MemTotal: ${(64 * gigabyte) / 1024} kB\nMemFree: 1 kB\nMemAvailable: ${(32 * gigabyte) / 1024} kB\n`;
  try {
    for (const [path, content] of Object.entries({ 'proc/meminfo': machine, ...files })) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), content);
    }
    return native.memoryRoom(root);
  } finally {
    rmSync(root, { recursive: true });
  }
}

const version2 = (folder: string, limit: number | 'max', used: number, cache = 0) => ({
  [`sys/fs/cgroup${folder}/memory.max`]: `${limit}\n`,
  [`sys/fs/cgroup${folder}/memory.current`]: `${used}\n`,
  [`sys/fs/cgroup${folder}/memory.stat`]: `anon 5\nfile 7\ninactive_anon 1\ninactive_file ${cache}\nactive_file 3\n`,
});
const version1 = (folder: string, limit: number | bigint, used: number, cache = 0) => ({
  [`sys/fs/cgroup/memory${folder}/memory.limit_in_bytes`]: `${limit}\n`,
  [`sys/fs/cgroup/memory${folder}/memory.usage_in_bytes`]: `${used}\n`,
  [`sys/fs/cgroup/memory${folder}/memory.stat`]: `inactive_file 9\ntotal_inactive_file ${cache}\n`,
});
const groups1 = '11:cpu,cpuacct:/x\n4:memory:/docker/abc\n1:name=systemd:/\n0::/\n';

interface Case {
  files: Record<string, string>;
  total: number;
  left: number;
}

const cases: Record<string, Case> = {
  'no groups': { files: {}, total: 64, left: 32 },
  'a container with its own root': {
    files: { 'proc/self/cgroup': '0::/\n', ...version2('', 2 * gigabyte, gigabyte) },
    total: 2,
    left: 1,
  },
  'a cache of files, which can be given up': {
    files: { 'proc/self/cgroup': '0::/\n', ...version2('', 2 * gigabyte, 1.75 * gigabyte, 1.5 * gigabyte) },
    total: 2,
    left: 1.75,
  },
  'a nested group': {
    files: {
      'proc/self/cgroup': '0::/user.slice/job\n',
      ...version2('/user.slice', 4 * gigabyte, 3.5 * gigabyte),
      ...version2('/user.slice/job', 8 * gigabyte, gigabyte),
    },
    total: 4,
    left: 0.5,
  },
  'a nested group without a limit': {
    files: {
      'proc/self/cgroup': '0::/user.slice/job\n',
      ...version2('/user.slice', 4 * gigabyte, gigabyte),
      ...version2('/user.slice/job', 'max', gigabyte),
    },
    total: 4,
    left: 3,
  },
  "the host's path in a container": {
    files: { 'proc/self/cgroup': '0::/docker/abc\n', ...version2('', 2 * gigabyte, gigabyte) },
    total: 2,
    left: 1,
  },
  'version 1': {
    files: { 'proc/self/cgroup': groups1, ...version1('/docker/abc', gigabyte, gigabyte / 2, gigabyte / 4) },
    total: 1,
    left: 0.75,
  },
  'version 1 in a container': {
    files: { 'proc/self/cgroup': groups1, ...version1('', gigabyte, gigabyte / 2) },
    total: 1,
    left: 0.5,
  },
  'version 1 without a limit': {
    files: { 'proc/self/cgroup': groups1, ...version1('', 9223372036854771712n, gigabyte) },
    total: 64,
    left: 32,
  },
  'version 2 beside version 1': {
    files: { 'proc/self/cgroup': '0::/job\n', ...version2('/unified/job', gigabyte, 0) },
    total: 1,
    left: 1,
  },
};

describe('the room for memory', () => {
  for (const [name, { files, total, left }] of Object.entries(cases)) {
    it(`under ${name}`, () => {
      expect(roomWith(files)).to.deep.equal({ total: total * gigabyte, left: left * gigabyte });
    });
  }
});
