import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { currentSchema, type DataFile, fileContent, type ScanTask } from '@phlo/iceberg'
import { plainRows } from '@phlo/ports/testing'
import { DuckDbHost } from '../duckdb-host.js'
import { DuckDbOptions } from '../options.js'
import { ForeignFiles } from '../testing/foreign-files.js'
import { TestLake } from '../testing/lake.js'
import { type MetadataColumn, rowsSelect } from './rows-select.js'

let lake: TestLake
let foreign: ForeignFiles
beforeEach(async () => {
  lake = await TestLake.open()
  foreign = new ForeignFiles(lake)
})
afterEach(() => lake.close())

const rows = async (sql: string) => plainRows(await lake.queries.query(sql))
const ids = async (where = 'TRUE') =>
  (await rows(`SELECT id::INT AS id FROM a.t WHERE ${where} ORDER BY id NULLS FIRST`)).map((row) => row['id'])
const paths = async () => (await foreign.tasks('a.t')).map(({ file }) => file.path)
const equality = (select: string, fieldIds: string, equalityIds: readonly number[], file: Partial<DataFile> = {}) =>
  foreign.parquet(select, fieldIds, { ...file, content: fileContent.equalityDeletes, equalityIds })
const append = (sql: string) => lake.put('a.t', sql, { strategy: 'append' })

/** The rows of tasks, on a connection that may read every file, as those of writes may. */
async function selected(tasks: readonly ScanTask[], extra: readonly MetadataColumn[]) {
  const { metadata } = await foreign.load('a.t')
  const host = new DuckDbHost(DuckDbOptions.parse({}), { kind: 'open' }, `${lake.folder}/open`)
  try {
    return await host.connect(async (connection) => {
      const select = await rowsSelect(connection, lake.store, metadata, tasks, currentSchema(metadata), { extra })
      return connection.run(`SELECT * FROM (${select}) ORDER BY ALL`)
    })
  } finally {
    await host.close()
  }
}

describe('position deletes', () => {
  it('drop the rows at their positions in the files that they name, under filters and joins', async () => {
    await append('SELECT range AS id FROM range(10)')
    await append('SELECT range + 10 AS id FROM range(10)')
    const [first, second] = (await foreign.tasks('a.t')).toSorted((a, b) => a.sequenceNumber - b.sequenceNumber)
    const [a, b] = [first?.file.path ?? '', second?.file.path ?? '']
    await foreign.commit('a.t', [
      await foreign.positions([
        [a, 0],
        [a, 9],
        [b, 5],
      ]),
    ])
    expect(await ids()).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 16, 17, 18, 19])
    await foreign.commit('a.t', [
      await foreign.positions([[a, 1]]),
      await foreign.positions([
        [a, 2],
        [b, 6],
      ]),
    ])
    await append('SELECT range AS id FROM range(3)')
    expect(await ids('id < 5 OR id > 13')).toEqual([0, 1, 2, 3, 4, 14, 17, 18, 19])
    expect(await rows('SELECT count(*)::INT AS n FROM a.t x JOIN a.t y USING (id)')).toEqual([{ n: 17 }])
  })

  it('are found in files of partitions', async () => {
    await lake.put('a.t', 'SELECT range AS id, range % 2 AS part FROM range(6)', { partitionBy: ['part'] })
    const [zero] = (await foreign.tasks('a.t')).filter(({ file }) => file.partition[0] === 0n)
    const file = zero?.file.path ?? ''
    await foreign.commit('a.t', [await foreign.positions([[file, 1]], { partition: [0n] })])
    expect(await ids()).toEqual([0, 1, 3, 4, 5])
  })
})

