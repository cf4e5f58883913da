import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { PhloError, type RequestSigner, type StorageGrant } from '@phlo/ports'
import { MinioObjectStore } from './minio-object-store.js'
import { MinioStorageOptions } from './options.js'
import { authorization } from './testing/signature.js'
import { SignedServer } from './testing/signed-server.js'

const secrets = { own: 'own-secret', table: 'table-secret', inner: 'inner-secret', fresh: 'fresh-secret' }
const minute = 60_000

let server: SignedServer
let folder: string
let store: MinioObjectStore

beforeEach(async () => {
  server = await SignedServer.start(secrets)
  folder = await mkdtemp(path.join(os.tmpdir(), 'phlo-grants-'))
  const options = MinioStorageOptions.parse({
    endpoint: server.endpoint,
    bucket: 'lake',
    prefix: 'p',
    credentials: { accessKeyId: 'own', secretAccessKey: secrets.own },
    attempts: 2,
  })
  store = new MinioObjectStore(options, folder)
})

afterEach(async () => {
  await store.close()
  await server.stop()
  await rm(folder, { recursive: true })
})

function grant(prefix: string, key: string, more: Partial<StorageGrant> = {}): StorageGrant {
  return {
    prefix,
    properties: {
      's3.access-key-id': key,
      's3.secret-access-key': `${key}-secret`,
      's3.session-token': `${key}-token`,
    },
    ...more,
  }
}

/** Who asked for what so far. */
function asked(): string[] {
  return server.seen.map(({ method, url, keyId, token }) =>
    [method, url.replace(/\?.*/, ''), keyId, token ?? '-'].join(' '),
  )
}

async function failure(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => undefined,
    (error: unknown) => error,
  )
}

