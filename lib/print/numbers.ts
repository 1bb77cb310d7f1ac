// Numbers as Python's format() writes them: exact decimal expansion, ties to even, where JavaScript rounds ties up.

/** Whether the decimal expansion of |x| ends in a 5 right after `digits` decimals. */
const isTie = (x: number, digits: number) => {
  const scaled = x * 2 ** (digits + 1);
  return Number.isInteger(scaled) && scaled % 2 !== 0;
};

/** The decimal string with its last digit made even by taking one off. */
function toEven(text: string): string {
  const at = /\d(?=\D*$)/.exec(text)!.index;
  const digit = Number(text[at]);
  return digit % 2 === 0 ? text : text.slice(0, at) + (digit - 1) + text.slice(at + 1);
}

function special(x: number): string | undefined {
  if (Number.isNaN(x)) return 'nan';
  if (!Number.isFinite(x)) return x > 0 ? 'inf' : '-inf';
  return undefined;
}

const sign = (x: number) => (x < 0 || Object.is(x, -0) ? '-' : '');

/** `f'{x:.{digits}f}'` */
export function fixed(x: number, digits: number): string {
  const word = special(x);
  if (word !== undefined) return word;
  const abs = Math.abs(x);
  // From 1e21 on toFixed gives an exponent; such a double is an integer.
  if (abs >= 1e21) return `${sign(x)}${BigInt(abs)}${digits > 0 ? `.${'0'.repeat(digits)}` : ''}`;
  const text = abs.toFixed(digits);
  return sign(x) + (isTie(abs, digits) ? toEven(text) : text);
}

/** `f'{x:.{digits}e}'` */
export function scientific(x: number, digits: number): string {
  const word = special(x);
  if (word !== undefined) return word;
  const abs = Math.abs(x);
  const [mantissa, exponent] = abs.toExponential(digits).split('e') as [string, string];
  // All digits of the expansion tell a tie from a neighbour: a double has far fewer than 100 before zeros only.
  const exact = abs
    .toExponential(100)
    .split('e')[0]!
    .slice(2 + digits);
  const rounded = /^50*$/.test(exact) ? toEven(mantissa) : mantissa;
  const power = Number(exponent);
  const width = Math.abs(power).toString().padStart(2, '0');
  return `${sign(x)}${rounded}e${power < 0 ? '-' : '+'}${width}`;
}

/** `repr(x)` of a float: the fewest digits that tell it from its neighbours. */
export function shortest(x: number): string {
  const word = special(x);
  if (word !== undefined) return word;
  const abs = Math.abs(x);
  if (abs !== 0 && (abs < 1e-4 || abs >= 1e16)) {
    const [mantissa, exponent] = abs.toExponential().split('e') as [string, string];
    return `${sign(x)}${mantissa}e${exponent[0]}${exponent.slice(1).padStart(2, '0')}`;
  }
  return `${sign(x)}${abs}${Number.isInteger(abs) ? '.0' : ''}`;
}
