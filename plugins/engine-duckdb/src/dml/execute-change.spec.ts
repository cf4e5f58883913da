import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { readdir } from 'node:fs/promises'
import { planScan } from '@phlo/iceberg'
import { PhloError } from '@phlo/ports'
import { table, TestLake } from '../testing/lake.js'

let lake: TestLake
beforeEach(async () => {
  lake = await TestLake.open()
})
afterEach(() => lake.close())

const rows = (sql = 'SELECT * FROM a.t ORDER BY ALL') => lake.rows(sql)
const run = async (sql: string, params: readonly (string | number | null)[] = []) => {
  const { operation, inserted, updated, deleted } = await lake.execute(sql, { params })
  return { operation, inserted, updated, deleted }
}
const metadata = async () => {
  const loaded = await lake.catalog.loadTable(table('a.t'))
  if (!loaded) throw new Error('a.t')
  return loaded.metadata
}
const tasks = async () => {
  const found = []
  for await (const task of planScan(lake.store, await metadata())) found.push(task)
  return found
}
const counts = { inserted: 0, updated: 0, deleted: 0 }

describe('CREATE TABLE', () => {
  it('makes a table of columns, or of a SELECT', async () => {
    expect(await run('CREATE TABLE a.t (id BIGINT NOT NULL, name VARCHAR COMMENT $$its name$$, day DATE)')).toEqual({
      operation: 'create',
      ...counts,
    })
    expect(await rows()).toEqual([])
    expect((await metadata()).schemas[0]?.fields).toEqual([
      { id: 1, name: 'id', required: true, type: 'long' },
      { id: 2, name: 'name', required: false, type: 'string', doc: 'its name' },
      { id: 3, name: 'day', required: false, type: 'date' },
    ])
    await expect(run('CREATE TABLE a.t (id INT)')).rejects.toMatchObject({ code: 'PHLO_TABLE_EXISTS' })
    expect(await run('CREATE TABLE IF NOT EXISTS a.t (id INT)')).toEqual({ operation: 'create', ...counts })
    expect(
      await run(
        `CREATE OR REPLACE TABLE a.t PARTITIONED BY (b, bucket(4, id)) WITH ('write.delete.mode' = 'merge-on-read')
         AS SELECT range AS id, range % 2 = 0 AS b FROM range(4)`,
      ),
    ).toEqual({ operation: 'create', ...counts, inserted: 4 })
    expect(await rows('SELECT sum(id)::INT AS sum, count(*)::INT AS n FROM a.t')).toEqual([{ sum: 6, n: 4 }])
    const { properties, ...rest } = await metadata()
    expect(properties).toMatchObject({ 'write.delete.mode': 'merge-on-read' })
    expect(rest['partition-specs'].at(-1)?.fields.map(({ transform }) => transform)).toEqual(['identity', 'bucket[4]'])
  })
})

describe('INSERT', () => {
  beforeEach(() => run('CREATE TABLE a.t (id INT NOT NULL, name VARCHAR, day DATE)'))

  it('casts to the table’s types, and leaves out what it may', async () => {
    expect(await run("INSERT INTO a.t VALUES ('1', 'x', '2024-01-31'), (2, DEFAULT, NULL)")).toEqual({
      operation: 'insert',
      ...counts,
      inserted: 2,
    })
    await run('INSERT INTO a.t (day, "ID") SELECT DATE \'2024-02-01\', $1', [3])
    await run("INSERT INTO A.T BY NAME SELECT 'y' AS NAME, 4 AS id; -- done")
    expect(await rows('SELECT id, name, day::VARCHAR AS day FROM a.t ORDER BY id')).toEqual([
      { id: 1, name: 'x', day: '2024-01-31' },
      { id: 2, name: null, day: null },
      { id: 3, name: null, day: '2024-02-01' },
      { id: 4, name: 'y', day: null },
    ])
  })

  it.each([
    ['INSERT INTO a.t VALUES (1)', 'PHLO_SQL_INVALID', 1, 17],
    ['INSERT INTO a.t (id, nope) VALUES (1, 2)', 'PHLO_SQL_INVALID', 1, 22],
    ['INSERT INTO a.t (id, ID) VALUES (1, 2)', 'PHLO_SQL_INVALID', 1, 22],
    ["INSERT INTO a.t (name) VALUES ('x')", 'PHLO_SQL_INVALID', undefined, undefined],
    ['INSERT INTO a.t\n SELECT 1, 2,\n nope', 'PHLO_SQL_INVALID', 3, 2],
    ["INSERT INTO a.t SELECT * FROM read_csv('/etc/passwd')", 'PHLO_SQL_FORBIDDEN', 1, 31],
    ['INSERT INTO a.t SELECT 1, 2, 3; DROP TABLE a.t', 'PHLO_SQL_FORBIDDEN', 1, 33],
    ['INSERT INTO a.t VALUES (1, 2, 3) ON CONFLICT DO NOTHING', 'PHLO_UNSUPPORTED', 1, 34],
    ['INSERT INTO a.none VALUES (1)', 'PHLO_TABLE_NOT_FOUND', undefined, undefined],
    [
      "INSERT INTO a.t SELECT x, NULL, NULL FROM (VALUES ('1'), ('one')) v(x)",
      'PHLO_SQL_INVALID',
      undefined,
      undefined,
    ],
  ])('refuses %s', async (sql, code, line, column) => {
    const error = await run(sql).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code })
    if (line !== undefined) expect(error).toMatchObject({ location: { line, column } })
    expect(await rows()).toEqual([])
  })
})

