import { afterEach, describe, expect, it } from '@jest/globals'
import { type ScriptedAnswer, ScriptedServer, type SeenRequest } from '@phlo/http/testing'
import type { StorageGrant } from '@phlo/ports'
import { noAuthentication } from '../authentication/authentication.js'
import { RestClient } from '../catalog/rest-client.js'
import { HttpClient } from '../http/http-client.js'
import { identifier, tableText } from '../testing/example-table.js'
import { storageGrants } from './grants.js'

let server: ScriptedServer | undefined

afterEach(async () => {
  await server?.stop()
})

async function grants(
  more: Readonly<Record<string, unknown>>,
  script: (request: SeenRequest) => ScriptedAnswer = () => ({ status: 404 }),
  config: unknown = {},
): Promise<readonly StorageGrant[]> {
  server = await ScriptedServer.start((request) => {
    if (request.path.startsWith('/v1/config')) return { status: 200, json: config }
    return request.path.endsWith('/tables/t') ? { status: 200, text: tableText({ more }) } : script(request)
  })
  const http = new HttpClient({ authentication: noAuthentication, timeout: 60_000, attempts: 1 })
  const client = await RestClient.open({ uri: server.uri, http })
  const granted = await client.loadTable(identifier)
  return granted ? storageGrants(client, granted) : []
}

const table = '/v1/namespaces/a%1Fb/tables/t'

describe('Access to a table’s files', () => {
  it('is granted by prefix, with the catalog’s settings below the table’s and the credentials’ own', async () => {
    const [one, two] = await grants(
      {
        config: { 's3.region': 'table', 'write.format': 'not a store’s' },
        'storage-credentials': [
          {
            prefix: 's3://lake/',
            config: { 's3.access-key-id': 'k1', 's3.session-token-expires-at-ms': '1700000000000' },
          },
          { prefix: 's3://lake/t/', config: { 's3.access-key-id': 'k2', 's3.region': 'own' } },
        ],
      },
      undefined,
      { defaults: { 's3.endpoint': 'http://minio', 's3.region': 'catalog' } },
    )
    expect([one?.prefix, one?.properties, one?.ends]).toEqual([
      's3://lake/',
      {
        's3.endpoint': 'http://minio',
        's3.region': 'table',
        's3.access-key-id': 'k1',
        's3.session-token-expires-at-ms': '1700000000000',
      },
      new Date(1700000000000),
    ])
    expect([two?.prefix, two?.properties['s3.region'], two?.ends]).toEqual(['s3://lake/t/', 'own', undefined])
  })

  it('is granted for the table’s folder where it is in the table’s own settings', async () => {
    const [grant] = await grants({ config: { 's3.access-key-id': 'k', 's3.secret-access-key': 's' } })
    expect([grant?.prefix, grant?.properties]).toEqual([
      's3://lake/t/',
      { 's3.access-key-id': 'k', 's3.secret-access-key': 's' },
    ])
  })

  it('is not granted where the server says nothing of it', async () => {
    expect(
      await grants({ config: { 'client.region': 'eu' } }, undefined, { defaults: { 's3.access-key-id': 'k' } }),
    ).toEqual([])
  })

  it('is renewed by the endpoint for that where there is one', async () => {
    const credential = (key: string) => ({ prefix: 's3://lake/', config: { 's3.access-key-id': key } })
    const [grant] = await grants(
      { 'storage-credentials': [credential('old')] },
      ({ path }) =>
        path === `${table}/credentials`
          ? { status: 200, json: { 'storage-credentials': [credential('new')] } }
          : { status: 404 },
      {
        endpoints: [
          'GET /v1/{prefix}/namespaces/{namespace}/tables/{table}',
          'GET /v1/{prefix}/namespaces/{namespace}/tables/{table}/credentials',
        ],
      },
    )
    expect((await grant?.renew?.())?.properties).toEqual({ 's3.access-key-id': 'new' })
  })
})

describe('A request that the catalog signs', () => {
  const request = {
    method: 'GET',
    uri: 'http://minio/lake/t/data.parquet',
    region: 'eu',
    headers: { host: ['minio'], 'x-amz-date': ['now'] },
  }
  const signed = { uri: request.uri, headers: { authorization: ['AWS4 …'] } }
  const signing = { config: { 's3.remote-signing-enabled': 'true', 's3.signer.endpoint': 'v1/sign-it' } }

  it('gets its signature from where the table says', async () => {
    const [grant] = await grants(signing, () => ({ status: 200, json: signed }))
    expect(await grant?.sign?.({ ...request, method: 'POST', body: '<Delete/>' })).toEqual(signed)
    const { path, body } = server?.seen.at(-1) ?? {}
    expect([path, JSON.parse(body ?? '')]).toEqual([
      '/v1/sign-it',
      { ...request, method: 'POST', body: '<Delete/>', provider: 's3' },
    ])
  })

  it('gets it from the table’s own endpoint, with what is to be passed on, where that is told', async () => {
    const [grant] = await grants(
      {
        config: { 's3.remote-signing-enabled': 'true' },
        'remote-signing-config': { properties: { tenant: '7' }, headers: { 'x-tenant': ['7', '8'] } },
      },
      () => ({ status: 200, json: signed }),
    )
    await grant?.sign?.(request)
    const { path, body, headers } = server?.seen.at(-1) ?? {}
    expect([path, (JSON.parse(body ?? '') as { properties: unknown }).properties, headers?.['x-tenant']]).toEqual([
      `${table}/sign`,
      { tenant: '7' },
      '7',
    ])
  })

  it.each([
    ['private', 1],
    ['no-cache', 2],
  ])('is signed again unless the catalog allows to keep it: %s', async (control, times) => {
    const [grant] = await grants(signing, () => ({ status: 200, json: signed, headers: { 'cache-control': control } }))
    await grant?.sign?.(request)
    await grant?.sign?.({ ...request, headers: { ...request.headers, 'x-amz-date': ['later'] } })
    expect(server?.seen.filter(({ path }) => path === '/v1/sign-it')).toHaveLength(times)
  })

  it('is always signed anew when it writes', async () => {
    const [grant] = await grants(signing, () => ({
      status: 200,
      json: signed,
      headers: { 'cache-control': 'private' },
    }))
    await grant?.sign?.({ ...request, method: 'PUT' })
    await grant?.sign?.({ ...request, method: 'PUT' })
    expect(server?.seen.filter(({ path }) => path === '/v1/sign-it')).toHaveLength(2)
  })

  it.each([
    [{ ...signed, uri: 'http://elsewhere/lake/t/data.parquet' }],
    [{ ...signed, uri: 'http://minio/lake/other' }],
    [{ uri: request.uri }],
    [{ uri: request.uri, headers: { a: 1 } }],
  ])('is refused where the signature is for something else, or none: %j', async (json) => {
    const [grant] = await grants(signing, () => ({ status: 200, json }))
    await expect(grant?.sign?.(request)).rejects.toMatchObject({ code: 'PHLO_CATALOG_FAILED' })
  })

  it('is not sent to a server that nobody named', async () => {
    const elsewhere = { config: { 's3.remote-signing-enabled': 'true', 'signer.uri': 'http://elsewhere.example' } }
    await expect(grants(elsewhere)).rejects.toMatchObject({ code: 'PHLO_CATALOG_FAILED' })
  })
})
