import { beforeEach, describe, expect, it } from '@jest/globals'
import { currentSchema, fileContent, planScan, TableTransaction } from '@phlo/iceberg'
import { type Catalog, type CatalogChange, type ColumnSchema, type RowSchema, type TableIdentifier } from '@phlo/ports'
import { MemoryObjectStore } from '@phlo/ports/testing'
import { PlainCatalog } from '../testing/plain-catalog.js'
import { TableBranches } from './table-branches.js'

const [orders, items]: TableIdentifier[] = ['orders', 'items'].map((name) => ({ namespace: ['shop'], name }))
const id: ColumnSchema = { name: 'id', type: 'long', required: true, optional: false, rules: [], unique: false }
const branch = 'run-1'

let store: MemoryObjectStore
let server: PlainCatalog
let lake: TableBranches

beforeEach(() => reset())

function reset(multiTableCommit = true): void {
  store = new MemoryObjectStore()
  server = new PlainCatalog(multiTableCommit)
  lake = new TableBranches(server, store)
}

interface Write {
  readonly ref?: string
  readonly columns?: readonly ColumnSchema[]
  readonly properties?: Readonly<Record<string, string>>
  /** Instead of the rows that are there. */
  readonly replaces?: boolean
}

/** Adds a file, as an engine does, and gives the new snapshot's id. */
async function write(catalog: Catalog, table: TableIdentifier, file: string, options: Write = {}): Promise<bigint> {
  const { ref = 'main', columns = [id], properties = {}, replaces = false } = options
  const rows: RowSchema = { columns }
  const there = await catalog.loadTable(table, { ref })
  const transaction = there
    ? TableTransaction.change(store, there.metadata)
    : TableTransaction.create(store, { location: catalog.newTableLocation(table), rows, partitioning: [] })
  if (there) transaction.evolve(rows, table.name)
  transaction.setProperties(properties)
  const path = `${catalog.newTableLocation(table)}/data/${file}`
  const added = { content: fileContent.data, specId: 0, path, format: 'PARQUET', partition: [] }
  const snapshot = await transaction.addSnapshot({
    add: [{ ...added, recordCount: 1, fileSize: 100 }],
    ...(replaces && { remove: { mayHold: () => true, matches: () => true }, replaces: 'table' as const }),
  })
  const { requirements, updates } = transaction
  await catalog.commit([{ kind: 'table', identifier: table, requirements, updates }], { ref, message: `Write ${file}` })
  return snapshot
}

/** The files that a reader of the ref gets. */
async function files(table: TableIdentifier, ref = 'main', catalog: Catalog = lake): Promise<string[]> {
  const loaded = await catalog.loadTable(table, { ref })
  if (!loaded) return ['no table']
  const found: string[] = []
  for await (const { file } of planScan(store, loaded.metadata)) found.push(file.path.split('/').at(-1) as string)
  return found.sort()
}

/** Adds a file to each of the tables in one commit. */
async function writeBoth(file: string, ref: string): Promise<void> {
  const changes: CatalogChange[] = []
  for (const identifier of [orders!, items!]) {
    const there = await lake.loadTable(identifier, { ref })
    const location = lake.newTableLocation(identifier)
    const transaction = there
      ? TableTransaction.change(store, there.metadata)
      : TableTransaction.create(store, { location, rows: { columns: [id] }, partitioning: [] })
    transaction.setProperties({ cursor: file })
    const added = { content: fileContent.data, specId: 0, path: `${location}/data/${file}`, format: 'PARQUET' }
    await transaction.addSnapshot({ add: [{ ...added, partition: [], recordCount: 1, fileSize: 100 }] })
    changes.push({
      kind: 'table',
      identifier,
      requirements: transaction.requirements,
      updates: transaction.updates,
    })
  }
  await lake.commit(changes, { ref, message: `Write ${file}` })
}

async function properties(table: TableIdentifier, ref = 'main'): Promise<unknown> {
  return (await lake.loadTable(table, { ref }))?.metadata.properties
}

