import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { currentSchema, fileContent } from '@phlo/iceberg'
import { plainRows } from '@phlo/ports/testing'
import { ForeignFiles } from '../testing/foreign-files.js'
import { table, TestLake } from '../testing/lake.js'

let lake: TestLake
let foreign: ForeignFiles
beforeEach(async () => {
  lake = await TestLake.open()
  foreign = new ForeignFiles(lake)
})
afterEach(() => lake.close())

const rows = async (sql: string) => plainRows(await lake.queries.query(sql))
const ids = async () =>
  ((await foreign.load('a.t')).metadata.snapshots ?? []).map((snapshot) => snapshot['snapshot-id'])

describe('tables about a table', () => {
  it('are named behind a dollar, and joined, filtered and travelled like any other', async () => {
    await lake.put('a.t', "SELECT range AS id, range % 2 AS part, 'x' AS s FROM range(10)", { partitionBy: ['part'] })
    await lake.put('a.t', "SELECT range AS id, 7::BIGINT AS part, 'y' AS s FROM range(5)", { strategy: 'append' })
    const [first, second] = await ids()
    expect(
      await rows(
        'SELECT snapshot_id::VARCHAR AS id, parent_id::VARCHAR AS parent, operation FROM a."t$snapshots" ORDER BY committed_at',
      ),
    ).toEqual([
      { id: String(first), parent: null, operation: 'append' },
      { id: String(second), parent: String(first), operation: 'append' },
    ])
    const files = 'SELECT record_count::INT AS n, partition.part::INT AS part, content::INT AS c FROM a."t$files"'
    expect(await rows(`${files} ORDER BY part`)).toEqual([
      { n: 5, part: 0, c: 0 },
      { n: 5, part: 1, c: 0 },
      { n: 5, part: 7, c: 0 },
    ])
    expect(await rows(`SELECT count(*)::INT AS n FROM a."T$FILES" AT (VERSION => ${first})`)).toEqual([{ n: 2 }])
    expect(await rows('SELECT sum(record_count)::INT AS n FROM a."t$all_data_files"')).toEqual([{ n: 15 }])
    expect(await rows('SELECT name, type FROM a."t$refs"')).toEqual([{ name: 'main', type: 'BRANCH' }])
    expect(
      await rows('SELECT typeof(committed_at) AS t, summary[\'added-records\'] AS n FROM a."t$snapshots" LIMIT 1'),
    ).toEqual([{ t: 'TIMESTAMP WITH TIME ZONE', n: '10' }])
    for (const name of [
      'history',
      'metadata_log_entries',
      'entries',
      'manifests',
      'partitions',
      'delete_files',
      'all_entries',
      'all_manifests',
    ])
      expect(await rows(`SELECT count(*)::INT AS n FROM a."t$${name}"`)).toHaveLength(1)
    expect(
      await rows('SELECT count(*)::INT AS n FROM a.t JOIN a."t$partitions" p ON p.partition.part = t.part'),
    ).toEqual([{ n: 15 }])
    expect(await lake.queries.tables('SELECT 1 FROM a."t$files", a.t')).toEqual([{ identifier: table('a.t') }])
  })

  it('tell where each row is, and since when it is as it is', async () => {
    await lake.put('a.t', 'SELECT range AS id, range % 2 AS part FROM range(4)', { partitionBy: ['part'] })
    await foreign.update('a.t', [{ action: 'upgrade-format-version', 'format-version': 3 }])
    await lake.put('a.t', 'SELECT 9::BIGINT AS id, 5::BIGINT AS part', { strategy: 'append' })
    const found = await rows(
      `SELECT id::INT AS id, _pos::INT AS pos, _partition.part::INT AS part, _spec_id AS spec, count(DISTINCT _file) OVER ()::INT AS files,
         _last_updated_sequence_number::INT AS since, count(DISTINCT _row_id) OVER ()::INT AS ids FROM a."t$rows" ORDER BY id`,
    )
    expect(found.map(({ since: _since, ...row }) => row)).toEqual([
      { id: 0, pos: 0, part: 0, spec: 0, files: 3, ids: 5 },
      { id: 1, pos: 0, part: 1, spec: 0, files: 3, ids: 5 },
      { id: 2, pos: 1, part: 0, spec: 0, files: 3, ids: 5 },
      { id: 3, pos: 1, part: 1, spec: 0, files: 3, ids: 5 },
      { id: 9, pos: 0, part: 5, spec: 0, files: 3, ids: 5 },
    ])
    expect(found.at(-1)?.['since']).toBe(2)
    const { tables } = await lake.queries.explain('SELECT _pos FROM a."t$rows" WHERE part = 5')
    expect(tables).toMatchObject([{ table: table('a.t'), files: { read: 1 } }])
  })

  it('are there for tables without partitions, and not for tables that are not there', async () => {
    await lake.put('a.t', 'SELECT 1 AS id')
    expect(await rows('SELECT record_count::INT AS n FROM a."t$files"')).toEqual([{ n: 1 }])
    await expect(rows('SELECT * FROM a."u$files"')).rejects.toMatchObject({ code: 'PHLO_TABLE_NOT_FOUND' })
    await expect(rows('SELECT * FROM a."t$nothing"')).rejects.toMatchObject({ code: 'PHLO_TABLE_NOT_FOUND' })
  })
})

