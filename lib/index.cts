// What require() loads. A program's module loader need not be Node.js's own: Jest's reads no ES modules, and stands in for
// `node:module`, too. Node.js's own is reached in the process's own realm, and gives the same objects to import and to require().
import vm = require('node:vm');

const { createRequire } = vm.runInThisContext(
  "process.getBuiltinModule('node:module')",
) as typeof import('node:module');

try {
  // Tools that read this file see a default export here, which the namespace has, too.
  exports.default = undefined;
  const load = createRequire(__filename);
  Reflect.set(module, 'exports', load('./index.js'));
  (load('./realm.js') as typeof import('./realm.js', { with: { 'resolution-mode': 'import' }})).useRealm(globalThis);
} catch (error) {
  const { code, requireStack } = error as { code?: string; requireStack?: string[] };
  if (code !== 'MODULE_NOT_FOUND' || requireStack?.[0] !== __filename) throw error;
  throw Object.assign(
    new Error(
      `torch-clip was bundled into ${__filename}, away from its native binary; keep it external: --external:torch-clip with esbuild, ` +
        'externals in webpack, serverExternalPackages in Next.js',
    ),
    { code: 'ERR_BUNDLED' },
  );
}
