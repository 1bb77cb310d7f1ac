// Running other programs for the set-up: one line of progress, the whole output kept for when it fails.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** The set-up cannot go on: what went wrong, what was tried, and the command that mends it. */
export class SetupError extends Error {
  constructor(message, { tried = [], mend }) {
    super(message);
    this.tried = tried;
    this.mend = mend;
  }

  toString() {
    const lines = [`torch-clip set-up stopped: ${this.message}`];
    for (const place of this.tried) lines.push(`  tried: ${place}`);
    lines.push(`  mend:  ${this.mend}`);
    return lines.join('\n');
  }
}

/** One line that is rewritten in a terminal, and written out every ten seconds elsewhere. */
export class Progress {
  #label;
  #text = 'starting';
  #start = Date.now();
  #timer;

  constructor(label) {
    this.#label = label;
    if (!process.stderr.isTTY) process.stderr.write(`${label} ...\n`);
    this.#timer = setInterval(() => this.#draw(), process.stderr.isTTY ? 250 : 10_000).unref();
  }

  /** What is going on now; undefined changes nothing. */
  say(text) {
    this.#text = text ?? this.#text;
  }

  #draw() {
    const line = `${this.#label}: ${this.#text} (${this.#seconds()} s)`;
    process.stderr.write(
      process.stderr.isTTY ? `\r\x1b[K${line.slice(0, (process.stderr.columns || 80) - 1)}` : `${line}\n`,
    );
  }

  #seconds() {
    return Math.round((Date.now() - this.#start) / 1000);
  }

  end(word = 'done') {
    clearInterval(this.#timer);
    process.stderr.write(`${process.stderr.isTTY ? '\r\x1b[K' : ''}${this.#label}: ${word} (${this.#seconds()} s)\n`);
  }
}

/** A bar for `share` in [0, 1]. */
export function bar(share, width = 24) {
  const full = Math.round(Math.min(1, share) * width);
  return `[${'#'.repeat(full)}${'.'.repeat(width - full)}] ${Math.floor(Math.min(1, share) * 100)}%`;
}

/**
 * Runs a program to its end: `{ status, output }`, status -1 where it could not be started. `onLine` sees every line.
 */
export function run(command, args, { cwd, env = process.env, onLine = () => {} } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const take = (chunk) => {
      output += chunk;
      for (const line of String(chunk).split(/[\r\n]+/)) if (line.trim() !== '') onLine(line.trim());
    };
    child.stdout.setEncoding('utf8').on('data', take);
    child.stderr.setEncoding('utf8').on('data', take);
    child.on('error', (error) => resolve({ status: -1, output: error.message }));
    child.on('close', (status) => resolve({ status: status ?? 1, output }));
  });
}

/** The last lines of a program's output, for a failure message. */
export function tail(output, lines = 15) {
  return output.trimEnd().split('\n').slice(-lines).join('\n');
}

/** Whether a program lies on the PATH. */
export function onPath(name, env = process.env) {
  return (env.PATH ?? '').split(':').some((folder) => folder !== '' && existsSync(join(folder, name)));
}