describe.each([
  ['copy-on-write', 2],
  ['merge-on-read', 2],
  ['merge-on-read', 3],
])('rows of tables that are %s in version %i', (mode, version) => {
  beforeEach(async () => {
    const properties = ['delete', 'update', 'merge'].map((command) => `'write.${command}.mode' = '${mode}'`)
    await run(
      `CREATE TABLE a.t PARTITIONED BY (part) WITH ('format-version' = ${version}, ${properties.join(', ')})
       AS SELECT range::INT AS id, 'n' || range AS name, (range % 3)::INT AS part FROM range(9)`,
    )
  })

  it('are deleted', async () => {
    expect(await run('DELETE FROM a.t AS x WHERE x.id > 5 AND x.name <> $1', ['n7'])).toEqual({
      operation: 'delete',
      ...counts,
      deleted: 2,
    })
    expect(await rows('SELECT id FROM a.t ORDER BY id')).toEqual([0, 1, 2, 3, 4, 5, 7].map((id) => ({ id })))
    expect(await run('DELETE FROM a.t USING (VALUES (1), (1), (2)) v(x) WHERE t.id = x')).toMatchObject({ deleted: 2 })
    expect(await run('DELETE FROM a.t WHERE id IN (SELECT max(id) FROM a.t)')).toMatchObject({ deleted: 1 })
    expect(await rows('SELECT id FROM a.t ORDER BY id')).toEqual([0, 3, 4, 5].map((id) => ({ id })))
    expect(await run('DELETE FROM a.t WHERE id > 100')).toMatchObject({ deleted: 0 })
    expect(await run('TRUNCATE a.t')).toEqual({ operation: 'truncate', ...counts, deleted: 4 })
    expect(await tasks()).toEqual([])
  })

  it('are updated, also into other partitions', async () => {
    expect(await run("UPDATE a.t SET name = name || '!', part = 7 WHERE id % 2 = 0")).toEqual({
      operation: 'update',
      ...counts,
      updated: 5,
    })
    await run('UPDATE a.t SET name = v.s FROM (VALUES (1, $1)) v(k, s) WHERE k = id', ["it's"])
    expect(await rows('SELECT id, name, part FROM a.t WHERE id < 4 ORDER BY id')).toEqual([
      { id: 0, name: 'n0!', part: 7 },
      { id: 1, name: "it's", part: 1 },
      { id: 2, name: 'n2!', part: 7 },
      { id: 3, name: 'n3', part: 0 },
    ])
    expect(await rows('SELECT count(*)::INT AS n FROM a.t')).toEqual([{ n: 9 }])
    await expect(
      run('UPDATE a.t SET name = s FROM (VALUES (1, 2), (1, 3)) v(k, s) WHERE k = id'),
    ).rejects.toMatchObject({ code: 'PHLO_MERGE_AMBIGUOUS' })
  })

  it('are merged', async () => {
    const merge = `MERGE INTO a.t AS t
      USING (SELECT * FROM (VALUES (1, 'one'), (2, NULL), (20, 'new'), (21, 'skip')) v(id, name)) AS s ON t.id = s.id
      WHEN MATCHED AND s.name IS NULL THEN DELETE
      WHEN MATCHED THEN UPDATE SET name = CASE WHEN s.name = 'one' THEN 'uno' END
      WHEN NOT MATCHED AND s.name = 'skip' THEN DO NOTHING
      WHEN NOT MATCHED THEN INSERT (id, name, part) VALUES (s.id, s.name, DEFAULT)
      WHEN NOT MATCHED BY SOURCE AND t.id > 5 THEN DELETE`
    expect(await run(merge)).toEqual({ operation: 'merge', inserted: 1, updated: 1, deleted: 4 })
    expect(await rows('SELECT id, name FROM a.t ORDER BY id')).toEqual([
      { id: 0, name: 'n0' },
      { id: 1, name: 'uno' },
      { id: 3, name: 'n3' },
      { id: 4, name: 'n4' },
      { id: 5, name: 'n5' },
      { id: 20, name: 'new' },
    ])
    await expect(
      run('MERGE INTO a.t USING (VALUES (1, 2), (1, 3)) v(id, name) USING (id) WHEN MATCHED THEN DELETE'),
    ).rejects.toMatchObject({ code: 'PHLO_MERGE_AMBIGUOUS' })
    expect(
      await run(
        'MERGE INTO a.t USING (SELECT 1 AS id, $$x$$ AS name, 1 AS part UNION ALL SELECT 2, $$y$$, 2) s USING (id) WHEN MATCHED THEN UPDATE WHEN NOT MATCHED THEN INSERT *',
      ),
    ).toEqual({ operation: 'merge', inserted: 1, updated: 1, deleted: 0 })
    expect(await rows('SELECT * FROM a.t WHERE id < 3 AND id > 0 ORDER BY id')).toEqual([
      { id: 1, name: 'x', part: 1 },
      { id: 2, name: 'y', part: 2 },
    ])
  })
})