describe('Access that a catalog grants', () => {
  it('is used for the keys below its prefix, the longest prefix first, and the store’s own for the others', async () => {
    store.accept([grant('s3a://lake/p/t/', 'table'), grant('s3://lake/p/t/inner/', 'inner')])
    for (const key of ['t/a', 't/inner/a', 'tt/a']) await store.put(key, Buffer.from(key))
    await store.get('t/inner/a')
    await store.head('t/a')
    expect(asked()).toEqual([
      'PUT /lake/p/t/a table table-token',
      'PUT /lake/p/t/inner/a inner inner-token',
      'PUT /lake/p/tt/a own -',
      'GET /lake/p/t/inner/a inner inner-token',
      'HEAD /lake/p/t/a table table-token',
    ])
  })

  it('deletes with each key’s own, in a request for each', async () => {
    store.accept([grant('s3://lake/p/t/', 'table')])
    await store.delete(['t/a', 'u', 't/b'])
    const keys = server.seen.map(({ keyId, body }) => [
      keyId,
      [...body.matchAll(/<Key>([^<]+)/g)].map(([, key]) => key),
    ])
    expect(keys).toEqual([
      ['table', ['p/t/a', 'p/t/b']],
      ['own', ['p/u']],
    ])
  })

  it('is replaced by a later one for its prefix', async () => {
    store.accept([grant('s3://lake/p/t/', 'table')])
    await store.put('t/a', Buffer.from('1'))
    store.accept([grant('s3://lake/p/t/', 'inner')])
    await store.put('t/a', Buffer.from('2'))
    expect(server.seen.map(({ keyId }) => keyId)).toEqual(['table', 'inner'])
  })

  it('goes to the endpoint and the region that it names', async () => {
    const other = await SignedServer.start(secrets)
    const { properties } = grant('', 'table')
    const more = { 's3.endpoint': other.endpoint, 'client.region': 'eu-north-1', 's3.path-style-access': 'true' }
    store.accept([{ prefix: 's3://lake/p/t', properties: { ...properties, ...more } }])
    await store.put('t/a', Buffer.from('1'))
    expect(other.seen).toMatchObject([{ url: '/lake/p/t/a?x-id=PutObject', region: 'eu-north-1', keyId: 'table' }])
    expect(server.seen).toEqual([])
    await other.stop()
  })

  it.each([
    ['true', 'http://store.example/lake/p/t/a?x-id=GetObject'],
    ['false', 'http://lake.store.example/p/t/a?x-id=GetObject'],
  ])('has the bucket in the path or in the host as it says: %s', async (style, uri) => {
    const asked: string[] = []
    const sign: RequestSigner = async (request) => {
      asked.push(request.uri)
      throw new PhloError('PHLO_CATALOG_DENIED', 'No signature for you')
    }
    const properties = { 's3.endpoint': 'http://store.example', 's3.path-style-access': style }
    store.accept([{ prefix: 's3://lake/p/t', properties, sign }])
    await expect(store.get('t/a')).rejects.toMatchObject({ code: 'PHLO_CATALOG_DENIED' })
    expect(asked).toEqual([uri])
  })

  it('is renewed once, shortly before it ends, for all requests that wait for it', async () => {
    let renewals = 0
    const renew = async () => {
      renewals++
      return grant('s3://lake/p/t', 'fresh', { ends: new Date(Date.now() + 60 * minute) })
    }
    store.accept([grant('s3://lake/p/t', 'table', { ends: new Date(Date.now() + 2 * minute), renew })])
    await store.put('t/a', Buffer.from('1'))
    const ends = new Date(Date.now() + minute / 2)
    store.accept([grant('s3://lake/p/t', 'table', { ends, renew })])
    await Promise.all(['a', 'b', 'c'].map((key) => store.put(`t/${key}`, Buffer.from(key))))
    // What a catalog says again, its table unchanged, is no reason to go back to it.
    store.accept([grant('s3://lake/p/t', 'table', { ends, renew })])
    await store.get('t/a')
    expect([renewals, server.seen.map(({ keyId }) => keyId)]).toEqual([
      1,
      ['table', 'fresh', 'fresh', 'fresh', 'fresh'],
    ])
  })

  it('is used until it ends when it cannot be renewed, and refused afterwards', async () => {
    const renew = () => Promise.reject(new Error('the catalog is away'))
    store.accept([grant('s3://lake/p/t', 'table', { ends: new Date(Date.now() + minute / 2), renew })])
    await store.put('t/a', Buffer.from('1'))
    const ended = grant('s3://lake/p/t', 'table', { ends: new Date(Date.now() - 1) })
    store.accept([ended])
    await expect(store.get('t/a')).rejects.toMatchObject({
      code: 'PHLO_STORAGE_FAILED',
      hint: expect.stringContaining('Load the table again'),
    })
    store.accept([{ ...ended, renew: async () => ended }])
    await expect(store.get('t/a')).rejects.toMatchObject({ code: 'PHLO_STORAGE_FAILED' })
    expect(asked()).toEqual(['PUT /lake/p/t/a table table-token'])
  })

  it.each([
    ['has half of the keys', { 's3.access-key-id': 'table' }, /not whole/],
    ['names an endpoint that is none', { ...grant('', 'table').properties, 's3.endpoint': 'file:///x' }, /no URL/],
    ['has keys that the store does not know', grant('', 'nobody').properties, /does not accept the credentials/],
  ])('fails, and tells no secret, where it %s', async (_, properties, message) => {
    store.accept([{ prefix: 's3://lake/p/t', properties }])
    const error = await failure(store.put('t/a', Buffer.from('1')))
    expect(error).toMatchObject({ code: 'PHLO_STORAGE_FAILED', message: expect.stringMatching(message) })
    expect(inspect(error, { depth: 20, showHidden: true })).not.toMatch(/-secret|-token/)
    expect(server.seen).toEqual([])
  })

  it('is for nothing of this store when it is for elsewhere, or holds no keys', async () => {
    store.accept([
      grant('', 'table'),
      grant('s3://lake2/p/t', 'table'),
      grant('gs://lake/p/t', 'table'),
      { prefix: 's3://lake/p/t', properties: { 's3.region': 'eu-north-1' } },
    ])
    await store.put('t/a', Buffer.from('1'))
    expect(asked()).toEqual(['PUT /lake/p/t/a own -'])
  })

  it.each(['s3://lake2/p/t/a', 's3://lake/q/t/a', 's3://lake/p', 'gs://lake/p/t/a'])(
    'makes no key of what lies outside the store: %s',
    (uri) => {
      store.accept([grant(uri, 'table')])
      expect(store.key(uri)).toBeUndefined()
    },
  )
})

