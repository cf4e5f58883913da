import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { currentSchema, type DataFile, fileContent, planScan, snapshotById } from '@phlo/iceberg'
import type { MaterializeRequest, RewriteRequest, TableUpdate } from '@phlo/ports'
import fc from 'fast-check'
import { DuckDbHost } from '../duckdb-host.js'
import { DuckDbOptions } from '../options.js'
import { rowsSelect } from '../reading/rows-select.js'
import { ForeignFiles } from '../testing/foreign-files.js'
import { table, TestLake } from '../testing/lake.js'

let lake: TestLake
let foreign: ForeignFiles
beforeEach(async () => {
  lake = await TestLake.open()
  foreign = new ForeignFiles(lake)
})
afterEach(() => lake.close())

const append = (sql: string, more: Partial<MaterializeRequest> = {}) =>
  lake.put('a.t', sql, { strategy: 'append', ...more })
const rewrite = (request: Partial<RewriteRequest> = {}) =>
  lake.queries.rewrite({ table: table('a.t'), ref: 'main', message: 'Compact a.t', ...request })
const rows = async (columns = '*') =>
  (await lake.rows(`SELECT ${columns} FROM a.t ORDER BY ALL`)).map((row) => Object.values(row).map(String).join(' '))
const files = async () => (await foreign.tasks('a.t')).map(({ file }) => file)
const paths = async () => (await files()).map(({ path }) => path)
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => String(from + index))

/** What tells many rows from others. */
const content = () => lake.rows('SELECT count(*)::INT AS n, sum(hash(id, other))::VARCHAR AS hash FROM a.t')

/** Every key below the tables' folders. */
async function keys(): Promise<Set<string>> {
  const found = new Set<string>()
  for await (const { key } of lake.store.list('tables/')) found.add(key)
  return found
}

/** Six files of ten rows each. */
async function six(): Promise<void> {
  for (let index = 0; index < 6; index++) await append(`SELECT range + ${index * 10} AS id FROM range(10)`)
}

