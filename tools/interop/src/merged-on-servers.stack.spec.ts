import { randomUUID } from 'node:crypto'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { TableBranches } from '@phlo/catalog'
import { EmbeddedCatalog } from '@phlo/catalog-embedded'
import { NessieCatalog, NessieCatalogOptions } from '@phlo/catalog-nessie'
import { RestCatalog, RestCatalogOptions } from '@phlo/catalog-rest'
import { type ObjectStore, type VersionedCatalog } from '@phlo/ports'
import { bucketOptions, runningServer } from '@phlo/stack'
import { MinioObjectStore, MinioStorageOptions } from '@phlo/storage-minio'
import { columns, Lake } from './lake.js'
import { Trino } from './trino.js'
import { type CanonicalRow, Witness } from './witness.js'

type Read = Promise<readonly CanonicalRow[]>

/** How others than Phlo find the tables of a lake. */
interface Others {
  readonly pyiceberg: (table: string, ref: string) => Read
  readonly trino: (table: string, ref: string) => Read
}

interface Place {
  readonly name: string
  readonly open: (store: ObjectStore) => Promise<VersionedCatalog>
  readonly others: (lake: Lake) => Others
  /** A branch is there for others, too. */
  readonly branches: boolean
}

let witness: Witness
let trino: Trino
beforeAll(() => {
  witness = new Witness()
  trino = new Trino()
})
afterAll(async () => {
  await trino.close()
  await witness.close()
})

const namespace = `merged_${randomUUID().replaceAll('-', '')}`

function pyicebergStore(): Record<string, string> {
  const { endpoint, region, accessKeyId, secretAccessKey } = runningServer('minio')
  return {
    's3.endpoint': endpoint,
    's3.region': region,
    's3.access-key-id': accessKeyId,
    's3.secret-access-key': secretAccessKey,
  }
}

function trinoStore(uri: string, warehouse?: string): Record<string, string> {
  const { endpoint, region, accessKeyId, secretAccessKey } = runningServer('minio')
  return {
    'iceberg.catalog.type': 'rest',
    'iceberg.rest-catalog.uri': uri,
    ...(warehouse !== undefined && { 'iceberg.rest-catalog.warehouse': warehouse }),
    'fs.native-s3.enabled': 'true',
    's3.endpoint': endpoint,
    's3.region': region,
    's3.path-style-access': 'true',
    's3.aws-access-key': accessKeyId,
    's3.aws-secret-key': secretAccessKey,
  }
}

const byTrino = (catalog: string, table: string): Read => trino.rows(`SELECT * FROM ${catalog}.${table} ORDER BY id`)

/** By metadata file alone; for Trino the reference server is told of the file. */
const bucket: Place = {
  name: 'in a bucket, by their metadata files',
  open: (store) => EmbeddedCatalog.open(store),
  branches: true,
  others: (lake) => ({
    pyiceberg: async (table, ref) =>
      witness.read((await lake.load(table, ref)).metadataLocation, { properties: pyicebergStore() }),
    async trino(table, ref) {
      const { uri } = runningServer('iceberg-rest')
      const server = await RestCatalog.open(RestCatalogOptions.parse({ uri }), lake.store)
      const identifier = { namespace: [namespace], name: `seen_${randomUUID().replaceAll('-', '')}` }
      const { metadataLocation } = await lake.load(table, ref)
      await server.commit([{ kind: 'create-namespace', namespace: [namespace], ifNotExists: true }])
      await server.commit([{ kind: 'register-table', identifier, metadataLocation }])
      const rows = await byTrino(await trino.catalog(trinoStore(uri)), `${namespace}.${identifier.name}`)
      await server.commit([{ kind: 'drop-table', identifier }])
      await server.close()
      return rows
    },
  }),
}

const nessie: Place = {
  name: 'in Nessie, by its REST endpoint at the ref',
  open: (store) => NessieCatalog.open(NessieCatalogOptions.parse({ uri: runningServer('nessie').api }), store),
  branches: true,
  others: () => {
    const { iceberg, warehouse } = runningServer('nessie')
    return {
      pyiceberg: (table, ref) =>
        witness.readByCatalog(table, { ...pyicebergStore(), uri: `${iceberg}/${ref}`, warehouse }),
      trino: async (table, ref) => byTrino(await trino.catalog(trinoStore(`${iceberg}/${ref}`, warehouse)), table),
    }
  },
}

const rest: Place = {
  name: 'in the reference server, after they were published',
  async open(store) {
    const { uri } = runningServer('iceberg-rest')
    return new TableBranches(await RestCatalog.open(RestCatalogOptions.parse({ uri }), store), store)
  },
  branches: false,
  others: () => {
    const { uri } = runningServer('iceberg-rest')
    return {
      pyiceberg: (table) => witness.readByCatalog(table, { ...pyicebergStore(), uri }),
      trino: async (table) => byTrino(await trino.catalog(trinoStore(uri)), table),
    }
  },
}

