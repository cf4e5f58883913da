import preset from '../../jest.preset.mjs'

export default { ...preset, displayName: '@phlo/source-postgres' }
