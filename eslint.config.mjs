import nx from '@nx/eslint-plugin'
import tseslint from 'typescript-eslint'

/** What a room may import, by the tags in each package.json. The design's arrows run one way. */
const depConstraints = [
  { sourceTag: 'scope:ports', onlyDependOnLibsWithTags: ['scope:ports'] },
  { sourceTag: 'scope:iceberg', onlyDependOnLibsWithTags: ['scope:ports'] },
  { sourceTag: 'scope:http', onlyDependOnLibsWithTags: ['scope:ports'] },
  { sourceTag: 'scope:iceberg-rest', onlyDependOnLibsWithTags: ['scope:ports', 'scope:http', 'scope:iceberg'] },
  { sourceTag: 'scope:catalog', onlyDependOnLibsWithTags: ['scope:ports', 'scope:iceberg'] },
  { sourceTag: 'scope:schema', onlyDependOnLibsWithTags: ['scope:ports'] },
  { sourceTag: 'scope:gc', onlyDependOnLibsWithTags: ['scope:ports', 'scope:iceberg'] },
  { sourceTag: 'scope:core', onlyDependOnLibsWithTags: ['scope:ports'] },
  { sourceTag: 'scope:authoring', onlyDependOnLibsWithTags: ['scope:core', 'scope:ports', 'scope:schema'] },
  {
    sourceTag: 'scope:plugin',
    onlyDependOnLibsWithTags: [
      'scope:ports',
      'scope:http',
      'scope:iceberg',
      'scope:iceberg-rest',
      'scope:catalog',
      'scope:schema',
    ],
  },
  {
    sourceTag: 'scope:app',
    onlyDependOnLibsWithTags: [
      'scope:core',
      'scope:authoring',
      'scope:gc',
      'scope:ports',
      'scope:iceberg',
      'scope:schema',
    ],
  },
  { sourceTag: 'scope:example', onlyDependOnLibsWithTags: ['scope:app'] },
  { sourceTag: 'scope:tool', onlyDependOnLibsWithTags: ['*'] },
]

export default tseslint.config(
  {
    ignores: [
      '**/dist/**',
      '**/out-tsc/**',
      '**/node_modules/**',
      '**/.phlo/**',
      '.nx/**',
      'tools/boundaries/fixtures/**',
      'examples/*/workflows/**',
    ],
  },
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      // The rules below would fight the style of the code or the compiler's own settings.
      '@typescript-eslint/dot-notation': 'off',
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true, allow: [{ name: ['bigint'], from: 'lib' }] },
      ],
      '@typescript-eslint/no-confusing-void-expression': 'off',
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/unified-signatures': 'off',
      // What comes from outside is checked although its type promises more.
      '@typescript-eslint/no-unnecessary-condition': 'off',
      // Code points are what Iceberg counts.
      '@typescript-eslint/no-misused-spread': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
    },
  },
  {
    files: ['**/*.ts', '**/*.mjs'],
    plugins: { '@nx': nx },
    rules: {
      '@nx/enforce-module-boundaries': [
        'error',
        {
          enforceBuildableLibDependency: true,
          banTransitiveDependencies: true,
          checkDynamicDependenciesExceptions: ['.*'],
          allow: ['.*/jest\\.preset\\.mjs$'],
          depConstraints,
        },
      ],
    },
  },
  {
    // Tests put parts together that the code must keep apart.
    files: ['**/*.spec.ts', '**/src/testing/**'],
    rules: {
      '@nx/enforce-module-boundaries': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
)
