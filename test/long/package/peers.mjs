// What each function says or gives that needs a package beside this one: peers.mjs FOLDER, run where torch-clip is installed.
import { join } from 'node:path';
import { data, io } from 'torch-clip';

const at = (name) => join(process.argv[2], name);
const first = async (iterable) => (await iterable[Symbol.asyncIterator]().next()).value;

const calls = {
  'hyparquet parquet': async () => (await data.ParquetDataset.open(at('plain.parquet'))).length,
  'hyparquet-compressors parquet': async () =>
    Object.keys(await (await data.ParquetDataset.open(at('gzip.parquet'))).get(9)).length > 0,
  '@uwdata/flechette arrow': async () => (await data.ArrowDataset.open(at('rows.arrow'))).length,
  'csv-parse csv': async () => (await first(new data.CsvDataset(at('rows.csv')))).a,
  'tar-stream tar': async () => (await first(new data.WebDataset(at('rows.tar')))).__key__,
  'sharp image': async () =>
    (await data.decodeImage(Buffer.from('<svg width="3" height="2" xmlns="http://www.w3.org/2000/svg"/>'))).shape,
  '@huggingface/tokenizers tokens': async () =>
    (await data.Tokenizer.open(at('tokenizer.json'))).encode('a').length > 0,
  '@huggingface/gguf gguf': async () => (await io.openGguf(at('model.gguf'))).names.length > 0,
  '@huggingface/hub hub': () => io.hubDownload('a/b', 'c', { localFilesOnly: true, cacheDir: at('cache') }),
};
const results = {};
for (const [name, call] of Object.entries(calls)) {
  results[name] = await call().catch(({ code, message }) => `${code}: ${message}`);
}
console.log(JSON.stringify(results));
