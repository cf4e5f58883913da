import { afterEach, describe, expect, it } from '@jest/globals'
import { type ScriptedAnswer, ScriptedServer, type SeenRequest } from '@phlo/http/testing'
import { noAuthentication } from '../authentication/authentication.js'
import { HttpClient } from '../http/http-client.js'
import { identifier, tableText } from '../testing/example-table.js'
import { errorAnswer } from '../testing/error-answer.js'
import { RestClient, type RestClientOptions } from './rest-client.js'

let server: ScriptedServer | undefined

afterEach(async () => {
  await server?.stop()
})

/** A client of a server that answers `/v1/config` with `config`, and everything else by the script. */
async function open(
  script: (request: SeenRequest, number: number) => ScriptedAnswer,
  config: unknown = {},
  options: Partial<RestClientOptions> = {},
): Promise<RestClient> {
  let number = 0
  server = await ScriptedServer.start((request) =>
    request.path.startsWith('/v1/config') ? { status: 200, json: config } : script(request, number++),
  )
  const http = new HttpClient({ authentication: noAuthentication, timeout: 60_000, attempts: 2 })
  return RestClient.open({ uri: server.uri, http, ...options })
}

const asked = () => (server?.seen ?? []).slice(1).map(({ method, path }) => `${method} ${path}`)

describe('A catalog’s configuration', () => {
  it('puts the client’s settings between defaults and overrides', async () => {
    const client = await open(
      () => ({ status: 204 }),
      { defaults: { a: 'default', b: 'default', c: 'default' }, overrides: { c: 'override' } },
      { properties: { b: 'own', c: 'own' }, warehouse: 'my lake' },
    )
    expect(client.config.properties).toEqual({ a: 'default', b: 'own', c: 'override', warehouse: 'my lake' })
    expect(server?.seen[0]?.path).toBe('/v1/config?warehouse=my%20lake')
  })

  it('names the prefix and what separates the levels of a namespace', async () => {
    const client = await open(() => errorAnswer(404, 'NoSuchTableException'), {
      overrides: { prefix: 'main|lake', 'namespace-separator': '%2E' },
    })
    expect(await client.loadTable({ namespace: ['a b', 'ü'], name: 'x/y' })).toBeUndefined()
    expect(asked()).toEqual(['GET /v1/main%7Clake/namespaces/a%20b%2E%C3%BC/tables/x%2Fy'])
    await expect(client.loadTable({ namespace: ['a.b'], name: 't' })).rejects.toMatchObject({
      code: 'PHLO_UNSUPPORTED',
    })
  })

  it('tells which endpoints there are, and a default set where it lists none', async () => {
    const some = await open(() => ({ status: 204 }), { endpoints: ['GET /v1/{prefix}/namespaces'] })
    expect([some.has('listNamespaces'), some.has('commitTransaction'), some.has('listViews')]).toEqual([
      true,
      false,
      false,
    ])
    await server?.stop()
    const none = await open(() => ({ status: 204 }), {})
    expect([none.has('listNamespaces'), none.has('commitTransaction'), none.has('listViews')]).toEqual([
      true,
      true,
      false,
    ])
  })

  it.each([[[]], [{ defaults: { a: 1 } }], [{ overrides: 'x' }], [{ endpoints: [1] }], ['text']])(
    'that is none is refused: %j',
    async (config) => {
      await expect(open(() => ({ status: 204 }), config)).rejects.toMatchObject({ code: 'PHLO_CATALOG_FAILED' })
    },
  )

  it('cannot send the client, with its credentials, to another server', async () => {
    await expect(
      open(() => ({ status: 204 }), { overrides: { uri: 'http://elsewhere.example' } }),
    ).rejects.toMatchObject({
      code: 'PHLO_CATALOG_FAILED',
    })
  })

  it.each(['.', '..', ''])('has no table %j, which would be another path', async (name) => {
    const client = await open(() => ({ status: 204 }))
    await expect(client.loadTable({ namespace: ['a'], name })).rejects.toMatchObject({ code: 'PHLO_UNSUPPORTED' })
    expect(asked()).toEqual([])
  })
})

