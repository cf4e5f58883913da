import preset from '../../jest.preset.mjs'

export default { ...preset, displayName: '@phlo/storage-minio' }
