// What both trackers take.
import { kind } from '../../check.js';
import { invalidArgument } from '../../errors.js';
import { isTensor } from '../../tensor.js';

export const name = kind<string>('a string that is not empty', (value) => typeof value === 'string' && value !== '');

export const addressOf = (server: string) =>
  kind<string>(`the http: or https: address of ${server}`, (value) => {
    return typeof value === 'string' && URL.canParse(value) && /^https?:$/.test(new URL(value).protocol);
  });

/** A number, or that of a tensor of one. */
export function numberOf(what: string, value: unknown): number {
  const number = isTensor(value) && value.numel() === 1 ? Number(value.detach().item()) : value;
  if (typeof number !== 'number') throw invalidArgument(what, 'a number, or a tensor of one', value);
  return number;
}
