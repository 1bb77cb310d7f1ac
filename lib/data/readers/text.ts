import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { check, flag, integer, kind, listOf, text as textKind } from '../../check.js';
import { full, tensor } from '../../creation/index.js';
import { int64 } from '../../dtype.js';
import { invalidArgument, TorchClipError } from '../../errors.js';
import { fileError, isFolder, type PathLike, pathOf, shown } from '../../io/file.js';
import { peer } from '../../optional-package.js';
import { optionsOf } from '../../options.js';
import { checkOwn, own } from '../../own.js';
import { isTensor, type Tensor } from '../../tensor.js';
import { checkIndex, type Dataset, indicesOf } from '../dataset.js';

type Inner = InstanceType<typeof import('@huggingface/tokenizers').Tokenizer>;

const readEncode = optionsOf('encode() of a Tokenizer', { addSpecialTokens: [flag, true] });
const readBatch = optionsOf('batch() of a Tokenizer', {
  addSpecialTokens: [flag, true],
  maxLength: [integer(1), undefined],
  padToMaxLength: [flag, false],
});
const readDecode = optionsOf('decode() of a Tokenizer', { skipSpecialTokens: [flag, true] });

/**
 * A tokenizer of the Hugging Face hub: the `tokenizer.json` of a model.
 *
 * @example
 * const tokenizer = await data.Tokenizer.open('gpt2'); // a folder with tokenizer.json and tokenizer_config.json
 * const { inputIds, attentionMask } = tokenizer.batch(['A sentence.', 'Another, longer one.']);
 */
export class Tokenizer {
  private constructor(
    token: typeof own,
    private readonly inner: Inner,
    /** The id that fills short rows of a batch; 0 where the tokenizer names none, since the attention mask leaves it out. */
    readonly padId: number,
  ) {
    checkOwn(token, 'Tokenizer', 'data.Tokenizer.open()');
  }

  /**
   * Reads a tokenizer. Needs the package `@huggingface/tokenizers`.
   *
   * @param path a folder with a `tokenizer.json` and perhaps a `tokenizer_config.json`, or the path of a `tokenizer.json`.
   * @throws {TorchClipError} `ERR_FILE` where it cannot be read or is not a tokenizer; `ERR_PACKAGE_NOT_FOUND`.
   */
  static async open(path: PathLike): Promise<Tokenizer> {
    const target = pathOf(path);
    const library = await peer('@huggingface/tokenizers', 'data.Tokenizer', () => import('@huggingface/tokenizers'));
    const inFolder = isFolder(target);
    const file = inFolder ? join(target, 'tokenizer.json') : target;
    const config = inFolder ? (json(join(target, 'tokenizer_config.json'), true) ?? {}) : {};
    const content = json(file, false)!;
    try {
      const inner = new library.Tokenizer(content, config);
      return new Tokenizer(own, inner, padOf(inner, config));
    } catch (error) {
      const why = (error as Error).message.split('\n')[0];
      throw new TorchClipError('ERR_FILE', `${shown(file)} is not a proper tokenizer: ${why}`, { cause: error });
    }
  }

  /** How many tokens there are. */
  get vocabSize(): number {
    return this.inner.get_vocab(true).size;
  }

  /** A token's id, or undefined. */
  idOf(token: string): number | undefined {
    return this.inner.token_to_id(check('token', token, textKind));
  }

  /** The ids of a text. */
  encode(text: string, options: { addSpecialTokens?: boolean } = {}): number[] {
    const { addSpecialTokens } = readEncode(options);
    check('text', text, textKind);
    return this.inner.encode(text, { add_special_tokens: addSpecialTokens }).ids;
  }

