import { TorchClipError } from '../errors.js';
import { shown } from './file.js';

/** Makes the error that says what is wrong with a file. */
export type Bad = (what: string) => TorchClipError;

/** The error for a file that PyTorch would not have written, or that holds more than data. */
export const badFile =
  (path: string): Bad =>
  (what) =>
    new TorchClipError('ERR_FILE', `${shown(path)} cannot be loaded: ${what}`);
