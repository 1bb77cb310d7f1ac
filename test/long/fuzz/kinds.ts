/** What a case is: a call with hostile arguments, a call with hostile options, or a sequence of valid calls. */
export const kinds = ['calls', 'options', 'sequences'] as const;
export type Kind = (typeof kinds)[number];
