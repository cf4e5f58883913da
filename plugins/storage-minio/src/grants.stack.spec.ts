import { randomUUID } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { afterEach, describe, expect, it } from '@jest/globals'
import type { RequestSigner, StorageGrant } from '@phlo/ports'
import { runningServer } from '@phlo/stack'
import type { MinioObjectStore } from './minio-object-store.js'
import { authorization } from './testing/signature.js'
import { Stores } from './testing/stores.js'
import { temporaryCredentials } from './testing/temporary-credentials.js'

const stores = new Stores()
afterEach(() => stores.close())

const denied = { code: 'PHLO_STORAGE_FAILED', message: expect.stringMatching(/denies it/) }

/** Session credentials that may do anything below one folder of the store, and nothing else. */
async function limitedTo(store: MinioObjectStore, folder: string): Promise<StorageGrant['properties']> {
  const below = store.uri(`${folder}/x`).slice('s3://'.length, -1)
  const [bucket = ''] = below.split('/')
  const credentials = await temporaryCredentials({
    Version: '2012-10-17',
    Statement: [
      { Effect: 'Allow', Action: ['s3:*'], Resource: [`arn:aws:s3:::${below}*`] },
      {
        Effect: 'Allow',
        Action: ['s3:ListBucket'],
        Resource: [`arn:aws:s3:::${bucket}`],
        Condition: { StringLike: { 's3:prefix': [`${below.slice(bucket.length + 1)}*`] } },
      },
    ],
  })
  return {
    's3.access-key-id': credentials.accessKeyId,
    's3.secret-access-key': credentials.secretAccessKey,
    's3.session-token': credentials.sessionToken,
  }
}

async function keys(store: MinioObjectStore, prefix: string): Promise<string[]> {
  const found: string[] = []
  for await (const { key } of store.list(prefix)) found.push(key)
  return found
}

describe('Session credentials for one folder', () => {
  it('do everything there, and nothing elsewhere: they are what is used', async () => {
    const store = await stores.create({ attempts: 1 })
    const properties = await limitedTo(store, 't')
    // The same credentials for two folders; their policy knows only one of them.
    store.accept(['t', 'other'].map((folder) => ({ prefix: store.uri(folder), properties })))
    const { version } = await store.put('t/a', Buffer.from('1'), { ifAbsent: true })
    await store.put('t/a', Buffer.from('2'), { ifMatch: version })
    expect(Buffer.from((await store.get('t/a'))?.bytes ?? []).toString()).toBe('2')
    expect(await keys(store, 't/')).toEqual(['t/a'])
    await store.delete(['t/a'])
    expect(await store.head('t/a')).toBeUndefined()

    await expect(store.put('other/a', Buffer.from('1'))).rejects.toMatchObject({
      ...denied,
      hint: `The catalog granted them for ${store.uri('other')}, perhaps for reading only.`,
    })
    await expect(store.get('other/a')).rejects.toMatchObject(denied)
    await expect(store.delete(['other/a'])).rejects.toMatchObject(denied)
    await expect(keys(store, 'other/')).rejects.toMatchObject(denied)
    // What no grant is for, the store's own credentials do.
    await store.put('elsewhere', Buffer.from('1'))
    expect(await keys(store, '')).toEqual(['elsewhere'])
  })

  it('do there what the store’s own may not', async () => {
    const prefix = `tests/${randomUUID()}`
    const store = await stores.create({
      attempts: 1,
      prefix,
      credentials: await temporaryCredentials({
        Version: '2012-10-17',
        Statement: [{ Effect: 'Allow', Action: ['s3:ListBucket'], Resource: ['arn:aws:s3:::*'] }],
      }),
    })
    await expect(store.put('t/a', Buffer.from('1'))).rejects.toMatchObject(denied)
    store.accept([{ prefix: store.uri('t'), properties: await limitedTo(store, 't') }])
    await store.put('t/a', Buffer.from('1'))
    expect(Buffer.from((await store.get('t/a'))?.bytes ?? []).toString()).toBe('1')
    await expect(store.put('u', Buffer.from('1'))).rejects.toMatchObject(denied)
  })
})

describe('Signatures of a catalog', () => {
  it('are taken by a real server, for every kind of request', async () => {
    const { region, accessKeyId, secretAccessKey } = runningServer('minio')
    const sign: RequestSigner = async ({ method, uri, headers: asked, region: signedFor }) => {
      const headers = Object.fromEntries(Object.entries(asked).map(([name, values]) => [name, values.join(',')]))
      const text = authorization(
        { method, uri, headers, region: signedFor, service: 's3' },
        { accessKeyId, secretAccessKey },
      )
      return { uri, headers: { ...asked, authorization: [text] } }
    }
    // The store's own keys are good for nothing.
    const store = await stores.create({
      attempts: 1,
      credentials: { accessKeyId: 'nobody', secretAccessKey: 'a-secret-of-nobody' },
    })
    store.accept([{ prefix: store.uri('t'), properties: { 'client.region': region }, sign }])
    const names = ['t/a', 't/b c', "t/d+e=f&g!*'(é)", 't/h%41']
    for (const name of names) await store.put(name, Buffer.from(name), { ifAbsent: true })
    await expect(store.put('t/a', Buffer.from('x'), { ifAbsent: true })).rejects.toMatchObject({
      code: 'PHLO_OBJECT_EXISTS',
    })
    for (const name of names) {
      const read = await store.get(name, { range: { start: 1, end: 3 } })
      expect(Buffer.from(read?.bytes ?? [])).toEqual(Buffer.from(name).subarray(1, 3))
    }
    expect((await keys(store, 't/')).sort()).toEqual([...names].sort())
    const large = path.join(await mkdtemp(path.join(os.tmpdir(), 'phlo-grants-')), 'large')
    await writeFile(large, Buffer.alloc(17 * 1024 * 1024, 7))
    await store.putFile('t/large', large)
    expect((await store.head('t/large'))?.size).toBe(17 * 1024 * 1024)
    await rm(path.dirname(large), { recursive: true })
    await store.delete([...names, 't/large'])
    expect(await keys(store, 't/')).toEqual([])
    await expect(store.get('elsewhere')).rejects.toMatchObject({ code: 'PHLO_STORAGE_FAILED' })
  })
})
