import { check, oneOf } from '../../check.js';
import { TorchClipError } from '../../errors.js';
import { complete } from '../engine/definition.js';
import { ReferenceKerasExpectigrad, type ReferenceKerasOptions } from './expectigrad-keras.js';
import { ReferenceExpectigrad, type ReferenceExpectigradGroup, referenceExpectigrad } from './expectigrad-pytorch.js';
import { type Original, onlyOriginal } from './original.js';

/**
 * Expectigrad with `reference`: the form for PyTorch, or the one for TensorFlow with Keras's options.
 *
 * @param form `true` is `'pytorch'`.
 */
export function originalExpectigrad(
  form: true | 'pytorch' | 'tensorflow',
  options: ReferenceExpectigradGroup & ReferenceKerasOptions,
): Original<ReferenceExpectigradGroup> {
  onlyOriginal(options);
  const { decay, clipnorm, clipvalue, globalClipnorm, ...group } = options;
  const whole = complete(referenceExpectigrad, group as Record<string, unknown>, {});
  const keras = { decay, clipnorm, clipvalue, globalClipnorm };
  if (form === 'tensorflow') {
    return {
      definition: referenceExpectigrad,
      options: whole,
      stepper: new ReferenceKerasExpectigrad({ ...whole, ...keras }),
    };
  }
  check('reference', form, oneOf<boolean | string>(true, 'pytorch', 'tensorflow'));
  const name = Object.entries(keras).find(([, value]) => value !== undefined)?.[0];
  if (name !== undefined) {
    throw new TorchClipError(
      'ERR_ARGUMENT',
      `"${name}" is an option of the form for TensorFlow: reference: 'tensorflow'`,
    );
  }
  return { definition: referenceExpectigrad, options: whole, stepper: new ReferenceExpectigrad(whole) };
}
