import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { currentSchema } from '@phlo/iceberg'
import { table, TestLake } from '../testing/lake.js'

let lake: TestLake
beforeEach(async () => {
  lake = await TestLake.open()
})
afterEach(() => lake.close())

const run = (sql: string) => lake.execute(sql)
const rows = (sql = 'SELECT * FROM a.t ORDER BY ALL') => lake.rows(sql)
async function metadata() {
  const loaded = await lake.catalog.loadTable(table('a.t'))
  if (!loaded) throw new Error('a.t')
  return loaded.metadata
}
const columns = async () =>
  currentSchema(await metadata()).fields.map(({ id, name, required, type }) => [id, name, required, type])

describe('ALTER TABLE', () => {
  it('adds, renames, widens, drops and describes columns', async () => {
    await run("CREATE TABLE a.t AS SELECT 1 AS id, 'x' AS name, 1.5::FLOAT AS f")
    await run('ALTER TABLE a.t ADD COLUMN more DECIMAL(4, 2)')
    await run('ALTER TABLE a.t ADD COLUMN IF NOT EXISTS more VARCHAR')
    await run('ALTER TABLE a.t RENAME COLUMN Name TO "full name"')
    await run('ALTER TABLE a.t ALTER COLUMN id TYPE BIGINT')
    await run('ALTER TABLE a.t ALTER f SET DATA TYPE DOUBLE')
    await run("COMMENT ON COLUMN a.t.id IS 'its key'")
    await run("COMMENT ON TABLE a.t IS 'a table'")
    await run('ALTER TABLE a.t DROP COLUMN IF EXISTS nope')
    expect(await columns()).toEqual([
      [1, 'id', false, 'long'],
      [2, 'full name', false, 'string'],
      [3, 'f', false, 'double'],
      [4, 'more', false, 'decimal(4, 2)'],
    ])
    await run('INSERT INTO a.t VALUES (5000000000, $$y$$, 2, 1.25)')
    await run('ALTER TABLE a.t DROP COLUMN f')
    expect(await rows('SELECT id::VARCHAR AS id, "full name" AS n, more::VARCHAR AS more FROM a.t ORDER BY 1')).toEqual(
      [
        { id: '1', n: 'x', more: null },
        { id: '5000000000', n: 'y', more: '1.25' },
      ],
    )
    expect((await metadata()).properties?.['comment']).toBe('a table')
    expect(currentSchema(await metadata()).fields[0]?.doc).toBe('its key')
  })

  it('reaches fields within structs', async () => {
    await run("CREATE TABLE a.t AS SELECT 1 AS id, {'x': 1, 'y': 'old'} AS s")
    await run('ALTER TABLE a.t ADD COLUMN s.z INT')
    await run('ALTER TABLE a.t ALTER COLUMN s.x TYPE BIGINT')
    await run('ALTER TABLE a.t RENAME COLUMN s.y TO why')
    await run("INSERT INTO a.t VALUES (2, {'x': 5000000000, 'why': 'new', 'z': 3})")
    expect(await rows('SELECT id, s.x::VARCHAR AS x, s.why AS why, s.z AS z FROM a.t ORDER BY id')).toEqual([
      { id: 1, x: '1', why: 'old', z: null },
      { id: 2, x: '5000000000', why: 'new', z: 3 },
    ])
  })

  it('makes columns required when every row has a value, and optional', async () => {
    await run('CREATE TABLE a.t AS SELECT 1 AS id, NULL::VARCHAR AS s')
    await expect(run('ALTER TABLE a.t ALTER COLUMN s SET NOT NULL')).rejects.toMatchObject({ code: 'PHLO_SQL_INVALID' })
    await run('ALTER TABLE a.t ALTER COLUMN id SET NOT NULL')
    await expect(run("INSERT INTO a.t (s) VALUES ('y')")).rejects.toMatchObject({ code: 'PHLO_SQL_INVALID' })
    await expect(run('UPDATE a.t SET id = NULL')).rejects.toMatchObject({ code: 'PHLO_SQL_INVALID' })
    await run('ALTER TABLE a.t ALTER COLUMN id DROP NOT NULL')
    await run("INSERT INTO a.t (s) VALUES ('y')")
    expect(await rows()).toHaveLength(2)
  })

  it('gives columns of version 3 defaults, which rows from before have, too', async () => {
    await run("CREATE TABLE a.t (id INT, day DATE DEFAULT DATE '2024-01-31') WITH ('format-version' = 3)")
    await run('INSERT INTO a.t (id) VALUES (1)')
    await run('ALTER TABLE a.t ADD COLUMN n INT NOT NULL DEFAULT 40 + 2')
    await run('ALTER TABLE a.t ALTER COLUMN day DROP DEFAULT')
    await run('INSERT INTO a.t (id) VALUES (2)')
    await run('ALTER TABLE a.t ALTER COLUMN n SET DEFAULT 7')
    await run('INSERT INTO a.t VALUES (3, NULL, DEFAULT)')
    await run('MERGE INTO a.t USING (SELECT 4 AS id) v USING (id) WHEN NOT MATCHED THEN INSERT')
    expect(await rows('SELECT id, day::VARCHAR AS day, n FROM a.t ORDER BY id')).toEqual([
      { id: 1, day: '2024-01-31', n: 42 },
      { id: 2, day: null, n: 42 },
      { id: 3, day: null, n: 7 },
      { id: 4, day: null, n: 7 },
    ])
  })

  it('changes partitions, order and properties of what is written from then on', async () => {
    await run('CREATE TABLE a.t SORTED BY (id DESC) AS SELECT range::INT AS id, range % 2 = 0 AS even FROM range(4)')
    await run('ALTER TABLE a.t SET PARTITIONED BY (even, bucket(4, id))')
    await run('ALTER TABLE a.t SET SORTED BY (id NULLS LAST)')
    await run("ALTER TABLE a.t SET ('write.delete.mode' = 'merge-on-read', 'format-version' = 3, x = 'y')")
    await run('ALTER TABLE a.t RESET (x)')
    await run('INSERT INTO a.t SELECT range, range % 2 = 0 FROM range(4, 8)')
    await run('DELETE FROM a.t WHERE id IN (1, 5)')
    await run('UPDATE a.t SET even = NOT even WHERE id > 5')
    expect((await rows('SELECT id FROM a.t ORDER BY id')).map(({ id }) => id)).toEqual([0, 2, 3, 4, 6, 7])
    const found = await metadata()
    expect(found['format-version']).toBe(3)
    expect(found.properties?.['x']).toBeUndefined()
    expect(found['partition-specs'].at(-1)?.fields.map(({ transform }) => transform)).toEqual(['identity', 'bucket[4]'])
    expect(found['sort-orders'].at(-1)?.fields).toMatchObject([{ direction: 'asc', 'null-order': 'nulls-last' }])
    await run('ALTER TABLE a.t RESET PARTITIONED BY')
    await run('INSERT INTO a.t VALUES (9, TRUE)')
    expect(await rows('SELECT count(*)::INT AS n FROM a.t')).toEqual([{ n: 7 }])
  })

  it.each([
    ['ALTER TABLE a.t ALTER COLUMN id TYPE VARCHAR', 'PHLO_SQL_INVALID', 1, 30],
    ['ALTER TABLE a.t DROP COLUMN nope', 'PHLO_SQL_INVALID', 1, 29],
    ['ALTER TABLE a.t ADD COLUMN id INT', 'PHLO_SQL_INVALID', 1, 28],
    ['ALTER TABLE a.t ADD COLUMN x NOPE', 'PHLO_SQL_INVALID', undefined, undefined],
    ['ALTER TABLE a.t ADD COLUMN x INT NOT NULL', 'PHLO_SQL_INVALID', 1, 28],
    ['ALTER TABLE a.none ADD COLUMN x INT', 'PHLO_TABLE_NOT_FOUND', undefined, undefined],
    ['ALTER TABLE a.t SET PARTITIONED BY (nope)', 'PHLO_SQL_INVALID', 1, 37],
  ])('refuses %s', async (sql, code, line, column) => {
    await run('CREATE TABLE a.t AS SELECT 1 AS id')
    const before = (await lake.catalog.loadTable(table('a.t')))?.metadataLocation
    const error: unknown = await run(sql).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code })
    if (line !== undefined) expect(error).toMatchObject({ location: { line, column } })
    expect((await lake.catalog.loadTable(table('a.t')))?.metadataLocation).toBe(before)
  })
})
