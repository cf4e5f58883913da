import { afterEach, describe, expect, it } from '@jest/globals'
import {
  errorAnswer,
  type ScriptedAnswer,
  ScriptedServer,
  type SeenRequest,
  tableText,
} from '@phlo/iceberg-rest/testing'
import type { CatalogChange, ObjectStore, StorageGrant } from '@phlo/ports'
import { MemoryObjectStore } from '@phlo/ports/testing'
import { RestCatalogOptions } from './options.js'
import { RestCatalog } from './rest-catalog.js'

let server: ScriptedServer | undefined

afterEach(async () => {
  await server?.stop()
})

const identifier = { namespace: ['a', 'b'], name: 't' }
const path = '/v1/namespaces/a%1Fb/tables/t'

/** A catalog whose server answers by method and path; what is not listed is a path it does not know. */
async function open(
  answers: Readonly<Record<string, ScriptedAnswer | ((request: SeenRequest, number: number) => ScriptedAnswer)>>,
  { config = {}, store = new MemoryObjectStore() }: { readonly config?: unknown; readonly store?: ObjectStore } = {},
): Promise<RestCatalog> {
  const asked = new Map<string, number>()
  server = await ScriptedServer.start((request) => {
    const [resource = ''] = request.path.split('?')
    if (resource === '/v1/config') return { status: 200, json: config }
    const key = `${request.method} ${resource}`
    const number = asked.get(key) ?? 0
    asked.set(key, number + 1)
    const answer = answers[key] ?? { status: 404, text: 'not here' }
    return typeof answer === 'function' ? answer(request, number) : answer
  })
  return RestCatalog.open(RestCatalogOptions.parse({ uri: server.uri, timeout: 60_000, attempts: 2 }), store)
}

const asked = () => (server?.seen ?? []).slice(1).map(({ method, path: own }) => `${method} ${own}`)

function setting(name: string, value: string): CatalogChange {
  return {
    kind: 'table',
    identifier: { ...identifier, name },
    requirements: [],
    updates: [{ action: 'set-properties', updates: { k: value } }],
  }
}

describe('A commit whose answer got lost', () => {
  it('is done where the table shows it, and is not sent again', async () => {
    const catalog = await open({
      [`POST ${path}`]: { cut: true },
      [`GET ${path}`]: {
        status: 200,
        text: tableText({ properties: { k: 'v' }, version: 2 }),
      },
    })
    const { tables } = await catalog.commit([setting('t', 'v')])
    expect([tables[0]?.metadataLocation, asked()]).toEqual([
      's3://lake/t/metadata/2.metadata.json',
      [`POST ${path}`, `GET ${path}`],
    ])
  })

  it('is sent again where the table does not show it', async () => {
    const catalog = await open({
      [`POST ${path}`]: (_, number) =>
        number === 0
          ? errorAnswer(502, 'CommitStateUnknownException')
          : { status: 200, text: tableText({ properties: { k: 'v' } }) },
      [`GET ${path}`]: { status: 200, text: tableText() },
    })
    await catalog.commit([setting('t', 'v')])
    expect(asked()).toEqual([`POST ${path}`, `GET ${path}`, `POST ${path}`])
  })

  it('carries the same key each time where the server knows keys', async () => {
    const catalog = await open(
      {
        [`POST ${path}`]: (_, number) => (number === 0 ? { cut: true } : { status: 200, text: tableText() }),
        [`GET ${path}`]: { status: 200, text: tableText() },
      },
      { config: { 'idempotency-key-lifetime': 'PT30M' } },
    )
    await catalog.commit([setting('t', 'v')])
    const keys = server?.seen.filter(({ method }) => method === 'POST').map(({ headers }) => headers['idempotency-key'])
    expect([keys?.length, new Set(keys).size, keys?.[0]]).toEqual([2, 1, expect.stringMatching(/^[0-9a-f-]{36}$/)])
  })

  it('stays unknown where nobody can be asked, and says so', async () => {
    const catalog = await open({
      [`POST ${path}`]: { cut: true },
      [`GET ${path}`]: { cut: true },
    })
    await expect(catalog.commit([setting('t', 'v')])).rejects.toMatchObject({
      code: 'PHLO_COMMIT_UNKNOWN',
    })
  })

  it('of several tables is done where all of them show it', async () => {
    const catalog = await open({
      'POST /v1/transactions/commit': { cut: true },
      [`GET ${path}`]: {
        status: 200,
        text: tableText({ properties: { k: 'v' } }),
      },
      [`GET ${path}2`]: {
        status: 200,
        text: tableText({ properties: { k: 'v' } }),
      },
    })
    const { tables } = await catalog.commit([setting('t', 'v'), setting('t2', 'v')])
    expect(tables.map(({ identifier: { name } }) => name)).toEqual(['t', 't2'])
    expect(asked().filter((request) => request.startsWith('POST'))).toHaveLength(1)
  })
})