describe('compaction', () => {
  it('tells what it would do, puts small files together, and leaves the rows as they are', async () => {
    await six()
    const before = await foreign.load('a.t')
    const bytes = (await files()).reduce((sum, { fileSize }) => sum + fileSize, 0)
    const planned = { examined: 6, groups: 1, conflicts: 0, removedFiles: 6, removedBytes: bytes }
    expect(await rewrite({ dryRun: true })).toEqual({
      ...planned,
      addedFiles: 0,
      addedBytes: 0,
      rows: 0,
      snapshotIds: [],
    })
    expect((await foreign.load('a.t')).metadataLocation).toBe(before.metadataLocation)
    const result = await rewrite()
    const [file, ...others] = await files()
    expect(others).toEqual([])
    const { metadata } = await foreign.load('a.t')
    const snapshotId = metadata['current-snapshot-id'] as bigint
    expect(result).toEqual({
      ...planned,
      addedFiles: 1,
      addedBytes: file?.fileSize,
      rows: 60,
      snapshotIds: [snapshotId],
    })
    expect(snapshotById(metadata, snapshotId)?.summary).toMatchObject({
      operation: 'replace',
      'added-data-files': '1',
      'deleted-data-files': '6',
      'total-records': '60',
    })
    expect(await rows('id')).toEqual(range(0, 60))
    // The rows are as old as they were.
    expect((await foreign.tasks('a.t'))[0]?.sequenceNumber).toBe(6)
    expect(await rewrite()).toMatchObject({ groups: 0, removedFiles: 0, snapshotIds: [] })
    const old = before.metadata['current-snapshot-id'] as bigint
    expect(
      await lake.rows('SELECT count(*)::INT AS n FROM a.t', { snapshots: [{ table: table('a.t'), snapshotId: old }] }),
    ).toEqual([{ n: 60 }])
  })

  it('keeps to partitions, and to those that may meet a condition', async () => {
    for (let index = 0; index < 5; index++)
      await append(`SELECT range + ${index * 10} AS id, range % 2 AS part FROM range(10)`, { partitionBy: ['part'] })
    expect(await rewrite({ where: [{ column: 'part', op: 'eq', value: 1 }], dryRun: true })).toMatchObject({
      examined: 5,
      removedFiles: 5,
    })
    expect(await rewrite()).toMatchObject({ groups: 2, removedFiles: 10, addedFiles: 2, rows: 50 })
    expect((await files()).map(({ partition }) => partition[0]).sort()).toEqual([0n, 1n])
    expect(await rows('id')).toEqual(range(0, 50))
    expect(await lake.rows('SELECT count(*)::INT AS n FROM a.t WHERE part = 1')).toEqual([{ n: 25 }])
  })

  it('brings files of an older partitioning to the present one', async () => {
    await six()
    const spec = { 'spec-id': 1, fields: [{ 'source-id': 1, 'field-id': 1000, name: 'b', transform: 'truncate[20]' }] }
    await foreign.update('a.t', [
      { action: 'add-spec', spec },
      { action: 'set-default-spec', 'spec-id': -1 },
    ])
    expect(await rewrite()).toMatchObject({ groups: 1, removedFiles: 6, addedFiles: 3 })
    expect((await files()).map(({ specId, partition }) => [specId, partition[0]]).sort()).toEqual([
      [1, 0n],
      [1, 20n],
      [1, 40n],
    ])
    expect(await rows('id')).toEqual(range(0, 60))
  })

  it('leaves out what was deleted by position or by equal values, and needs those deletes no more', async () => {
    await six()
    const [first, second] = (await paths()) as [string, string]
    await foreign.commit('a.t', [
      await foreign.positions([
        [first, 0],
        [second, 9],
      ]),
      await foreign.parquet('SELECT unnest([21, 22, 99])::BIGINT AS id', '{id: 1}', {
        content: fileContent.equalityDeletes,
        equalityIds: [1],
      }),
    ])
    const before = await rows('id')
    expect(before).toHaveLength(56)
    expect(await rewrite()).toMatchObject({ removedFiles: 6, addedFiles: 1, rows: 56 })
    expect(await rows('id')).toEqual(before)
    // A list of positions does not say which files it is about, equal values are behind the rows that are left.
    const deletes = (await foreign.tasks('a.t')).flatMap((task) => task.deletes)
    expect(deletes.map(({ file }) => file.content)).toEqual([fileContent.positionDeletes])
  })

  it('keeps the ids of rows, and when they were changed last', async () => {
    await append('SELECT range AS id FROM range(10)')
    await foreign.update('a.t', [{ action: 'upgrade-format-version', 'format-version': 3 }])
    for (let index = 1; index < 6; index++) await append(`SELECT range + ${index * 10} AS id FROM range(10)`)
    const [first] = (await foreign.tasks('a.t')).filter(({ file }) => file.firstRowId !== undefined)
    await foreign.commit('a.t', [await foreign.vector(first?.file.path as string, [0, 5])])
    const lineage = async () => {
      const { metadata } = await foreign.load('a.t')
      const tasks = await foreign.tasks('a.t')
      const host = new DuckDbHost(DuckDbOptions.parse({}), { kind: 'open' }, `${lake.folder}/open`)
      try {
        return await host.connect(async (connection) => {
          const extra = ['_row_id', '_last_updated_sequence_number'] as const
          const select = await rowsSelect(connection, lake.store, metadata, tasks, currentSchema(metadata), { extra })
          return connection.run(`SELECT * FROM (${select}) ORDER BY id`)
        })
      } finally {
        await host.close()
      }
    }
    const before = await lineage()
    expect(before).toHaveLength(58)
    expect(await rewrite()).toMatchObject({ removedFiles: 6, addedFiles: 1, rows: 58 })
    expect(await lineage()).toEqual(before)
  })

  it('is refused for a table that is not there, and knows columns', async () => {
    await expect(rewrite()).rejects.toMatchObject({ code: 'PHLO_TABLE_NOT_FOUND' })
    await six()
    await expect(rewrite({ strategy: { kind: 'sort', by: [{ column: 'nope' }] } })).rejects.toMatchObject({
      code: 'PHLO_SCHEMA_COLUMN_MISSING',
    })
    await expect(rewrite({ strategy: { kind: 'sort' } })).rejects.toMatchObject({ code: 'PHLO_UNSUPPORTED' })
    await expect(rewrite({ where: [{ column: 'nope', op: 'eq', value: 1 }] })).rejects.toMatchObject({
      code: 'PHLO_ICEBERG_INVALID',
    })
    expect(await files()).toHaveLength(6)
  })
})