describe('Loading a table', () => {
  it('keeps snapshot ids of 63 bits', async () => {
    const client = await open(() => ({ status: 200, text: tableText({ snapshots: ['3055729675574597004'] }) }))
    const loaded = await client.loadTable(identifier)
    expect(loaded?.table.metadata['current-snapshot-id']).toBe(3055729675574597004n)
  })

  it('asks only whether it changed where it was loaded before', async () => {
    const client = await open(({ headers }, number) => {
      const etag = number < 2 ? '"1"' : '"2"'
      if (headers['if-none-match'] === etag) return { status: 304 }
      return { status: 200, text: tableText({ properties: { etag } }), headers: { etag } }
    })
    const first = await client.loadTable(identifier)
    expect(await client.loadTable(identifier)).toBe(first)
    const changed = await client.loadTable(identifier)
    expect(changed?.table.metadata.properties).toEqual({ etag: '"2"' })
    expect(server?.seen.slice(1).map(({ headers }) => headers['if-none-match'])).toEqual([undefined, '"1"', '"1"'])
  })

  it('forgets what it knew once the table is gone', async () => {
    const client = await open((_, number) =>
      number === 1
        ? errorAnswer(404, 'NoSuchTableException')
        : { status: 200, text: tableText(), headers: { etag: '"1"' } },
    )
    expect(await client.loadTable(identifier)).toBeDefined()
    expect(await client.loadTable(identifier)).toBeUndefined()
    await client.loadTable(identifier)
    expect(server?.seen.at(-1)?.headers['if-none-match']).toBeUndefined()
  })

  it('asks for access to its files where it was told to', async () => {
    const client = await open(
      () => ({ status: 200, text: tableText() }),
      {},
      { accessDelegation: ['vended-credentials'] },
    )
    await client.loadTable(identifier)
    expect(server?.seen.at(-1)?.headers['x-iceberg-access-delegation']).toBe('vended-credentials')
  })

  it.each([
    ['no JSON', 'PHLO_CATALOG_FAILED'],
    ['[]', 'PHLO_CATALOG_FAILED'],
    ['{"metadata":{}}', 'PHLO_CATALOG_FAILED'],
    ['{"metadata-location":"x","metadata":7}', 'PHLO_ICEBERG_INVALID'],
    ['{"metadata-location":"x","metadata":{"format-version":2}}', 'PHLO_ICEBERG_INVALID'],
    ['{"metadata-location":"x","metadata":{"format-version":99}}', 'PHLO_ICEBERG_UNSUPPORTED'],
    [tableText({ more: { config: { a: 1 } } }), 'PHLO_CATALOG_FAILED'],
    [tableText({ more: { 'storage-credentials': [{ prefix: 1 }] } }), 'PHLO_CATALOG_FAILED'],
    [`{"a":${'['.repeat(100_000)}`, 'PHLO_CATALOG_FAILED'],
  ])('refuses an answer that is none: %.60s', async (text, code) => {
    const client = await open(() => ({ status: 200, text }))
    await expect(client.loadTable(identifier)).rejects.toMatchObject({ code })
  })

  it('does not take a path that the server does not know for a missing table', async () => {
    const client = await open(() => ({ status: 404, text: '<h1>Not Found</h1>' }))
    await expect(client.loadTable(identifier)).rejects.toMatchObject({ code: 'PHLO_CATALOG_FAILED' })
  })
})

