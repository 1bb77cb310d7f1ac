// The colours of the README's pictures, which are drawn once for light pages and once for dark ones.

/** The colours of a page; an image does not see those of the page around it. */
export interface Theme {
  paper: string;
  ink: string;
  muted: string;
  line: string;
  accent: string;
  /** Of the demo's runs. */
  runs: readonly string[];
}

export const themes: Record<'light' | 'dark', Theme> = {
  light: {
    paper: '#ffffff',
    ink: '#1b1f24',
    muted: '#59636e',
    line: '#d1d9e0',
    accent: '#1668c1',
    runs: ['#d1571b', '#1668c1', '#12805c'],
  },
  dark: {
    paper: '#0d1117',
    ink: '#e6edf3',
    muted: '#9198a1',
    line: '#3d444d',
    accent: '#4f9df5',
    runs: ['#ff9457', '#6cb2ff', '#4fd1a1'],
  },
};