describe('an ordering rewrite', () => {
  /** The values of a column in the order in which a file has them. */
  async function stored(file: DataFile, column: string): Promise<number[]> {
    const local = await lake.store.localFile(lake.store.key(file.path) as string)
    const host = new DuckDbHost(DuckDbOptions.parse({}), { kind: 'open' }, `${lake.folder}/open`)
    try {
      const found = await host.connect((connection) =>
        connection.run(`SELECT ${column}::INT AS v FROM read_parquet('${local}') ORDER BY file_row_number`),
      )
      return found.map((row) => row['v'] as number)
    } finally {
      await host.close()
    }
  }

  const scattered = (from: number, count: number) =>
    `SELECT (range + ${from}) * 7919 % 1000003 AS id, hash(range + ${from}) % 1000 AS other FROM range(${count})`

  it('sorts within files and between them', async () => {
    for (let index = 0; index < 3; index++) await append(scattered(index * 100_000, 100_000))
    const before = await content()
    const size = (await files()).reduce((sum, { fileSize }) => sum + fileSize, 0)
    const strategy = { kind: 'sort', by: [{ column: 'id', descending: true }] } as const
    expect(await rewrite({ strategy, targetFileSize: Math.floor(size / 3) })).toMatchObject({ addedFiles: 3 })
    const values = await Promise.all((await files()).map((file) => stored(file, 'id')))
    const sorted = values.sort((a, b) => (b[0] as number) - (a[0] as number)).flat()
    expect(sorted.every((value, index) => index === 0 || value <= (sorted[index - 1] as number))).toBe(true)
    expect(await content()).toEqual(before)
  })

  it('follows the table’s own sort order, and says so', async () => {
    await append(scattered(0, 1000))
    await append(scattered(1000, 1000))
    const updates: TableUpdate[] = [
      {
        action: 'add-sort-order',
        'sort-order': {
          'order-id': 1,
          fields: [{ 'source-id': 2, transform: 'identity', direction: 'asc', 'null-order': 'nulls-first' }],
        },
      },
      { action: 'set-default-sort-order', 'sort-order-id': -1 },
    ]
    await foreign.update('a.t', updates)
    await rewrite({ strategy: { kind: 'sort' } })
    const [file, ...more] = await files()
    expect(more).toEqual([])
    const values = await stored(file as DataFile, 'other')
    expect(values).toEqual([...values].sort((a, b) => a - b))
    const entry = await sortOrderIds()
    expect(entry).toEqual([1])
  })

  /** Planning leaves the id out, manifests have it. */
  async function sortOrderIds(): Promise<(number | undefined)[]> {
    const { TableFiles, refSnapshot, entryStatus } = await import('@phlo/iceberg')
    const { metadata } = await foreign.load('a.t')
    const tableFiles = new TableFiles(lake.store, metadata)
    const ids: (number | undefined)[] = []
    for (const manifest of await tableFiles.manifests(refSnapshot(metadata) as never))
      for await (const { status, file } of tableFiles.entries(manifest))
        if (status !== entryStatus.deleted) ids.push(file.sortOrderId)
    return ids
  }

  it.each(['zorder', 'hilbert'] as const)('(%s) lets files be passed over by either column', async (kind) => {
    await append(scattered(0, 200_000))
    const before = await content()
    const [{ fileSize }] = (await files()) as [DataFile]
    const strategy = { kind, columns: ['id', 'other'] }
    await rewrite({ strategy, targetFileSize: Math.floor(fileSize / 16) })
    const count = (await files()).length
    expect(count).toBeGreaterThan(10)
    const { metadata } = await foreign.load('a.t')
    const needed = async (column: string, value: number) => {
      let found = 0
      for await (const _ of planScan(lake.store, metadata, { filter: { op: 'eq', column, value } })) found++
      return found
    }
    // Not in the middle, where the curve's halves meet and a value may lie in both.
    expect(await needed('id', 300_000)).toBeLessThanOrEqual(count / 2)
    expect(await needed('other', 300)).toBeLessThanOrEqual(count / 2)
    expect(await content()).toEqual(before)
  })
})