describe('A branch of tables', () => {
  it('shows what was written to it, and main shows nothing of it', async () => {
    await write(lake, orders!, 'a', { properties: { cursor: '1' } })
    await lake.createRef(branch)
    expect(await files(orders!, branch)).toEqual(['a'])
    await write(lake, orders!, 'b', {
      ref: branch,
      properties: { cursor: '2' },
      columns: [id, { ...id, name: 'note', type: 'string', required: false }],
    })
    await write(lake, items!, 'c', { ref: branch, properties: { cursor: '7' } })
    expect([await files(orders!), await files(items!), await properties(orders!)]).toEqual([
      ['a'],
      [],
      expect.objectContaining({ cursor: '1' }),
    ])
    expect(await properties(items!)).not.toHaveProperty('cursor')
    expect([await files(orders!, branch), await files(items!, branch)]).toEqual([['a', 'b'], ['c']])
    expect([await properties(orders!, branch), await properties(items!, branch)]).toEqual([
      { cursor: '2' },
      { cursor: '7' },
    ])
    const columns = async (ref: string) =>
      currentSchema((await lake.loadTable(orders!, { ref }))!.metadata).fields.map(({ name }) => name)
    expect([await columns('main'), await columns(branch)]).toEqual([['id'], ['id', 'note']])
  })

  it('takes several tables in one commit, with new ones among them, that servers only make one by one', async () => {
    await write(lake, orders!, 'a')
    await lake.createRef(branch)
    await writeBoth('b', branch)
    expect([await files(orders!), await files(items!), await properties(items!)]).toEqual([
      ['a'],
      [],
      expect.anything(),
    ])
    expect(await properties(items!)).not.toHaveProperty('cursor')
    await writeBoth('c', branch)
    expect([await files(orders!, branch), await files(items!, branch)]).toEqual([
      ['a', 'b', 'c'],
      ['b', 'c'],
    ])
    await lake.merge(branch, 'main')
    expect([await files(orders!), await files(items!)]).toEqual([
      ['a', 'b', 'c'],
      ['b', 'c'],
    ])
    expect([await properties(orders!), await properties(items!)]).toMatchObject([{ cursor: 'c' }, { cursor: 'c' }])
  })

  it('differs from main, and from others, in the tables that are not the same there', async () => {
    await write(lake, orders!, 'a')
    await lake.createRef(branch)
    await write(lake, orders!, 'b', { ref: branch })
    await write(lake, items!, 'c', { ref: branch })
    const other = new TableBranches(server, store)
    await other.createRef('run-2')
    await write(other, orders!, 'd', { ref: 'run-2' })
    const differences = async (from: string, to: string) =>
      (await other.diff(from, to)).tables.map(({ identifier: { name }, change }) => [name, change])
    expect(await differences('main', branch)).toEqual([
      ['items', 'added'],
      ['orders', 'changed'],
    ])
    expect(await differences(branch, 'main')).toEqual([
      ['items', 'removed'],
      ['orders', 'changed'],
    ])
    expect(await differences('main', 'run-2')).toEqual([['orders', 'changed']])
    expect(await differences(branch, 'run-2')).toEqual([
      ['items', 'removed'],
      ['orders', 'changed'],
    ])
    expect(await differences('main', 'main')).toEqual([])
    await expect(other.diff('main', 'run-3')).rejects.toMatchObject({ code: 'PHLO_REF_NOT_FOUND' })
  })

  it('is there for other processes once something was written to it', async () => {
    await write(lake, orders!, 'a')
    await lake.createRef(branch)
    const other = new TableBranches(server, store)
    await expect(other.loadTable(orders!, { ref: branch })).rejects.toMatchObject({ code: 'PHLO_REF_NOT_FOUND' })
    await write(lake, orders!, 'b', { ref: branch })
    expect(await files(orders!, branch, other)).toEqual(['a', 'b'])
    expect((await other.listRefs()).map(({ name }) => name)).toEqual(['main', branch])
    await expect(other.createRef(branch)).rejects.toMatchObject({ code: 'PHLO_REF_EXISTS' })
  })

  it('is deleted from every table, unless it moved', async () => {
    await write(lake, orders!, 'a')
    await lake.createRef(branch)
    const { commit } = (await lake.getRef(branch))!
    await write(lake, orders!, 'b', { ref: branch })
    await write(lake, items!, 'c', { ref: branch })
    await expect(lake.deleteRef(branch, { expected: commit })).rejects.toMatchObject({ code: 'PHLO_COMMIT_CONFLICT' })
    await lake.deleteRef(branch, { expected: (await lake.getRef(branch))!.commit })
    expect([await lake.getRef(branch), await files(orders!), await properties(orders!)]).toEqual([undefined, ['a'], {}])
    expect(Object.keys((await server.loadTable(orders!))!.metadata.refs ?? {})).toEqual(['main'])
  })

  it('refuses what it could not keep from main', async () => {
    await write(lake, orders!, 'a')
    await lake.createRef(branch)
    const refused = { code: 'PHLO_UNSUPPORTED' }
    const at = { ref: branch, message: 'm' }
    await expect(lake.commit([{ kind: 'drop-table', identifier: orders! }], at)).rejects.toMatchObject(refused)
    await expect(lake.commit([{ kind: 'drop-namespace', namespace: ['shop'] }], at)).rejects.toMatchObject(refused)
    const upgrade = { action: 'upgrade-format-version', 'format-version': 3 } as const
    await expect(
      lake.commit([{ kind: 'table', identifier: orders!, requirements: [], updates: [upgrade] }], at),
    ).rejects.toMatchObject(refused)
    await expect(lake.createRef('v1', { type: 'tag' })).rejects.toMatchObject(refused)
    await expect(lake.commitAt()).rejects.toMatchObject(refused)
  })

  it('lets one of two writers at the same state win', async () => {
    await write(lake, orders!, 'a')
    await lake.createRef(branch)
    const { metadata } = (await lake.loadTable(orders!, { ref: branch }))!
    const late = TableTransaction.change(store, metadata)
    late.setProperties({ k: 'v' })
    late.change(() => ({
      updates: [],
      requirements: [{ type: 'assert-ref-snapshot-id', ref: 'main', 'snapshot-id': metadata['current-snapshot-id']! }],
    }))
    await write(lake, orders!, 'b', { ref: branch })
    await expect(
      lake.commit([{ kind: 'table', identifier: orders!, requirements: late.requirements, updates: late.updates }], {
        ref: branch,
        message: 'm',
      }),
    ).rejects.toMatchObject({ code: 'PHLO_COMMIT_CONFLICT' })
  })
})

