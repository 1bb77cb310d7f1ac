// Saves again and again until it is killed, or so many times: saver.mjs FOLDER FORMAT [TIMES [FIRST]]
import torch from '../../../dist/index.js';
import { formatsOf, pathOf, rowsOf } from './formats.mjs';

const [folder, name, times = 'Infinity', first = '0'] = process.argv.slice(2);
const format = formatsOf(torch)[name];
for (let i = Number(first); i < Number(first) + Number(times); i++) {
  format.save(rowsOf(torch, i), pathOf(folder, format));
  if (i === Number(first)) console.log('saved once');
}