describe('A commit that the server refuses', () => {
  it('is sent again as long as its requirements hold', async () => {
    const catalog = await open({
      [`POST ${path}`]: (_, number) =>
        number < 2
          ? errorAnswer(409, 'CommitFailedException')
          : { status: 200, text: tableText({ properties: { k: 'v' } }) },
      [`GET ${path}`]: { status: 200, text: tableText() },
    })
    await catalog.commit([setting('t', 'v')])
    expect(asked().filter((request) => request.startsWith('POST'))).toHaveLength(3)
  })

  it('ends with the requirement that no longer holds', async () => {
    const catalog = await open({
      [`POST ${path}`]: errorAnswer(409, 'CommitFailedException'),
      [`GET ${path}`]: { status: 200, text: tableText() },
    })
    const change = {
      ...setting('t', 'v'),
      requirements: [{ type: 'assert-current-schema-id', 'current-schema-id': 7 }],
    } as CatalogChange
    await expect(catalog.commit([change])).rejects.toMatchObject({
      code: 'PHLO_COMMIT_CONFLICT',
      message: 'The table a.b.t changed meanwhile: current-schema-id is 0, not 7',
    })
  })
})

describe('Changes that cannot be made at once', () => {
  const drop: CatalogChange = { kind: 'drop-table', identifier }
  const namespace: CatalogChange = {
    kind: 'create-namespace',
    namespace: ['a'],
  }
  const one = {
    endpoints: ['POST /v1/{prefix}/namespaces/{namespace}/tables/{table}'],
  }

  it.each<[string, readonly CatalogChange[], unknown]>([
    ['several tables where the server has no transactions', [setting('t', 'v'), setting('u', 'v')], one],
    ['tables and a removal', [setting('t', 'v'), drop], {}],
    ['two removals', [drop, drop], {}],
    ['a namespace that must be new, and a table', [namespace, setting('t', 'v')], {}],
    ['one table twice', [setting('t', 'v'), setting('t', 'w')], {}],
    ['a view where the server has none', [{ kind: 'drop-view', identifier }], {}],
    ['another name where the server has none', [{ kind: 'rename-table', identifier, to: identifier }], one],
  ])('are refused before anything is sent: %s', async (_, changes, config) => {
    const catalog = await open({}, { config })
    await expect(catalog.commit(changes)).rejects.toMatchObject({
      code: 'PHLO_UNSUPPORTED',
    })
    expect(asked()).toEqual([])
  })
})

describe('A server that makes no table in a commit of several', () => {
  it('is known by looking for it, and it is told', async () => {
    const creation: CatalogChange = {
      kind: 'table',
      identifier: { ...identifier, name: 'u' },
      requirements: [{ type: 'assert-create' }],
      updates: [],
    }
    const catalog = await open({
      'GET /v1/namespaces/a%1Fb': { status: 200, json: { namespace: ['a', 'b'], properties: {} } },
      [`GET ${path}`]: { status: 200, text: tableText() },
      'GET /v1/namespaces/a%1Fb/tables/gone': errorAnswer(404, 'NoSuchTableException'),
      'POST /v1/transactions/commit': errorAnswer(404, 'NoSuchTableException'),
    })
    await expect(catalog.commit([setting('t', 'v'), creation])).rejects.toMatchObject({
      code: 'PHLO_UNSUPPORTED',
      message: 'This catalog’s server makes no table in a commit of several: a.b.u',
    })
    await expect(catalog.commit([setting('gone', 'v'), creation])).rejects.toMatchObject({
      code: 'PHLO_TABLE_NOT_FOUND',
    })
  })
})

describe('Namespaces', () => {
  it('are listed once, though the server sends everybody in circles', async () => {
    const catalog = await open({
      'GET /v1/namespaces': {
        status: 200,
        json: { namespaces: [['a'], ['a', 'b'], ['c']] },
      },
      'GET /v1/namespaces/a': {
        status: 200,
        json: { namespace: ['a'], properties: { k: 'v' } },
      },
      'GET /v1/namespaces/a%1Fb': { status: 200, json: { namespace: ['a', 'b'] } },
      'GET /v1/namespaces/c': errorAnswer(404, 'NoSuchNamespaceException'),
    })
    expect(await catalog.listNamespaces()).toEqual([
      { namespace: ['a'], properties: { k: 'v' } },
      { namespace: ['a', 'b'], properties: {} },
    ])
  })
})

