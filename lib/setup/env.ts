/** Whether a variable switches something on: set, and to nothing that people write for off. */
export function isOn(value: string | undefined): boolean {
  return !['', '0', 'false', 'no', 'off'].includes(value?.trim().toLowerCase() ?? '');
}
