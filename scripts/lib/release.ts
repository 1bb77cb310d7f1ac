// What a release needs before it is packed.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { objectOf } from '../../lib/setup/files.js';
import { releases } from '../../lib/setup/libtorch.js';

/** The binaries of a release, as .github/workflows/release.yml builds them. */
export const prebuilt = [
  ...Object.keys(releases).flatMap((minor) => ['cpu', 'cu13'].map((flavour) => `torch${minor}-${flavour}.node`)),
  'loader.node',
];

/** What a clone lacks for its package to be published, one sentence each. */
export function missingFor(root: string, env: NodeJS.ProcessEnv = process.env): string[] {
  const { version, repository } = objectOf(join(root, 'package.json')) as { version?: string; repository?: unknown };
  const url = typeof repository === 'string' ? repository : String(Object(repository).url ?? '');
  const problems: string[] = [];
  if (url === '') {
    problems.push('package.json has no "repository", and the registry wants it to be the one that provenance names');
  } else if (env.GITHUB_REPOSITORY && !new RegExp(`[/:]${env.GITHUB_REPOSITORY}(\\.git)?$`, 'i').test(url)) {
    problems.push(`"repository" of package.json is ${url}, and this is a run in ${env.GITHUB_REPOSITORY}`);
  }
  if (env.GITHUB_REF_TYPE === 'tag' && env.GITHUB_REF_NAME !== `v${version}`) {
    problems.push(`the tag is ${env.GITHUB_REF_NAME}, and the version of package.json is ${version}`);
  }
  const folder = join(root, 'prebuilds', 'linux-x64');
  const absent = prebuilt.filter((name) => !existsSync(join(folder, name)));
  if (absent.length > 0) problems.push(`${folder} lacks ${absent.join(', ')}`);
  return problems;
}
