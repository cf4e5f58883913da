/** The arrows between rooms that the tags in eslint.config.mjs cannot say: cycles, and what may do I/O. */
module.exports = {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'domain-does-no-io',
      comment: 'The domain decides; runtime/, adapters and apps touch files, the network and processes.',
      severity: 'error',
      from: { path: '^libs/core/src/(?!runtime/)', pathNot: '\\.spec\\.ts$|/testing/' },
      to: { dependencyTypes: ['core'], path: '^(node:)?(fs|net|http|https|child_process|worker_threads|dgram|tls|os)' },
    },
    {
      name: 'domain-knows-no-runtime',
      severity: 'error',
      from: { path: '^libs/core/src/(?!runtime/)', pathNot: '\\.spec\\.ts$|/testing/' },
      to: { path: '^libs/core/src/runtime/' },
    },
    {
      name: 'iceberg-does-no-io',
      comment: 'The table format knows bytes and an ObjectStore.',
      severity: 'error',
      from: { path: '^libs/iceberg/src/', pathNot: '\\.spec\\.ts$' },
      to: { dependencyTypes: ['core'], path: '^(node:)?(fs|net|http|https|child_process)' },
    },
    {
      name: 'only-composition-knows-the-container',
      severity: 'error',
      from: { pathNot: '^libs/core/src/runtime/composition\\.ts$' },
      to: { path: 'node_modules/tsyringe' },
    },
    {
      name: 'internals-do-not-import-their-index',
      severity: 'error',
      from: {
        path: '^(libs|plugins)/([^/]+)/src/',
        pathNot: '\\.spec\\.ts$|/src/(testing|loading|runtime)/|/src/index\\.ts$',
      },
      to: { path: '^$1/$2/src/index\\.ts$' },
    },
    {
      name: 'not-to-unresolvable',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(libs|plugins|apps)/[^/]+/(dist|out-tsc)/|^tools/boundaries/fixtures/' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      conditionNames: ['@phlo/source', 'import', 'node', 'default', 'types'],
      exportsFields: ['exports'],
    },
  },
}