describe('deletion vectors', () => {
  it('drop the rows at their positions, also many and beside files without', async () => {
    await append('SELECT range AS id FROM range(10000)')
    await append('SELECT -1::BIGINT AS id')
    const big = (await foreign.tasks('a.t')).find(({ file }) => file.recordCount === 10_000)?.file.path ?? ''
    await foreign.update('a.t', [{ action: 'upgrade-format-version', 'format-version': 3 }])
    const odd = Array.from({ length: 5000 }, (_, index) => index * 2 + 1)
    await foreign.commit('a.t', [await foreign.vector(big, odd)])
    expect(await rows('SELECT count(*)::INT AS n, min(id)::INT AS low, sum(id % 2)::INT AS odd FROM a.t')).toEqual([
      { n: 5001, low: -1, odd: -1 },
    ])
  })
})

describe('equality deletes', () => {
  it('drop rows of older files alone, and treat NULL as equal to NULL', async () => {
    await append("SELECT * FROM (VALUES (1, 'x'), (2, NULL), (NULL, 'y'), (3, 'x')) v(id, s)")
    await foreign.commit('a.t', [
      await equality('SELECT 1 AS id', '{id: 1}', [1]),
      await equality('SELECT NULL::VARCHAR AS s', '{s: 2}', [2]),
    ])
    expect(await ids()).toEqual([null, 3])
    await append("SELECT * FROM (VALUES (1, 'x'), (2, NULL), (NULL, 'z')) v(id, s)")
    expect(await ids()).toEqual([null, null, 1, 2, 3])
    await foreign.commit('a.t', [await equality("SELECT NULL::INT AS id, 'z' AS s", '{id: 1, s: 2}', [1, 2])])
    expect(await rows('SELECT s FROM a.t WHERE id IS NULL')).toEqual([{ s: 'y' }])
  })

  it('of one commit do not touch the rows that come with them', async () => {
    await append('SELECT range AS id FROM range(3)')
    const again = await foreign.parquet('SELECT 1::BIGINT AS id', '{id: 1}', { content: fileContent.data })
    await foreign.commit('a.t', [await equality('SELECT 1::BIGINT AS id', '{id: 1}', [1]), again])
    expect(await ids()).toEqual([0, 1, 2])
    expect(await rows('SELECT count(*)::INT AS n FROM a.t')).toEqual([{ n: 3 }])
  })

  it('of a partition are about that partition, and those of no partition about all', async () => {
    await lake.put('a.t', 'SELECT range AS id, range % 2 AS part FROM range(6)', { partitionBy: ['part'] })
    await foreign.commit('a.t', [
      await equality('SELECT unnest([0, 1, 2, 3])::BIGINT AS id', '{id: 1}', [1], { partition: [0n] }),
    ])
    expect(await ids()).toEqual([1, 3, 4, 5])
    await foreign.update('a.t', [{ action: 'add-spec', spec: { 'spec-id': 1, fields: [] } }])
    await foreign.commit('a.t', [await equality('SELECT unnest([4, 5])::BIGINT AS id', '{id: 1}', [1], { specId: 1 })])
    expect(await ids()).toEqual([1, 3])
  })

  it('compare columns by their ids after a renaming, and dropped columns too', async () => {
    await append("SELECT * FROM (VALUES (1, 'x'), (2, 'y'), (3, 'z')) v(id, s)")
    await foreign.commit('a.t', [await equality("SELECT 'x' AS other", '{other: 2}', [2])])
    const { metadata } = await foreign.load('a.t')
    const [id, s] = currentSchema(metadata).fields
    if (!id || !s) throw new Error('no fields')
    await foreign.update('a.t', [
      { action: 'add-schema', schema: { type: 'struct', 'schema-id': 1, fields: [id, { ...s, name: 'title' }] } },
      { action: 'set-current-schema', 'schema-id': -1 },
    ])
    expect(await rows('SELECT title FROM a.t ORDER BY ALL')).toEqual([{ title: 'y' }, { title: 'z' }])
    await foreign.update('a.t', [
      { action: 'add-schema', schema: { type: 'struct', 'schema-id': 2, fields: [id] } },
      { action: 'set-current-schema', 'schema-id': -1 },
    ])
    expect(await ids()).toEqual([2, 3])
  })

  it('without columns, or of columns that nobody knows, are refused', async () => {
    await append('SELECT 1 AS id')
    await foreign.commit('a.t', [await equality('SELECT 1 AS id', '{id: 1}', [1])])
    for (const equalityIds of [[], [7]]) {
      const tasks = (await foreign.tasks('a.t')).map((task) => ({
        ...task,
        deletes: task.deletes.map(({ file, sequenceNumber }) => ({ file: { ...file, equalityIds }, sequenceNumber })),
      }))
      await expect(selected(tasks, [])).rejects.toMatchObject({ code: 'PHLO_ICEBERG_INVALID' })
    }
  })
})

