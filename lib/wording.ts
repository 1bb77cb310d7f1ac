// libtorch's messages name what its Python users write. Here they name what TypeScript users write, with a fix for the most common.
import { camelCase } from './camel-case.js';

/** What is quoted is a name of libtorch's own, and so is what follows a namespace; dtypes and layouts print as in PyTorch. */
const kept = /"[^"]*"|'[^']*'|\w+::\w+|torch\.(?:float8_\w+|sparse_\w+)/g;

const words: Readonly<Record<string, string>> = { True: 'true', False: 'false', None: 'null' };

const phrases: readonly (readonly [pattern: RegExp, text: string])[] = [
  [
    /torch\.autograd\.set_detect_anomaly\(True, check_nan=False\)/g,
    'torch.autograd.setDetectAnomaly(true, { checkNan: false })',
  ],
  [/torch\.autograd\.set_detect_anomaly\(True\)/g, 'torch.autograd.setDetectAnomaly(true)'],
  [/\bwith torch\.(\w+)\(\):/g, 'torch.$1(() => ...)'],
  [/functions with out=\.\.\. arguments/g, 'operators with an "out"'],
  [/internal error: (\w+)\.size\(\) must be (\d+)/g, '$1 must have $2 elements'],
];

/** Python's `name=True` is `name: true`, `snake_case` is `snakeCase`, `None` is null. */
function translated(text: string): string {
  return text
    .replace(
      /\b([a-z]\w*)=(True|False|None)\b/g,
      (_, name: string, value: string) => `${camelCase(name)}: ${words[value]}`,
    )
    .replace(/\b(?:True|False|None(?! of\b))\b/g, (word) => words[word]!)
    .replace(/\b[a-z][a-z0-9]*(?:_[a-z0-9]+)+_?\b/g, camelCase);
}

const indices =
  'integers are float32 unless they say otherwise: use bigints such as 2n, { dtype: torch.int64 }, or .long()';

const cures: readonly (readonly [pattern: RegExp, cure: string])[] = [
  [/target dtype to be Long|scalar type (?:Long|Byte) but found (?:Float|Double)/, `class ${indices}`],
  [/scalar types: Long, Int; but got/, `indices that are ${indices}`],
  [
    /Expected dtype int(?:32|64)\S* (?:or int64 )?for index|tensors used as indices must be long/i,
    `indices that are ${indices}`,
  ],
  [
    /does not require grad and does not have a grad_fn/,
    'set requiresGrad: true where gradients are to flow to, and look for detach(), item() or torch.noGrad() on the way',
  ],
  [/functions with out=/, 'leave "out" away, or call it inside torch.noGrad(() => ...)'],
  [
    /leaf Variable that requires grad is being used in an in-place operation/,
    'write to a parameter inside torch.noGrad(() => ...)',
  ],
];

/** The message as TypeScript users write what it names, and the cure where there is a known one. */
export function inJavaScript(message: string): string {
  let result = message;
  for (const [pattern, text] of phrases) result = result.replace(pattern, text);
  let at = 0;
  let text = '';
  for (const { 0: quoted, index } of result.matchAll(kept)) {
    text += translated(result.slice(at, index)) + quoted;
    at = index + quoted.length;
  }
  text += translated(result.slice(at));
  const cure = cures.find(([pattern]) => pattern.test(message))?.[1];
  return cure === undefined ? text : `${text}${/[.!?]$/.test(text) ? '' : '.'} (${cure})`;
}