describe('Lists', () => {
  it('come page after page', async () => {
    const client = await open(({ path }) => {
      const token = new URLSearchParams(path.split('?')[1]).get('pageToken')
      return {
        status: 200,
        json: {
          identifiers: [{ namespace: ['a'], name: `t${token ?? ''}` }],
          'next-page-token': token === '' ? 'p 2' : token === 'p 2' ? 'p3' : null,
        },
      }
    })
    expect((await client.list('tables', ['a'])).map(({ name }) => name)).toEqual(['t', 'tp 2', 'tp3'])
  })

  it.each([
    ['comes again', (): string => 'same'],
    ['is no text', (): number => 7],
  ])('end where a page’s token %s', async (_, token) => {
    const client = await open(() => ({ status: 200, json: { identifiers: [], 'next-page-token': token() } }))
    await expect(client.list('tables', ['a'])).rejects.toMatchObject({ code: 'PHLO_CATALOG_FAILED' })
    expect(server?.seen.length).toBeLessThan(5)
  })

  it('of a namespace that is gone are empty', async () => {
    const client = await open(() => errorAnswer(404, 'NoSuchNamespaceException'))
    expect(await client.list('views', ['a'])).toEqual([])
    expect(await client.listNamespaces(['a', 'b'])).toEqual([])
    expect(asked().at(-1)).toMatch(/^GET \/v1\/namespaces\?parent=a%1Fb&/)
  })

  it.each([{ identifiers: 'x' }, { identifiers: [{ name: 't' }] }, [1], 'x'])(
    'that are none are refused: %j',
    async (json) => {
      const client = await open(() => ({ status: 200, json }))
      await expect(client.list('tables', ['a'])).rejects.toMatchObject({ code: 'PHLO_CATALOG_FAILED' })
    },
  )
})

describe('A change', () => {
  const commit = { identifier, requirements: [], updates: [] }

  it.each([
    [404, 'NoSuchTableException', 'PHLO_TABLE_NOT_FOUND'],
    [404, 'NoSuchNamespaceException', 'PHLO_NAMESPACE_NOT_FOUND'],
    [409, 'CommitFailedException', 'PHLO_COMMIT_CONFLICT'],
    [409, '', 'PHLO_COMMIT_CONFLICT'],
    [400, 'BadRequestException', 'PHLO_CATALOG_FAILED'],
    [403, 'ForbiddenException', 'PHLO_CATALOG_DENIED'],
  ])('that is refused by %d %s is %s', async (status, type, code) => {
    const client = await open(() => errorAnswer(status, type))
    await expect(client.commitTable(commit)).rejects.toMatchObject({ code })
  })

  it('of a new table whose name is taken says so', async () => {
    const client = await open(() => errorAnswer(409, 'AlreadyExistsException'))
    const creation = { ...commit, requirements: [{ type: 'assert-create' }] as const }
    await expect(client.commitTable(creation)).rejects.toMatchObject({ code: 'PHLO_TABLE_EXISTS' })
  })

  it.each([500, 502, 504])('that ends with %d may have been done', async (status) => {
    const client = await open(() => errorAnswer(status, 'CommitStateUnknownException'))
    expect(await client.commitTable(commit)).toMatchObject({
      unknown: expect.stringContaining(String(status)) as unknown,
    })
  })

  it('carries its key where the server knows keys, and only there', async () => {
    const keys = async (config: unknown) => {
      const client = await open(() => ({ status: 200, text: tableText() }), config)
      await client.commitTable(commit, 'the-key')
      const key = server?.seen.at(-1)?.headers['idempotency-key']
      await server?.stop()
      return key
    }
    expect([await keys({ 'idempotency-key-lifetime': 'PT30M' }), await keys({})]).toEqual(['the-key', undefined])
  })

  it('sends snapshot ids as the numbers they are', async () => {
    const client = await open(() => ({ status: 200, text: tableText() }))
    const updates = [{ action: 'remove-snapshots', 'snapshot-ids': [3055729675574597004n] }] as const
    await client.commitTable({ ...commit, updates })
    expect(server?.seen.at(-1)?.body).toBe(
      '{"requirements":[],"updates":[{"action":"remove-snapshots","snapshot-ids":[3055729675574597004]}]}',
    )
  })
})
