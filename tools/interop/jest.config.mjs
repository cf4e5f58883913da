import preset from '../../jest.preset.mjs'

export default {
  ...preset,
  displayName: '@phlo/interop',
  globalSetup: '<rootDir>/python/environment.mjs',
  testTimeout: 180_000,
}
