/** The newest symbols that a prebuilt binary may need: those of RHEL 9; Ubuntu 22.04 and Debian 12 are newer. */
const baseline: Record<string, string> = { GLIBC: '2.34', GLIBCXX: '3.4.29', CXXABI: '1.3.13' };

const newer = (a: string, b: string) => a.localeCompare(b, 'en', { numeric: true });

/**
 * The newest version of each system library's symbols that a binary needs, from what `objdump -T` prints of it.
 *
 * @throws Error if one is beyond the baseline, or if there is none at all: then the file is not such a binary.
 */
export function needsOf(file: string, symbols: string): string {
  const needs = Object.entries(baseline).flatMap(([library, allowed]) => {
    const found = [...symbols.matchAll(new RegExp(`\\b${library}_(\\d[\\d.]*)`, 'g'))].map(([, version]) => version!);
    const newest = found.sort(newer).at(-1);
    if (newest === undefined) return [];
    if (newer(newest, allowed) > 0) {
      throw new Error(
        `${file} needs ${library}_${newest}, and prebuilt binaries may need ${library}_${allowed} at most`,
      );
    }
    return [`${library}_${newest}`];
  });
  // A file that needs no symbol of the C library is not an addon that objdump could read.
  if (!needs.some((need) => need.startsWith('GLIBC_')))
    throw new Error(`objdump shows no symbol of the C library in ${file}`);
  return `needs ${needs.join(', ')}`;
}