describe('Publishing', () => {
  async function staged(): Promise<string> {
    await write(lake, orders!, 'a', { properties: { cursor: '1' } })
    const { commit: base } = await lake.createRef(branch)
    await write(lake, orders!, 'b', { ref: branch, properties: { cursor: '2' } })
    await write(lake, items!, 'c', { ref: branch })
    return base
  }

  it('changes every table in one commit, which lets go of the branch', async () => {
    const base = await staged()
    const head = (await lake.getRef('main'))!.commit
    // Nothing moved: the branch's own commits and new tables are none of main's.
    expect(head).toBe(base)
    const before = server.commits.length
    const result = await lake.merge(branch, 'main', {
      message: 'Run 1',
      author: 'me',
      properties: { 'run-id': '1' },
      expectedTarget: head,
    })
    expect(server.commits.slice(before).map(({ tables }) => tables)).toEqual([['shop.items', 'shop.orders']])
    expect(result).toEqual({
      commit: expect.stringMatching(/^[0-9a-f]{32}$/),
      fastForward: false,
      tables: [
        { identifier: items, change: 'added', outcome: 'taken' },
        { identifier: orders, change: 'changed', outcome: 'taken' },
      ],
      views: [],
      namespaces: [],
    })
    expect([await files(orders!), await files(items!)]).toEqual([['a', 'b'], ['c']])
    expect(await properties(orders!)).toEqual({ cursor: '2', 'phlo.published': expect.any(String) })
    expect(Object.keys((await server.loadTable(orders!))!.metadata.refs ?? {})).toEqual(['main'])
    await lake.deleteRef(branch)
    const log = []
    for await (const commit of new TableBranches(server, store).log('main')) log.push(commit)
    expect(log).toEqual([
      expect.objectContaining({ id: result.commit, message: 'Run 1', author: 'me', properties: { 'run-id': '1' } }),
    ])
  })

  it('that never comes leaves main as it was', async () => {
    await staged()
    server.beforeCommit = () => {
      throw new Error('killed')
    }
    await expect(lake.merge(branch, 'main')).rejects.toThrow('killed')
    server.beforeCommit = () => undefined
    const next = new TableBranches(server, store)
    expect([await files(orders!, 'main', next), await files(items!, 'main', next)]).toEqual([['a'], []])
    expect(await properties(orders!)).toMatchObject({ cursor: '1' })
    // And whoever comes later can still look at it, and publish it.
    expect(await files(orders!, branch, next)).toEqual(['a', 'b'])
    await next.merge(branch, 'main')
    expect([await files(orders!, 'main', next), await files(items!, 'main', next)]).toEqual([['a', 'b'], ['c']])
  })

  it('on a main that moved does the appends again on top of it', async () => {
    const base = await staged()
    await write(new TableBranches(server, store), orders!, 'd')
    const head = (await lake.getRef('main'))!.commit
    expect((await lake.diff(base, head)).tables).toEqual([{ identifier: orders, change: 'changed' }])
    const { tables } = await lake.merge(branch, 'main')
    expect(tables.map(({ outcome }) => outcome)).toEqual(['taken', 'rebased'])
    expect([await files(orders!), await files(items!)]).toEqual([['a', 'b', 'd'], ['c']])
    expect(await properties(orders!)).toMatchObject({ cursor: '2' })
  })

  it('takes main into the branch first where somebody wants to look at both, and leaves main alone', async () => {
    await staged()
    const there = await lake.loadTable(orders!)
    const other = new TableBranches(server, store)
    await write(other, orders!, 'd', { properties: { owner: 'me' } })
    await write(other, items!, 'e')
    const main = [await files(orders!), await files(items!)]
    const ids = async () => {
      const { metadata } = (await lake.loadTable(orders!))!
      return metadata.refs?.['main']?.['snapshot-id']
    }
    const head = await ids()
    const { tables, commit } = await lake.merge('main', branch)
    expect(tables).toEqual([
      { identifier: items, change: 'changed', outcome: 'rebased' },
      { identifier: orders, change: 'changed', outcome: 'rebased' },
    ])
    expect((await lake.getRef(branch))?.commit).toBe(commit)
    expect([[await files(orders!), await files(items!)], await ids()]).toEqual([main, head])
    expect([await files(orders!, branch), await files(items!, branch)]).toEqual([
      ['a', 'b', 'd'],
      ['c', 'e'],
    ])
    expect(await properties(orders!, branch)).toMatchObject({ cursor: '2', owner: 'me' })
    // Main has everything of itself now, so that nothing is left to do, and the branch is published as it is.
    expect((await lake.merge('main', branch)).tables).toEqual([])
    expect((await lake.merge(branch, 'main')).tables.map(({ outcome }) => outcome)).toEqual(['taken', 'taken'])
    expect([await files(orders!), await files(items!)]).toEqual([
      ['a', 'b', 'd'],
      ['c', 'e'],
    ])
    expect((await lake.loadTable(orders!))?.metadata['table-uuid']).toBe(there?.metadata['table-uuid'])
  })

  it('of what both replaced is a conflict before it is tried, and the branch stays as it was', async () => {
    await staged()
    await write(lake, orders!, 'r', { ref: branch, replaces: true })
    await write(new TableBranches(server, store), orders!, 'd', { replaces: true })
    const { commit } = (await lake.getRef(branch))!
    await expect(lake.merge('main', branch)).rejects.toMatchObject({
      code: 'PHLO_MERGE_CONFLICT',
      context: { tables: ['shop.orders'] },
    })
    expect((await lake.getRef(branch))?.commit).toBe(commit)
    expect([await files(orders!), await files(orders!, branch)]).toEqual([['d'], ['r']])
  })

  it('is done again when main moves between the look and the commit, unless the caller looked at main', async () => {
    await staged()
    const other = new TableBranches(server, store)
    const meanwhile = (file: string) => {
      server.beforeCommit = async () => {
        server.beforeCommit = () => undefined
        await write(other, orders!, file)
      }
    }
    meanwhile('d')
    const expectedTarget = (await lake.getRef('main'))!.commit
    await expect(lake.merge(branch, 'main', { expectedTarget })).rejects.toMatchObject({ code: 'PHLO_COMMIT_CONFLICT' })
    expect(await files(items!)).toEqual([])
    await expect(lake.merge(branch, 'main', { expectedTarget })).rejects.toMatchObject({ code: 'PHLO_COMMIT_CONFLICT' })
    meanwhile('e')
    await lake.merge(branch, 'main')
    expect([await files(orders!), await files(items!)]).toEqual([['a', 'b', 'd', 'e'], ['c']])
  })

  it('is a conflict by table where both sides replaced it, and publishes nothing', async () => {
    await staged()
    await write(lake, orders!, 'r', { ref: branch, replaces: true })
    await write(new TableBranches(server, store), orders!, 'd', { replaces: true })
    await expect(lake.merge(branch, 'main')).rejects.toMatchObject({
      code: 'PHLO_MERGE_CONFLICT',
      context: { tables: ['shop.orders'] },
    })
    expect([await files(orders!), await files(items!)]).toEqual([['d'], []])
    const { tables } = await lake.merge(branch, 'main', { dryRun: true })
    expect(tables.map(({ outcome }) => outcome)).toEqual(['taken', 'conflict'])
  })

  it('of one table works where the server changes one at a time; the second is refused when it is written', async () => {
    reset(false)
    await write(lake, orders!, 'a')
    await write(lake, items!, 'c')
    await lake.createRef(branch)
    await write(lake, orders!, 'b', { ref: branch })
    await write(lake, orders!, 'b2', { ref: branch })
    await expect(write(lake, items!, 'd', { ref: branch })).rejects.toMatchObject({
      code: 'PHLO_UNSUPPORTED',
      context: { tables: ['shop.orders', 'shop.items'] },
    })
    await lake.merge(branch, 'main')
    expect([await files(orders!), await files(items!)]).toEqual([['a', 'b', 'b2'], ['c']])
  })
})
