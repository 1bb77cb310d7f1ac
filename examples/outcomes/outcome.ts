// What an example consists of, and how its outcome is checked.

/** A line of a table, and the numbers that the claims are about. */
export type Row = Record<string, string | number>;

/** An inequality that must hold in every row that has the values of `where`. */
export interface Claim {
  where: Row;
  column: string;
  above?: number;
  below?: number;
}

export interface Example<Size> {
  title: string;
  /** What the table shows, in a sentence or two. */
  lesson: string;
  /** How much to compute: everything in docs/examples.md, or the least that shows the same. */
  sizes: { full: Size; quick: Size };
  /** How often `run` calls `onStep`. */
  steps(size: Size): number;
  run(size: Size, onStep: () => void): Row[];
  claims: Claim[];
}

/** A sentence for each claim that does not hold; a claim that applies to no row does not hold. */
export function failures(claims: Claim[], rows: Row[]): string[] {
  return claims.flatMap(({ where, column, above = -Infinity, below = Infinity }) => {
    const about = Object.values(where).join(', ') || 'each row';
    const matching = rows.filter((row) => Object.entries(where).every(([name, value]) => row[name] === value));
    if (matching.length === 0) return [`${about}: no such row`];
    const wrong = matching
      .map((row) => row[column])
      .filter((value) => !(Number(value) > above && Number(value) < below));
    return wrong.map((value) => `${about}: ${column} is ${value}, expected between ${above} and ${below}`);
  });
}

/** The rows as text under their column names. */
export function cells(rows: Row[]): string[][] {
  const text = (value: string | number) => (typeof value === 'number' ? short(value) : value);
  return [Object.keys(rows[0]!), ...rows.map((row) => Object.values(row).map(text))];
}

/** Three significant digits, without an exponent for numbers of ordinary size. */
const short = (value: number): string => String(Number(value.toPrecision(3)));