describe('WITH before a statement', () => {
  beforeEach(() => run('CREATE TABLE a.t AS SELECT range::INT AS id, $$n$$ AS name FROM range(4)'))
  const found = () => rows('SELECT id, name FROM a.t ORDER BY id')

  it('names tables for all its parts', async () => {
    const common =
      'WITH RECURSIVE n(i, s) AS (SELECT $1::INT, $$x$$), "m" AS MATERIALIZED (SELECT max(id) AS top FROM a.t)'
    expect(await run(`${common} INSERT INTO a.t SELECT i, s FROM n`, [9])).toMatchObject({ inserted: 1 })
    expect(
      await run(
        `${common} INSERT INTO a.t WITH n AS (SELECT 10 AS i) SELECT i, (SELECT top FROM m)::VARCHAR FROM n`,
        [1],
      ),
    ).toMatchObject({ inserted: 1 })
    expect(await run(`${common} INSERT INTO a.t VALUES ((SELECT i FROM n), DEFAULT)`, [11])).toMatchObject({
      inserted: 1,
    })
    expect(await run(`${common} UPDATE a.t SET name = n.s FROM n WHERE id = n.i`, [1])).toMatchObject({ updated: 1 })
    expect(await run(`${common} UPDATE a.t SET name = 'last' WHERE id = (SELECT top FROM m)`, [1])).toMatchObject({
      updated: 1,
    })
    expect(await run(`${common} DELETE FROM a.t USING n WHERE id = n.i`, [2])).toMatchObject({ deleted: 1 })
    expect(await run(`${common} DELETE FROM a.t WHERE id IN (SELECT i FROM n)`, [3])).toMatchObject({ deleted: 1 })
    expect(
      await run(
        `${common} MERGE INTO a.t USING n ON t.id = n.i
         WHEN MATCHED THEN UPDATE SET name = (SELECT s || top FROM n, m) WHEN NOT MATCHED THEN INSERT VALUES (n.i, n.s)`,
        [0],
      ),
    ).toMatchObject({ inserted: 0, updated: 1 })
    expect(await found()).toEqual([
      { id: 0, name: 'x11' },
      { id: 1, name: 'x' },
      { id: 9, name: 'x' },
      { id: 10, name: '9' },
      { id: 11, name: 'last' },
    ])
  })

  it.each([
    ['WITH n AS (SELECT 1) SELECT 1', 'PHLO_SQL_FORBIDDEN'],
    ['WITH n AS (SELECT 1) DROP TABLE a.t', 'PHLO_SQL_FORBIDDEN'],
    ['WITH n AS (SELECT 1) UPDATE a.t SET id = (SELECT x FROM nope)', 'PHLO_SQL_INVALID'],
    ['WITH n AS (SELECT 1), SELECT (2) DELETE FROM a.t', 'PHLO_SQL_INVALID'],
    ["WITH n AS (SELECT * FROM read_csv('/etc/passwd')) DELETE FROM a.t", 'PHLO_SQL_FORBIDDEN'],
    ['WITH n AS (SELECT 1) DELETE FROM n', 'PHLO_SQL_INVALID'],
    ['WITH n AS (SELECT 1 DELETE FROM a.t', 'PHLO_SQL_INVALID'],
    ['WITH n AS (SELECT * FROM a.t AT (VERSION => 1)) DELETE FROM a.t', 'PHLO_SQL_INVALID'],
    ['INSERT INTO a.t VALUES (1, 2) RETURNING id', 'PHLO_UNSUPPORTED'],
    ['UPDATE a.t SET id = 1 FROM a.t AS u WHERE u.id = t.id RETURNING *', 'PHLO_UNSUPPORTED'],
    ['DELETE FROM a.t RETURNING id', 'PHLO_UNSUPPORTED'],
    ['MERGE INTO a.t USING a.t AS u USING (id) WHEN MATCHED THEN DELETE RETURNING id', 'PHLO_UNSUPPORTED'],
  ])('refuses %s', async (sql, code) => {
    const before = await found()
    await expect(run(sql)).rejects.toMatchObject({ code })
    expect(await found()).toEqual(before)
  })
})