describe('where a row is', () => {
  const located = async (extra: readonly MetadataColumn[]) => selected(await foreign.tasks('a.t'), extra)

  it('is told by its file, its position and its partition, whatever was deleted before it', async () => {
    await lake.put('a.t', 'SELECT range::INT AS id, range % 2 AS part FROM range(4)', { partitionBy: ['part'] })
    const files = await paths()
    const tasks = await foreign.tasks('a.t')
    const even = tasks.find(({ file }) => file.partition[0] === 0n)?.file.path ?? ''
    const odd = files.find((file) => file !== even)
    await foreign.commit('a.t', [await foreign.positions([[even, 0]], { partition: [0n] })])
    expect(await located(['_file', '_pos', '_spec_id', '_partition'])).toEqual([
      { id: 1, part: '1', _file: odd, _pos: '0', _spec_id: 0, _partition: { part: '1' } },
      { id: 2, part: '0', _file: even, _pos: '1', _spec_id: 0, _partition: { part: '0' } },
      { id: 3, part: '1', _file: odd, _pos: '1', _spec_id: 0, _partition: { part: '1' } },
    ])
  })

  it('is kept by its lineage, through rewrites that carry it along', async () => {
    await append('SELECT range AS id FROM range(2)')
    await foreign.update('a.t', [{ action: 'upgrade-format-version', 'format-version': 3 }])
    await append('SELECT range + 2 AS id FROM range(2)')
    const lineage: readonly MetadataColumn[] = ['_row_id', '_last_updated_sequence_number']
    const before = await located(lineage)
    expect(before.slice(2)).toEqual([
      { id: '2', _row_id: expect.any(String) as unknown, _last_updated_sequence_number: '2' },
      { id: '3', _row_id: expect.any(String) as unknown, _last_updated_sequence_number: '2' },
    ])
    expect(new Set(before.map((row) => row['_row_id'])).size).toBe(4)
    const carried = await foreign.parquet(
      'SELECT 4::BIGINT AS id, 77::BIGINT AS "_row_id", 1::BIGINT AS seq UNION ALL SELECT 5, NULL, NULL ORDER BY ALL',
      '{id: 1, _row_id: 2147483540, seq: 2147483539}',
      { content: fileContent.data },
    )
    await foreign.commit('a.t', [carried])
    const first = (await foreign.tasks('a.t')).find(({ file }) => file.path === carried.path)?.file.firstRowId ?? -1
    expect((await located(lineage)).slice(4)).toEqual([
      { id: '4', _row_id: '77', _last_updated_sequence_number: '1' },
      { id: '5', _row_id: String(first + 1), _last_updated_sequence_number: '3' },
    ])
  })

  it('is NULL for the lineage of rows that no snapshot has numbered', async () => {
    await append('SELECT 1 AS id')
    expect(await located(['_row_id', '_last_updated_sequence_number'])).toEqual([
      { id: 1, _row_id: null, _last_updated_sequence_number: null },
    ])
  })

  it('is typed in a table without rows', async () => {
    await append('SELECT 1 AS id WHERE FALSE')
    expect(await located(['_file', '_pos', '_partition'])).toEqual([])
  })
})