describe('the changes of a table', () => {
  const changes = 'SELECT id::INT AS id, _change_type AS type, _change_ordinal AS n FROM a."t$changes"'

  it('are the rows of each snapshot that came and went, by files and by deletes', async () => {
    await lake.put('a.t', 'SELECT range AS id FROM range(3)')
    const [file] = await foreign.tasks('a.t')
    const path = file?.file.path ?? ''
    await foreign.commit('a.t', [await foreign.positions([[path, 0]])])
    const equality = await foreign.parquet('SELECT 1::BIGINT AS id', '{id: 1}', {
      content: fileContent.equalityDeletes,
      equalityIds: [1],
    })
    await foreign.commit('a.t', [equality])
    await lake.put('a.t', 'SELECT unnest([2, 9])::BIGINT AS id')
    expect(await rows(`${changes} ORDER BY n, id`)).toEqual([
      { id: 0, type: 'insert', n: 0 },
      { id: 1, type: 'insert', n: 0 },
      { id: 2, type: 'insert', n: 0 },
      { id: 0, type: 'delete', n: 1 },
      { id: 1, type: 'delete', n: 2 },
      // What was replaced by itself is no change.
      { id: 9, type: 'insert', n: 3 },
    ])
    const snapshots = await ids()
    expect(
      await rows(`${changes} AT (VERSION => ${snapshots[1]}) WHERE _commit_snapshot_id = ${snapshots[1]}`),
    ).toEqual([{ id: 0, type: 'delete', n: 1 }])
    expect(await rows(`${changes} WHERE id = 9`)).toEqual([{ id: 9, type: 'insert', n: 3 }])
  })

  it('are updates where identifier fields tell which row became which', async () => {
    await lake.put('a.t', "SELECT range AS id, 'old' AS s FROM range(3)")
    const { metadata } = await foreign.load('a.t')
    const schema = currentSchema(metadata)
    const fields = schema.fields.map((field) => ({ ...field, required: field.name === 'id' }))
    await foreign.update('a.t', [
      { action: 'add-schema', schema: { ...schema, 'schema-id': 1, fields, 'identifier-field-ids': [1] } },
      { action: 'set-current-schema', 'schema-id': -1 },
    ])
    await foreign.commit('a.t', [
      await foreign.parquet('SELECT unnest([0, 1, 2])::BIGINT AS id', '{id: 1}', {
        content: fileContent.equalityDeletes,
        equalityIds: [1],
      }),
      await foreign.parquet(
        "SELECT * FROM (VALUES (0::BIGINT, 'old'), (1, 'new'), (5, 'new')) v(id, s)",
        '{id: 1, s: 2}',
        {
          content: fileContent.data,
        },
      ),
    ])
    expect(
      await rows(
        'SELECT id::INT AS id, s, _change_type AS type FROM a."t$changes" WHERE _change_ordinal = 1 AND s <> \'x\' ORDER BY id, type',
      ),
    ).toEqual([
      { id: 1, s: 'new', type: 'update_after' },
      { id: 1, s: 'old', type: 'update_before' },
      { id: 2, s: 'old', type: 'delete' },
      { id: 5, s: 'new', type: 'insert' },
    ])
  })

  it('are none of a table without snapshots', async () => {
    await lake.put('a.t', 'SELECT 1 AS id WHERE FALSE')
    expect(await rows(changes)).toEqual([])
  })
})
