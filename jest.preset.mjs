import { fileURLToPath } from 'node:url'

/** One set of jest settings for every package: ESM, TypeScript by swc, sources instead of builds. */
export default {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  // Suites against real servers are asked for by name: `npm run test:stack`.
  testMatch: ['<rootDir>/src/**/*.spec.ts', '!**/*.stack.spec.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: {
          parser: { syntax: 'typescript', decorators: true },
          transform: { decoratorVersion: '2022-03' },
          target: 'es2022',
        },
        module: { type: 'es6' },
      },
    ],
  },
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  testEnvironmentOptions: { customExportConditions: ['@phlo/source', 'node', 'node-addons'] },
  reporters: ['default', fileURLToPath(new URL('./tools/jest-counts.mjs', import.meta.url))],
  setupFiles: [fileURLToPath(new URL('./tools/property-seed.mjs', import.meta.url))],
  testTimeout: 300_000,
}