type Row = { readonly id: number; readonly day: string; readonly v: string }

const [first, second] = ['2024-01-01', '2024-01-02'] as const
const made = (id: number, day: string = id % 2 === 0 ? first : second): Row => ({ id, day, v: `v${id}` })
const schema = columns({ id: 'int', day: 'date', v: 'string' })

describe.each([bucket, nessie, rest])('Merged tables $name', ({ open, others, branches }) => {
  const [orders, items] = [`${namespace}.orders`, `${namespace}.items`]
  const id = randomUUID().slice(0, 8)
  let lake: Lake
  let catalog: VersionedCatalog
  let readers: Others

  beforeAll(async () => {
    lake = await Lake.over(async (folder) => {
      const store = new MinioObjectStore(
        MinioStorageOptions.parse(bucketOptions('merged')),
        path.join(folder, 'copies'),
      )
      catalog = await open(store)
      return { store, catalog }
    })
    readers = others(lake)
    for (const table of [orders, items])
      await add(
        table,
        [1, 2, 3, 4].map((row) => made(row)),
      )
  })
  afterAll(async () => {
    for (const table of [orders, items])
      await catalog.commit([{ kind: 'drop-table', identifier: (await lake.load(table)).identifier }], { message: 'd' })
    await lake.close()
  })

  const add = (table: string, rows: readonly Row[], ref = 'main') =>
    lake.ingest(table, schema, rows, { ref, partitioning: [{ column: 'day', transform: 'identity' }] })
  const replace = (table: string, day: string, rows: readonly Row[], ref: string) =>
    lake.ingest(table, schema, rows, {
      ref,
      strategy: { kind: 'overwrite' },
      interval: { column: 'day', from: day, to: new Date(Date.parse(day) + 86_400_000).toISOString().slice(0, 10) },
    })

  /** Phlo and the others give these rows. */
  async function expectRows(table: string, rows: readonly Row[], ref = 'main'): Promise<void> {
    const own = await lake.rows(`SELECT id, day::VARCHAR AS day, v FROM ${table} ORDER BY id`, ref)
    const read = {
      phlo: own,
      pyiceberg: await readers.pyiceberg(table, ref),
      trino: await readers.trino(table, ref),
    }
    expect(read).toEqual({ phlo: rows, pyiceberg: rows, trino: rows })
  }

  async function merged(branch: string) {
    const { fastForward, tables } = await catalog.merge(branch, 'main')
    await catalog.deleteRef(branch)
    return { fastForward, tables: tables.map(({ identifier, outcome }) => [identifier.name, outcome]) }
  }

  it('are the same to PyIceberg and Trino after a fast-forward', async () => {
    const branch = `forward-${id}`
    await catalog.createRef(branch)
    await add(orders, [made(5), made(6)], branch)
    const before = [1, 2, 3, 4].map((row) => made(row))
    const after = [1, 2, 3, 4, 5, 6].map((row) => made(row))
    await expectRows(orders, before)
    if (branches) await expectRows(orders, after, branch)
    expect(await merged(branch)).toEqual({ fastForward: branches, tables: [['orders', 'taken']] })
    await expectRows(orders, after)
  })

  it('are the same to PyIceberg and Trino after a three-way merge', async () => {
    const branch = `three-${id}`
    await catalog.createRef(branch)
    await add(items, [made(7)], branch)
    await add(orders, [made(8)])
    expect(await merged(branch)).toEqual({ fastForward: false, tables: [['items', 'taken']] })
    await expectRows(
      items,
      [1, 2, 3, 4, 7].map((row) => made(row)),
    )
    await expectRows(
      orders,
      [1, 2, 3, 4, 5, 6, 8].map((row) => made(row)),
    )
  })

  it('are the same to PyIceberg and Trino after changes of both sides were brought together by what they mean', async () => {
    const branch = `rebase-${id}`
    await catalog.createRef(branch)
    await add(orders, [made(9)], branch)
    await replace(items, first, [made(20, first)], branch)
    await add(orders, [made(10)])
    await lake.execute(`UPDATE ${items} SET v = 'changed' WHERE day = DATE '${second}' AND id = 3`)
    expect(await merged(branch)).toEqual({
      fastForward: false,
      tables: [
        ['items', 'rebased'],
        ['orders', 'rebased'],
      ],
    })
    await expectRows(items, [made(1), { ...made(3), v: 'changed' }, made(7), made(20, first)])
    await expectRows(
      orders,
      [1, 2, 3, 4, 5, 6, 8, 9, 10].map((row) => made(row)),
    )
  })
})
