import { describe, expect, it } from '@jest/globals'
import { MinioStorageOptions, parseSize } from './options.js'

describe('MinioStorageOptions', () => {
  it('need a bucket and nothing else', () => {
    expect(MinioStorageOptions.parse({ bucket: 'lake' })).toEqual({
      bucket: 'lake',
      prefix: '',
      region: 'us-east-1',
      timeout: 60,
      attempts: 5,
      cache: { path: '.phlo/cache/objects', maxSize: '10GB' },
    })
  })

  it.each([
    [{}, 'no bucket'],
    [{ bucket: 'Lake' }, 'a bucket with capitals'],
    [{ bucket: 'lake', prefix: '/a' }, 'a prefix with a slash at its start'],
    [{ bucket: 'lake', prefix: 'a/' }, 'a prefix with a slash at its end'],
    [{ bucket: 'lake', endpoint: 'localhost:9000' }, 'an endpoint without http'],
    [{ bucket: 'lake', endpoint: 'ftp://localhost' }, 'an endpoint of something else'],
    [{ bucket: 'lake', credentials: { accessKeyId: 'a' } }, 'half of credentials'],
    [{ bucket: 'lake', encryption: { keys: 'own' } }, 'an encryption that is not known'],
    [{ bucket: 'lake', cache: { maxSize: '10' } }, 'a size without a unit'],
    [{ bucket: 'lake', attempts: 0 }, 'no attempt'],
    [{ bucket: 'lake', secure: true }, 'what is no option'],
  ])('refuse %j: %s', (options, _) => {
    expect(MinioStorageOptions.safeParse(options).success).toBe(false)
  })

  it('read sizes', () => {
    expect(['10GB', '1.5 TB', '500mb'].map(parseSize)).toEqual([10e9, 1.5e12, 500e6])
  })
})