describe('compaction beside writers', () => {
  /** Does something once while the first group is written. */
  const meanwhile = (work: () => Promise<unknown>) => {
    let running: Promise<unknown> | undefined
    const load = lake.catalog.loadTable.bind(lake.catalog)
    let loads = 0
    lake.catalog.loadTable = async (...args) => {
      // The first look makes the plan, the second one is for the commit.
      if (++loads === 2) {
        lake.catalog.loadTable = load
        await (running ??= work())
      }
      return load(...args)
    }
  }

  it('keeps what others append', async () => {
    await six()
    meanwhile(() => append('SELECT 60::BIGINT AS id'))
    expect(await rewrite()).toMatchObject({ removedFiles: 6, addedFiles: 1, conflicts: 0 })
    expect(await rows('id')).toEqual(range(0, 61))
  })

  it('lets equality deletes of others apply to rewritten rows', async () => {
    await six()
    meanwhile(async () =>
      foreign.commit('a.t', [
        await foreign.parquet('SELECT 7::BIGINT AS id', '{id: 1}', {
          content: fileContent.equalityDeletes,
          equalityIds: [1],
        }),
      ]),
    )
    expect(await rewrite()).toMatchObject({ removedFiles: 6, addedFiles: 1, conflicts: 0 })
    expect(await rows('id')).toEqual(range(0, 60).filter((id) => id !== '7'))
  })

  it('leaves alone what others deleted from or replaced, and does the rest', async () => {
    for (let index = 0; index < 5; index++)
      await append(`SELECT range + ${index * 10} AS id, range % 3 AS part FROM range(9)`, { partitionBy: ['part'] })
    const of = async (part: bigint) => (await files()).filter(({ partition }) => partition[0] === part)
    const before = await keys()
    meanwhile(async () => {
      const [deleted] = (await of(0n)) as [DataFile]
      await foreign.commit('a.t', [await foreign.positions([[deleted.path, 0]], { partition: [0n] })])
    })
    expect(await rewrite()).toMatchObject({ groups: 2, conflicts: 1, removedFiles: 10, addedFiles: 2 })
    expect(await rows()).toHaveLength(44)
    expect(await of(0n)).toHaveLength(5)
    // Nothing that no snapshot needs is left behind, but for the metadata that was written on the way.
    const left = [...(await keys())].filter((key) => key.endsWith('.parquet') && !before.has(key))
    expect(left.filter((key) => !key.startsWith('tables/foreign/'))).toHaveLength(2)
  })

  it('keeps what is committed when it is cancelled, and goes on the next time', async () => {
    for (let index = 0; index < 5; index++)
      await append(`SELECT range + ${index * 10} AS id, range % 3 AS part FROM range(9)`, { partitionBy: ['part'] })
    const before = await rows()
    const abort = new AbortController()
    const run = rewrite({
      signal: abort.signal,
      onProgress: ({ groupsDone }) => groupsDone === 2 && abort.abort(),
    })
    await expect(run).rejects.toMatchObject({ code: 'PHLO_RUN_CANCELLED' })
    expect(await rows()).toEqual(before)
    const left = (await files()).length
    expect(left).toBeLessThan(15)
    expect(await rewrite()).toMatchObject({ removedFiles: left - (15 - left) / 4, conflicts: 0 })
    expect(await files()).toHaveLength(3)
    expect(await rows()).toEqual(before)
  })

  it('commits as often as it is told', async () => {
    for (let index = 0; index < 5; index++)
      await append(`SELECT range AS id, range % 5 AS part FROM range(10)`, { partitionBy: ['part'] })
    expect((await rewrite({ maxCommits: 2 })).snapshotIds).toHaveLength(2)
    expect(await files()).toHaveLength(5)
  })
})

describe('any table', () => {
  it('has the same rows after a rewrite of any kind', async () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('append' as const), from: fc.nat(20), count: fc.integer({ min: 1, max: 12 }) }),
      fc.record({ kind: fc.constant('positions' as const), file: fc.nat(9), position: fc.nat(5) }),
      fc.record({ kind: fc.constant('equal' as const), id: fc.nat(25) }),
    )
    const strategy = fc.constantFrom<NonNullable<RewriteRequest['strategy']>>(
      { kind: 'binpack' },
      { kind: 'sort', by: [{ column: 'text' }] },
      { kind: 'zorder', columns: ['id', 'text'] },
      { kind: 'hilbert', columns: ['id', 'text'] },
    )
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 7 }),
        strategy,
        fc.boolean(),
        async (steps, chosen, partitioned) => {
          await lake.close()
          lake = await TestLake.open()
          foreign = new ForeignFiles(lake)
          const by = partitioned ? { partitionBy: ['part'] } : {}
          for (const item of [{ kind: 'append' as const, from: 0, count: 3 }, ...steps]) {
            if (item.kind === 'append') {
              const source = `range(${item.from}, ${item.from + item.count})`
              await append(
                `SELECT range AS id, (range * 37 % 11)::VARCHAR AS text, range % 2 AS part FROM ${source}`,
                by,
              )
            } else if (item.kind === 'positions') {
              const all = await files()
              const file = all[item.file % all.length] as DataFile
              const { partition, recordCount, path } = file
              await foreign.commit('a.t', [
                await foreign.positions([[path, item.position % recordCount]], { partition }),
              ])
            } else {
              const { metadata } = await foreign.load('a.t')
              const specs = metadata['partition-specs'].length
              const partition = partitioned ? [BigInt(item.id % 2)] : []
              await foreign.commit('a.t', [
                await foreign.parquet(`SELECT ${item.id}::BIGINT AS id`, '{id: 1}', {
                  content: fileContent.equalityDeletes,
                  equalityIds: [1],
                  partition,
                  specId: specs - 1,
                }),
              ])
            }
          }
          const before = await rows()
          await rewrite({ strategy: chosen, all: true })
          expect(await rows()).toEqual(before)
        },
      ),
      { numRuns: 15 },
    )
  })
})
