const { reporters, Runner } = require('mocha');

/** Mocha's spec output, why tests were skipped, then one line that a continuous-integration script can read. */
module.exports = class extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    const skipped = new Map();
    runner.on(Runner.constants.EVENT_TEST_PENDING, ({ title }) => {
      const reason = /\(skipped: (.*)\)$/.exec(title)?.[1] ?? 'no reason given';
      skipped.set(reason, (skipped.get(reason) ?? 0) + 1);
    });
    runner.once(Runner.constants.EVENT_RUN_END, () => {
      for (const [reason, count] of skipped) console.log(`${count} skipped: ${reason}`);
      console.log(`${this.stats.passes} passed, ${this.stats.failures} failed`);
    });
  }
};