  /**
   * Texts as int64 tensors of `[texts, longest]`; shorter ones are filled at the end, where the mask is 0.
   *
   * @param options.maxLength cuts longer texts; default: none.
   * @param options.padToMaxLength fills all to that length; default false.
   */
  batch(
    texts: readonly string[],
    options: { addSpecialTokens?: boolean; maxLength?: number; padToMaxLength?: boolean } = {},
  ): { inputIds: Tensor; attentionMask: Tensor } {
    const { addSpecialTokens, maxLength, padToMaxLength } = readBatch(options);
    if (padToMaxLength && maxLength === undefined)
      throw invalidArgument('maxLength', 'given with "padToMaxLength"', maxLength);
    const rows = listOf('texts', texts, textKind).map((text) =>
      this.encode(text, { addSpecialTokens }).slice(0, maxLength),
    );
    const width = padToMaxLength ? maxLength! : Math.max(0, ...rows.map(({ length }) => length));
    const ids = new BigInt64Array(rows.length * width).fill(BigInt(this.padId));
    const mask = new BigInt64Array(rows.length * width);
    for (const [i, row] of rows.entries()) {
      ids.set(row.map(BigInt), i * width);
      mask.fill(1n, i * width, i * width + row.length);
    }
    const shaped = (values: BigInt64Array) =>
      values.length === 0 ? full([rows.length, width], 0, { dtype: int64 }) : tensor(values).view([rows.length, width]);
    return { inputIds: shaped(ids), attentionMask: shaped(mask) };
  }

  /** The text of ids, as an array or a tensor of one dimension. */
  decode(ids: readonly number[] | ArrayLike<number> | Tensor, options: { skipSpecialTokens?: boolean } = {}): string {
    const { skipSpecialTokens } = readDecode(options);
    return this.inner.decode([...indicesOf('ids', ids)], { skip_special_tokens: skipSpecialTokens });
  }
}

function json(path: string, isOptional: boolean): object | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (isOptional && (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw fileError(path, 'read', error);
  }
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === 'object' && parsed !== null) return parsed;
  } catch {
    // Said below.
  }
  throw new TorchClipError('ERR_FILE', `${shown(path)} is not a proper tokenizer: it is not a JSON object`);
}

function padOf(inner: Inner, config: object): number {
  const { pad_token: pad } = config as { pad_token?: string | { content?: string } };
  const token = typeof pad === 'object' ? pad?.content : pad;
  return (typeof token === 'string' ? inner.token_to_id(token) : undefined) ?? 0;
}

const readBlocks = optionsOf('data.TokenBlocks', { blockSize: [integer(1)], stride: [integer(1), undefined] });
const tokenRow = kind<Tensor | ArrayLike<number>>('an array of integers or a tensor of one dimension', (value) =>
  isTensor(value) ? value.dim() === 1 : Array.isArray(value) || ArrayBuffer.isView(value),
);

/**
 * Blocks of a long row of tokens, for training a language model: a sample is `[inputs, targets]`, both int64 tensors of `blockSize`
 * tokens, where the targets are the inputs one token later.
 *
 * @param options.stride how far apart blocks begin; default: `blockSize`, so that they do not overlap.
 *
 * @example
 * const tokens = tokenizer.encode(readFileSync('corpus.txt', 'utf8'));
 * const blocks = new data.TokenBlocks(tokens, { blockSize: 128 });
 * const loader = new data.DataLoader(blocks, { batchSize: 16, shuffle: true });
 */
export class TokenBlocks implements Dataset<[inputs: Tensor, targets: Tensor]> {
  readonly tokens: Tensor;
  readonly blockSize: number;
  readonly stride: number;
  readonly length: number;

  constructor(tokens: Tensor | ArrayLike<number>, options: { blockSize: number; stride?: number }) {
    const { blockSize, stride } = readBlocks(options);
    check('tokens', tokens, tokenRow);
    const row = isTensor(tokens)
      ? tokens.to({ dtype: int64 })
      : tensor(BigInt64Array.from(indicesOf('tokens', tokens), BigInt));
    const count = row.numel();
    if (count <= blockSize) {
      throw new TorchClipError(
        'ERR_SHAPE',
        `"tokens" must have more than ${blockSize} tokens, as a block has, got ${count}`,
      );
    }
    this.tokens = row;
    this.blockSize = blockSize;
    this.stride = stride ?? blockSize;
    this.length = Math.floor((count - 1 - blockSize) / this.stride) + 1;
  }

  get(index: number): [inputs: Tensor, targets: Tensor] {
    const start = checkIndex(index, this.length) * this.stride;
    return [this.tokens.narrow(0, start, this.blockSize), this.tokens.narrow(0, start + 1, this.blockSize)];
  }
}
