// One rank of three fails, stands still or does something else: what the others are told, and when.
import { expect } from 'chai';
import { Job } from './processes.js';

export type Fault = 'kill' | 'stop' | 'throw' | 'exit' | 'absent' | 'shape' | 'order';

export interface Failing {
  readonly fault: Fault;
  readonly call: string;
  readonly culprit: number;
  readonly wait: boolean;
  /** Seconds. */
  readonly timeout: number;
  /** Whether ranks compare their calls before each of them, and not only where one takes long. */
  readonly detail?: boolean;
}

interface Answer {
  ended?: string;
  code: string;
  message: string;
  stack: string;
  took: number;
}

/** Runs it and checks what every other rank says: a named error of its own line, in one sentence, within the time-out and a second. */
export async function fails(failing: Failing): Promise<void> {
  const { culprit, call, timeout } = failing;
  const mistake = failing.fault === 'shape' || failing.fault === 'order';
  const env = failing.detail ? { TORCH_DISTRIBUTED_DEBUG: 'DETAIL' } : {};
  const job = new Job(3, 'failures', { ...failing }, undefined, env);
  const others = job.ranks.filter((_, rank) => rank !== culprit);
  try {
    const outcomes = await Promise.all(others.map(({ ended }) => ended));
    const answers = outcomes.map(({ sent, code, signal, stderr }) => {
      const [ready, answer] = sent as [string, Answer | undefined];
      expect({ ready, code, signal }, stderr).deep.equal({ ready: 'ready', code: 0, signal: null });
      return answer!;
    });
    // Some calls send and need nobody's answer.
    const told = answers.filter((answer) => answer.ended === undefined);
    if (failing.detail || !['broadcast', 'reduce', 'gather'].includes(call)) expect(told).length(2);
    expect(told.length).above(0);
    for (const { code, message, stack, took } of told) {
      expect(stack).match(/ at (async )?(file:.*|.*\()?.*programs\/failures\.ts:\d+/);
      // A rank that needs nobody's answer may end before, and be missed instead.
      const isMissed = told.length === 1 && message.includes('another rank ended');
      if (mistake && !isMissed) {
        expect([code, message]).deep.equal(['ERR_DISTRIBUTED', told[0]!.message]);
        expect(message).match(
          failing.detail
            ? /^all ranks of a group must make the same calls in the same order, got on rank \d .* on rank \d/
            : /^the ranks of the process group call different things: .* on rank \d, and .* on rank \d; all must make/,
        );
        continue;
      }
      expect(code, message).oneOf(['ERR_DISTRIBUTED', 'ERR_TIMEOUT']);
      expect(message).match(/ of rank [012] (failed|timed out)/);
      expect(message).not.match(/\n|\.cc|gloo\/|Exception raised|C\+\+|frame #/);
      expect(took).below(timeout * 1000 + 1000);
    }
  } finally {
    job.remove();
  }
}