it.each([
  ['UPDATE a.t AT (VERSION => 1) SET id = 2', 12],
  ['DELETE FROM a.t AT (TIMESTAMP => now()) WHERE id = 1', 17],
  ['MERGE INTO a.t at (version => 1) AS t USING a.t AS s USING (id) WHEN MATCHED THEN DELETE', 16],
  ['INSERT INTO a.t AT (VERSION => 1) VALUES (1)', 17],
  ['TRUNCATE a.t AT (VERSION => 1)', 14],
  ['INSERT INTO a.t SELECT * FROM a.t AT (VERSION => 1)', 31],
  ['DELETE FROM a.t WHERE id IN (SELECT id FROM a.t AT (VERSION => 1))', 45],
])('a past state is not what is changed: %s', async (sql, column) => {
  await run('CREATE TABLE a.t AS SELECT 1 AS id')
  await expect(run(sql)).rejects.toMatchObject({
    code: 'PHLO_SQL_INVALID',
    message: expect.stringContaining('understood in queries alone'),
    location: { line: 1, column },
  })
  // A name like any other without what follows it there.
  expect(await run('UPDATE a.t AT SET id = id + 1')).toMatchObject({ updated: 1 })
})

it('files that certainly hold no row in question are not opened', async () => {
  await run(
    'CREATE TABLE a.t PARTITIONED BY (part) AS SELECT range::INT AS id, (range // 10)::INT AS part FROM range(30)',
  )
  await run('CREATE TABLE a.s AS SELECT 5 AS id, 0 AS part UNION ALL SELECT 100, 0')
  for (const { file } of await tasks())
    if (file.partition[0] !== 0) await lake.store.delete([lake.store.key(file.path) as string])
  expect(await run('UPDATE a.t SET id = id WHERE part < $1', [1])).toMatchObject({ updated: 10 })
  expect(await run('DELETE FROM a.t AS x WHERE x.id = 3')).toMatchObject({ deleted: 1 })
  for (const condition of ['USING (id, part)', 'ON s.part = t.part AND t.id = s.id'])
    expect(
      await run(
        `MERGE INTO a.t AS t USING a.s AS s ${condition} WHEN MATCHED THEN UPDATE WHEN NOT MATCHED THEN DO NOTHING`,
      ),
    ).toMatchObject({ updated: 1 })
  expect(
    await run('MERGE INTO a.t USING (SELECT 4 AS id, 0 AS part) AS s ON s.id = t.id WHEN MATCHED THEN DELETE'),
  ).toMatchObject({ deleted: 1 })
  await expect(run('DELETE FROM a.t WHERE part + 0 >= 0')).rejects.toMatchObject({ code: 'PHLO_OBJECT_NOT_FOUND' })
})

