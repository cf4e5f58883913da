import { randomUUID } from 'node:crypto'
import { inspect } from 'node:util'
import { afterEach, describe, expect, it } from '@jest/globals'
import { isPhloError, type PhloError } from '@phlo/ports'
import { runningServer } from '@phlo/stack'
import { Stores } from './testing/stores.js'
import { temporaryCredentials } from './testing/temporary-credentials.js'

const stores = new Stores()
afterEach(() => stores.close())

/** What every operation fails with. */
async function failures(options: Readonly<Record<string, unknown>>): Promise<PhloError[]> {
  const store = await stores.create({ attempts: 1, ...options })
  const operations = [
    () => store.get('k'),
    // Whether it is the object or the bucket that is not there, its answer does not say.
    ...(options['bucket'] === undefined ? [() => store.head('k')] : []),
    () => store.put('k', Buffer.from('x'), { ifAbsent: true }),
    () => store.localFile('k'),
    () => store.delete(['k']),
    async () => {
      for await (const _ of store.list('')) break
    },
  ]
  return Promise.all(
    operations.map(async (operation) => {
      try {
        await operation()
      } catch (error) {
        if (isPhloError(error)) return error
        throw error
      }
      throw new Error(`${operation.toString()} did not fail`)
    }),
  )
}

describe('A bucket that cannot be used', () => {
  it.each([
    ['is not there', { bucket: 'no-such-bucket' }, /there is no bucket no-such-bucket/, /Make the bucket/],
    [
      'does not know the keys',
      { credentials: { accessKeyId: 'nobody', secretAccessKey: 'a-secret-of-nobody' } },
      /does not accept the credentials|denies it/,
      /credentials|They need/,
    ],
    [
      'does not answer',
      { endpoint: 'http://127.0.0.1:1' },
      /http:\/\/127\.0\.0\.1:1 cannot be reached \(ECONNREFUSED\)/,
      /Is the server up/,
    ],
    [
      'is in another region',
      { region: 'eu-central-1' },
      /is not in the region eu-central-1|does not take the request/,
      /region/,
    ],
  ])('%s: told with what to do', async (_, options, message, hint) => {
    for (const error of await failures(options)) {
      expect({ code: error.code, message: error.message }).toEqual({
        code: 'PHLO_STORAGE_FAILED',
        message: expect.stringMatching(message),
      })
      expect(error.hint).toMatch(hint)
    }
  })

  it('is told without the secrets', async () => {
    const { accessKeyId, secretAccessKey } = runningServer('minio')
    const wrong = { accessKeyId, secretAccessKey: 'not-the-secret-of-this-key', sessionToken: 'a-token-that-is-none' }
    const right = { accessKeyId, secretAccessKey }
    for (const options of [{ credentials: wrong }, { credentials: right, bucket: 'no-such-bucket' }]) {
      for (const error of await failures(options)) {
        const said = inspect(error, { depth: 10, showHidden: true })
        for (const secret of [secretAccessKey, wrong.secretAccessKey, wrong.sessionToken]) {
          expect(said).not.toContain(secret)
        }
      }
    }
  })
})

describe('Credentials', () => {
  const put = async (options: Readonly<Record<string, unknown>>) => {
    const store = await stores.create(options)
    await store.put('k', Buffer.from('mine'))
    return Buffer.from((await store.get('k'))!.bytes).toString()
  }

  it('are found in the environment', async () => {
    const { accessKeyId, secretAccessKey } = runningServer('minio')
    const before = { ...process.env }
    Object.assign(process.env, { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey })
    try {
      expect(await put({ credentials: undefined })).toBe('mine')
    } finally {
      process.env = before
    }
  })

  it('may be temporary ones of STS', async () => {
    expect(await put({ credentials: await temporaryCredentials() })).toBe('mine')
  })
})

describe('Encryption by the store', () => {
  it.each([{ keys: 's3' }, { keys: 'kms' }])('keeps versions and conditions as they are: %j', async (encryption) => {
    const store = await stores.create({ encryption, prefix: `encrypted/${randomUUID()}` })
    const { version } = await store.put('k', Buffer.from('one'), { ifAbsent: true })
    expect((await store.get('k'))?.version).toBe(version)
    expect((await store.head('k'))?.version).toBe(version)
    const next = await store.put('k', Buffer.from('two'), { ifMatch: version })
    await expect(store.put('k', Buffer.from('three'), { ifMatch: version })).rejects.toMatchObject({
      code: 'PHLO_OBJECT_CHANGED',
    })
    const object = await store.get('k')
    expect([Buffer.from(object!.bytes).toString(), object!.version]).toEqual(['two', next.version])
  })
})