describe('A request that the catalog signs', () => {
  const signed: Parameters<RequestSigner>[0][] = []
  /** Signs as a catalog does that has the key, at a time of its own, and lets what it returns be kept. */
  const sign: RequestSigner = async (request) => {
    signed.push(request)
    const headers = Object.fromEntries(
      Object.entries(request.headers).map(([name, values]) => [name, values.join(',')]),
    )
    const own = { ...headers, 'x-amz-date': '20260101T000000Z', 'x-amz-security-token': 'table-token' }
    const { method, uri, region } = request
    const text = authorization(
      { method, uri, headers: own, region, service: 's3' },
      { accessKeyId: 'table', secretAccessKey: secrets.table },
    )
    const all = { ...own, Authorization: text, 'Cache-Control': 'private' }
    return { uri, headers: Object.fromEntries(Object.entries(all).map(([name, value]) => [name, [value]])) }
  }
  const settings = { 'client.region': 'eu-north-1' }

  beforeEach(() => {
    signed.length = 0
    store.accept([{ prefix: 's3://lake/p/t', properties: settings, sign }])
  })

  it('is sent as it was signed, its body by its hash alone', async () => {
    await store.put('t/a b+c=ü', Buffer.from('one'), { ifAbsent: true })
    const read = await store.get('t/a b+c=ü', { range: { start: 0, end: 2 } })
    expect(Buffer.from(read?.bytes ?? []).toString()).toBe('on')
    expect(server.seen.map(({ method, keyId, region, token }) => [method, keyId, region, token])).toEqual([
      ['PUT', 'table', 'eu-north-1', 'table-token'],
      ['GET', 'table', 'eu-north-1', 'table-token'],
    ])
    const [put] = server.seen
    expect([
      put?.headers['x-amz-date'],
      put?.headers['if-none-match'],
      put?.headers['cache-control'],
      put?.body,
    ]).toEqual(['20260101T000000Z', '*', undefined, 'one'])
    expect(signed.map(({ method, uri, region, body }) => ({ method, uri, region, body }))).toEqual([
      {
        method: 'PUT',
        uri: `${server.endpoint}/lake/p/t/a%20b%2Bc%3D%C3%BC?x-id=PutObject`,
        region: 'eu-north-1',
        body: undefined,
      },
      {
        method: 'GET',
        uri: `${server.endpoint}/lake/p/t/a%20b%2Bc%3D%C3%BC?x-id=GetObject`,
        region: 'eu-north-1',
        body: undefined,
      },
    ])
    expect(signed[1]?.headers['range']).toEqual(['bytes=0-1'])
  })

  it('has what belongs to the connection left out of what is to be signed', async () => {
    const bytes = Buffer.alloc(3 * 1024 * 1024)
    await store.put('t/large', bytes)
    const names = Object.keys(signed[0]?.headers ?? {})
    expect(names.filter((name) => name !== name.toLowerCase() || /^(expect|user-agent)$/.test(name))).toEqual([])
    expect(server.seen[0]?.headers).toMatchObject({ expect: '100-continue', 'content-length': String(bytes.length) })
  })

  it('shows its body where that names the keys', async () => {
    await store.delete(['t/a', 'u'])
    expect(
      signed.map(({ uri, body }) => [new URL(uri).search.includes('delete'), body?.includes('<Key>p/t/a</Key>')]),
    ).toEqual([[true, true]])
    expect(server.seen.map(({ keyId, body }) => [keyId, body.includes('p/u')])).toEqual([
      ['table', false],
      ['own', true],
    ])
  })

  it('is sent to the URI that was returned', async () => {
    const moved: RequestSigner = async (request) =>
      sign({ ...request, uri: `${request.uri}&signed-by=the%20catalog%2B` })
    store.accept([{ prefix: 's3://lake/p/t', properties: settings, sign: moved }])
    await store.put('t/a', Buffer.from('1'))
    expect(server.seen[0]?.url).toBe('/lake/p/t/a?signed-by=the%20catalog%2B&x-id=PutObject')
  })
})
