import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, it } from '@jest/globals'
import { TableBranches } from '@phlo/catalog'
import { fileContent, planScan, TableTransaction } from '@phlo/iceberg'
import type { Catalog, CatalogChange, ColumnSchema, TableIdentifier } from '@phlo/ports'
import { bucketOptions, runningServer } from '@phlo/stack'
import { MinioObjectStore, MinioStorageOptions } from '@phlo/storage-minio'
import { RestCatalogOptions } from './options.js'
import { RestCatalog } from './rest-catalog.js'

const folders: string[] = []
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true }))))

async function newStore(): Promise<MinioObjectStore> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'phlo-rest-'))
  folders.push(folder)
  return new MinioObjectStore(MinioStorageOptions.parse(bucketOptions('rest')), folder)
}

describe('A run’s branch on the Iceberg project’s reference server', () => {
  it('is staged, read, and brought into main for two tables at once, rebased where main moved', async () => {
    const store = await newStore()
    const options = RestCatalogOptions.parse({ uri: runningServer('iceberg-rest').uri })
    const server = await RestCatalog.open(options, store)
    const lake = new TableBranches(server, store)
    const branch = `run-${randomUUID()}`
    const namespace = [`wap_${randomUUID().replaceAll('-', '')}`]
    const orders: TableIdentifier = { namespace, name: 'orders' }
    const items: TableIdentifier = { namespace, name: 'items' }

    const write = async (
      catalog: Catalog,
      table: TableIdentifier,
      file: string,
      {
        ref = 'main',
        cursor,
        note = false,
      }: { readonly ref?: string; readonly cursor: string; readonly note?: boolean },
    ) => {
      const id: ColumnSchema = { name: 'id', type: 'long', required: true, optional: false, rules: [], unique: false }
      const rows = { columns: note ? [id, { ...id, name: 'note', type: 'string', required: false }] : [id] }
      const there = await catalog.loadTable(table, { ref })
      const location = catalog.newTableLocation(table)
      const transaction = there
        ? TableTransaction.change(store, there.metadata)
        : TableTransaction.create(store, { location, rows, partitioning: [] })
      if (there) transaction.evolve(rows, table.name)
      transaction.setProperties({ cursor })
      const added = { content: fileContent.data, specId: 0, path: `${location}/data/${file}`, format: 'PARQUET' }
      await transaction.addSnapshot({ add: [{ ...added, partition: [], recordCount: 1, fileSize: 100 }] })
      const { requirements, updates } = transaction
      const change: CatalogChange = { kind: 'table', identifier: table, requirements, updates }
      const made: CatalogChange = { kind: 'create-namespace', namespace, ifNotExists: true }
      await catalog.commit(there ? [change] : [made, change], { ref, message: file })
    }
    const state = async (catalog: Catalog, table: TableIdentifier, ref = 'main') => {
      const { metadata } = (await catalog.loadTable(table, { ref }))!
      const files: string[] = []
      for await (const { file } of planScan(store, metadata)) files.push(file.path.split('/').at(-1) as string)
      const columns = metadata.schemas.find((schema) => schema['schema-id'] === metadata['current-schema-id'])?.fields
      return [files.sort(), columns?.map(({ name }) => name), metadata.properties?.['cursor']]
    }

    await write(lake, orders, 'a', { cursor: '1' })
    await lake.createRef(branch)
    await write(lake, orders, 'b', { ref: branch, cursor: '2', note: true })
    await write(lake, items, 'c', { ref: branch, cursor: '7' })

    // The server's own view of main, and what another process sees at the branch.
    const other = new TableBranches(await RestCatalog.open(options, store), store)
    expect(await state(server, orders)).toEqual([['a'], ['id'], '1'])
    expect(await state(server, items)).toEqual([[], ['id'], undefined])
    expect(await state(other, orders, branch)).toEqual([['a', 'b'], ['id', 'note'], '2'])
    expect(await state(other, items, branch)).toEqual([['c'], ['id'], '7'])
    expect((await other.listRefs()).map(({ name }) => name)).toContain(branch)

    await write(other, orders, 'd', { cursor: '1' })
    const onTop = await lake.merge('main', branch)
    expect(onTop.tables.map(({ identifier, outcome }) => [identifier.name, outcome])).toEqual([['orders', 'rebased']])
    expect(await state(server, orders)).toEqual([['a', 'd'], ['id'], '1'])
    expect(await state(other, orders, branch)).toEqual([['a', 'b', 'd'], ['id', 'note'], '2'])

    await write(other, orders, 'e', { cursor: '1' })
    const { tables } = await lake.merge(branch, 'main', { properties: { 'run-id': '1' } })
    expect(tables.map(({ outcome }) => outcome)).toEqual(['taken', 'rebased'])
    expect(await state(server, orders)).toEqual([['a', 'b', 'd', 'e'], ['id', 'note'], '2'])
    expect(await state(server, items)).toEqual([['c'], ['id'], '7'])
    expect(Object.keys((await server.loadTable(orders))?.metadata.refs ?? {})).toEqual(['main'])
    await lake.deleteRef(branch)
    expect(await other.getRef(branch)).toBeUndefined()

    for (const identifier of [orders, items]) await server.commit([{ kind: 'drop-table', identifier }])
    await server.commit([{ kind: 'drop-namespace', namespace }])
  })
})
