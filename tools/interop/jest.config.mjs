import preset from '../../jest.preset.mjs'

export default {
  ...preset,
  displayName: '@phlo/interop',
  globalSetup: '<rootDir>/setup.mjs',
  testTimeout: 600_000,
}