describe.each(['copy-on-write', 'merge-on-read'])('DELETE, %s,', (mode) => {
  const lose = async (isLost: (partition: unknown) => boolean) => {
    for (const { file } of await tasks())
      if (isLost(file.partition[0])) await lake.store.delete([lake.store.key(file.path) as string])
  }
  beforeEach(() =>
    run(
      `CREATE TABLE a.t PARTITIONED BY (part) WITH ('write.delete.mode' = '${mode}') AS
       SELECT range::INT AS id, nullif(range // 10, 3)::INT AS part, nullif(range::INT, 25) AS n, range::DOUBLE AS x
       FROM range(40)`,
    ),
  )

  it('drops files of which it wants all rows without opening them', async () => {
    await lose((part) => part === 0 || part === null)
    expect(await run('DELETE FROM a.t AS t WHERE t.part IS NULL OR ("ID" < $1 AND n >= 0)', [15])).toEqual({
      operation: 'delete',
      ...counts,
      deleted: 25,
    })
    expect(await rows('SELECT min(id) AS low, max(id) AS high, count(*)::INT AS n FROM a.t')).toEqual([
      { low: 15, high: 29, n: 15 },
    ])
    // Of the first file rows are gone already, of the second none.
    await run('DELETE FROM a.t WHERE id = 15')
    await lose((part) => part === 2)
    expect(await run('DELETE FROM a.t WHERE part IN (1, 2)')).toMatchObject({ deleted: 14 })
    expect(await tasks()).toEqual([])
    expect(await run('DELETE FROM a.t WHERE part IN (1, 2)')).toMatchObject({ deleted: 0 })
  })

  it.each([
    ['DELETE FROM a.t', 40],
    ['TRUNCATE a.t', 40],
  ])('leaves nothing: %s', async (sql, deleted) => {
    await lose(() => true)
    expect(await run(sql)).toMatchObject({ deleted })
    expect(await rows()).toEqual([])
  })

  it.each([
    ['n <> -1', 39],
    ['NOT (n = -1)', 39],
    ['n NOT IN (-1, -2)', 39],
    ['part <> 9', 30],
    ['part <> 9 AND n + 0 < 5', 5],
    ['x >= 0', 40],
    ['id < 20 AND part = (SELECT max(id) FROM a.t WHERE id < 2)', 10],
  ])('leaves what no condition is true for: %s', async (condition, deleted) => {
    expect(await run(`DELETE FROM a.t WHERE ${condition}`)).toMatchObject({ deleted })
    expect(await rows('SELECT count(*)::INT AS n FROM a.t')).toEqual([{ n: 40 - deleted }])
  })
})

it('a write that fails leaves the table as it was, and nothing staged', async () => {
  await run('CREATE TABLE a.t AS SELECT range::INT AS id FROM range(3)')
  const putFile = lake.store.putFile.bind(lake.store)
  const put = lake.store.put.bind(lake.store)
  let failures = 0
  for (const sql of ['INSERT INTO a.t VALUES (7)', 'UPDATE a.t SET id = id + 1', 'DELETE FROM a.t WHERE id = 1']) {
    for (let writes = 0; ; writes++) {
      let left = writes
      const fail = () => {
        if (left-- === 0) throw new PhloError('PHLO_STORAGE_FAILED', 'the disk is gone')
      }
      const before = await rows()
      lake.store.putFile = (...args) =>
        Promise.resolve()
          .then(fail)
          .then(() => putFile(...args))
      lake.store.put = (...args) =>
        Promise.resolve()
          .then(fail)
          .then(() => put(...args))
      const error: unknown = await run(sql).catch((thrown: unknown) => thrown)
      Object.assign(lake.store, { putFile, put })
      const staged = await readdir(`${lake.folder}/tmp`)
      expect(staged.filter((name) => name !== 'q' && name !== 'i')).toEqual([])
      if (left >= 0) break
      failures++
      expect(error).toMatchObject({ code: 'PHLO_STORAGE_FAILED' })
      expect(await rows()).toEqual(before)
    }
  }
  expect(failures).toBeGreaterThan(6)
})
