/** A separate stream of random choices for each case, so that a case can be run again alone. */
export class Random {
  private state: number;

  constructor(seed: number, index: number) {
    this.state = (Math.imul(seed, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca6b)) >>> 0;
    for (let i = 0; i < 4; i++) this.bits();
  }

  /** 32 random bits (mulberry32). */
  private bits(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  }

  /** In [0, 1). */
  unit(): number {
    return this.bits() / 2 ** 32;
  }
  /** An integer in [0, n). */
  below(n: number): number {
    return Math.floor(this.unit() * n);
  }
  chance(probability: number): boolean {
    return this.unit() < probability;
  }
  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)]!;
  }
  times<T>(n: number, make: () => T): T[] {
    return Array.from({ length: n }, make);
  }
}
