/** What is most likely meant where parameters are asked for, and a module or its method was given. */
export const parametersHint = (value: unknown): string =>
  typeof (value as { parameters?: unknown } | null)?.parameters === 'function'
    ? ': pass model.parameters()'
    : typeof value === 'function'
      ? ': call it, as in model.parameters()'
      : '';