describe('A table that is about to be made', () => {
  const layout = {
    schema: {
      type: 'struct',
      'schema-id': 0,
      fields: [{ id: 1, name: 'id', required: true, type: 'long' }],
    },
    spec: { 'spec-id': 0, fields: [] },
  } as const
  const staging = `POST ${path.slice(0, -2)}`
  const there = { 'GET /v1/namespaces/a%1Fb': { status: 200, json: { namespace: ['a', 'b'] } } }
  const staged = (location: string): ScriptedAnswer => ({
    status: 200,
    text: tableText({ more: { 'metadata-location': null, config: { 's3.access-key-id': 'k' } } }).replaceAll(
      's3://lake/t',
      location,
    ),
  })

  it('is where the server wants it, in a namespace that is made where there is none, with access to it', async () => {
    const store: ObjectStore = new MemoryObjectStore()
    const granted: StorageGrant[] = []
    store.accept = (grants) => granted.push(...grants)
    const answers = {
      'GET /v1/namespaces/a%1Fb': errorAnswer(404, 'NoSuchNamespaceException'),
      'POST /v1/namespaces': { status: 200, json: {} },
      [staging]: staged('memory://store/their/t'),
    }
    const catalog = await open(answers, { store })
    expect(await catalog.stageTable(identifier, layout)).toEqual({
      location: 'memory://store/their/t',
      uuid: '6a1d1e6e-5d0c-4a51-9b3e-2c1b1f8f2d11',
    })
    expect(granted.map(({ prefix }) => prefix)).toEqual(['memory://store/their/t/'])
    expect(JSON.parse(server?.seen.at(-1)?.body ?? '')).toEqual({
      name: 't',
      schema: layout.schema,
      'partition-spec': layout.spec,
      'stage-create': true,
    })
  })

  it.each<[string, ScriptedAnswer]>([
    ['the server would put it outside of the store', staged('s3://lake/t')],
    ['the server tells nothing before it makes one', errorAnswer(406, 'UnsupportedOperationException')],
    ['somebody made it meanwhile', errorAnswer(409, 'AlreadyExistsException')],
  ])('is named by Phlo where %s', async (_, answer) => {
    const catalog = await open({ ...there, [staging]: answer })
    expect(await catalog.stageTable(identifier, layout)).toBeUndefined()
    expect(catalog.newTableLocation(identifier)).toMatch(/^memory:\/\/store\/tables\/a\/b\/t-/)
  })

  it('is not asked for where the server makes none', async () => {
    const catalog = await open({}, { config: { endpoints: ['GET /v1/{prefix}/namespaces'] } })
    expect(await catalog.stageTable(identifier, layout)).toBeUndefined()
    expect(asked()).toEqual([])
  })

  it('says why where it may not be made', async () => {
    const catalog = await open({ ...there, [staging]: errorAnswer(403, 'ForbiddenException') })
    await expect(catalog.stageTable(identifier, layout)).rejects.toMatchObject({ code: 'PHLO_CATALOG_DENIED' })
  })
})

describe('Access to a table’s files', () => {
  it('is handed to the store that reads them', async () => {
    const store: ObjectStore = new MemoryObjectStore()
    const granted: StorageGrant[] = []
    store.accept = (grants) => granted.push(...grants)
    const credentials = [{ prefix: 's3://lake/t', config: { 's3.access-key-id': 'k' } }]
    const catalog = await open(
      {
        [`GET ${path}`]: {
          status: 200,
          text: tableText({ more: { 'storage-credentials': credentials } }),
        },
      },
      { store },
    )
    await catalog.loadTable(identifier)
    expect(granted.map(({ prefix, properties }) => [prefix, properties])).toEqual([
      ['s3://lake/t', { 's3.access-key-id': 'k' }],
    ])
  })

  it('is no reason to register what lies outside the store', async () => {
    const catalog = await open({})
    const metadataLocation = 's3://elsewhere/t/metadata/1.metadata.json'
    await expect(catalog.commit([{ kind: 'register-table', identifier, metadataLocation }])).rejects.toMatchObject({
      code: 'PHLO_UNSUPPORTED',
      hint: expect.stringContaining('profile’s own storage'),
    })
    expect(asked()).toEqual([])
  })
})
