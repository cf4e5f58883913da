import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import type { CatalogChange, IcebergType, NestedField } from '@phlo/ports'
import { plainRows } from '@phlo/ports/testing'
import fc from 'fast-check'
import { parsePartitionBy } from './tables/partition-by.js'
import { withoutTerminator } from './sql-tokens.js'
import { table, TestLake, z } from './testing/lake.js'

let lake: TestLake
beforeEach(async () => {
  lake = await TestLake.open()
})
afterEach(() => lake.close())

const rows = async (sql: string, options = {}) => plainRows(await lake.queries.query(sql, options))

describe('what SQL may reach', () => {
  /** A file outside the lake, and one inside that is no table. */
  const files = async () => {
    const outside = await lake.file('secret.csv', 'a\n1\n')
    const root = await lake.store.localRoot()
    const inside = path.join(root, 'inside.csv')
    await mkdir(root, { recursive: true })
    await writeFile(inside, 'a\n2\n')
    return [outside, inside]
  }

  it('refuses functions in FROM that read files, the network, or the engine itself', async () => {
    for (const file of await files()) {
      for (const call of [
        `read_csv('${file}')`,
        `read_csv_auto('${file}')`,
        `read_parquet('${file}')`,
        `parquet_scan('${file}')`,
        `parquet_metadata('${file}')`,
        `read_json('${file}')`,
        `read_json_objects('${file}')`,
        `read_ndjson('${file}')`,
        `read_text('${file}')`,
        `read_blob('${file}')`,
        `sniff_csv('${file}')`,
        `glob('${file}')`,
        `query('SELECT 1')`,
        `query_table('a.t')`,
        `sqlite_scan('${file}', 't')`,
        'duckdb_settings()',
        'duckdb_tables()',
        'duckdb_secrets()',
        'pragma_version()',
        'test_all_types()',
      ]) {
        await expect(rows(`SELECT * FROM ${call}`)).rejects.toMatchObject({
          code: 'PHLO_SQL_FORBIDDEN',
          location: { file: '<sql>', line: 1, column: 15 },
        })
        await expect(rows(`SELECT 1 WHERE 1 IN (SELECT 1 FROM ${call})`)).rejects.toMatchObject({
          code: 'PHLO_SQL_FORBIDDEN',
        })
      }
    }
  })

  it('refuses a file’s name where a table’s should be, also under a name of WITH that is not known there', async () => {
    for (const file of await files()) {
      for (const sql of [
        `SELECT * FROM '${file}'`,
        `SELECT * FROM "${file}"`,
        `DESCRIBE '${file}'`,
        `WITH "${file}" AS (SELECT * FROM "${file}") SELECT * FROM "${file}"`,
        `WITH a AS (SELECT * FROM "${file}"), "${file}" AS (SELECT 1) SELECT * FROM a`,
        `SELECT (WITH "${file}" AS (SELECT 1) SELECT count(*) FROM "${file}"), (SELECT count(*) FROM "${file}")`,
      ]) {
        await expect(rows(sql)).rejects.toMatchObject({ code: 'PHLO_SQL_INVALID', location: { line: 1 } })
      }
    }
  })

  it('refuses statements that write files, open databases, load extensions or change settings', async () => {
    for (const sql of [
      `COPY (SELECT 1) TO '${path.join(lake.folder, 'out.csv')}'`,
      `COPY a.t FROM '/etc/passwd'`,
      `ATTACH '${path.join(lake.folder, 'other.db')}'`,
      'DETACH memory',
      'USE memory',
      'INSTALL httpfs',
      'LOAD httpfs',
      'PRAGMA database_list',
      'PRAGMA enable_profiling',
      'SET threads = 1',
      "SET memory_limit = '100GB'",
      'RESET ALL',
      'CALL pragma_version()',
      'CREATE TABLE x AS SELECT 1',
      'CREATE OR REPLACE VIEW x AS SELECT 1',
      "CREATE SECRET s (TYPE s3, KEY_ID 'x', SECRET 'y')",
      'CREATE MACRO f(x) AS x + 1',
      "EXPORT DATABASE '/tmp/x'",
      'BEGIN TRANSACTION',
      'CHECKPOINT',
      'VACUUM',
      'EXPLAIN ANALYZE SELECT 1',
      'PREPARE p AS SELECT 1',
      'SHOW TABLES',
      'SHOW ALL TABLES',
      'SELECT * FROM (SHOW ALL TABLES)',
    ]) {
      await expect(rows(sql)).rejects.toMatchObject({ code: 'PHLO_SQL_FORBIDDEN' })
    }
    await expect(rows('WITH x AS (DELETE FROM a.t RETURNING *) SELECT * FROM x')).rejects.toMatchObject({
      code: expect.stringMatching(/^PHLO_SQL_(FORBIDDEN|INVALID)$/) as unknown,
    })
    expect(
      await rows(
        "SELECT current_setting('lock_configuration') AS locked, current_setting('enable_external_access') AS open",
      ),
    ).toEqual([{ locked: true, open: false }])
  })

  it('refuses the engine’s own catalogs and databases', async () => {
    for (const name of ['information_schema.tables', 'pg_catalog.pg_tables', 'main.duckdb_tables', 'temp.x']) {
      await expect(rows(`SELECT * FROM ${name}`)).rejects.toMatchObject({ code: 'PHLO_SQL_FORBIDDEN' })
    }
    await expect(rows('SELECT * FROM memory.main.x')).rejects.toMatchObject({ code: 'PHLO_SQL_INVALID' })
  })

  it('allows all that only reads: WITH RECURSIVE, PIVOT, windows, lists, DESCRIBE, VALUES, FROM first', async () => {
    await lake.put('a.t', "SELECT * FROM (VALUES (1, 'x', 5), (2, 'y', 6)) v(id, kind, n)")
    expect(
      await rows(
        'WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 3) SELECT sum(n)::INT AS s FROM c',
      ),
    ).toEqual([{ s: 6 }])
    expect(
      await rows("SELECT * FROM (PIVOT a.t ON kind IN ('x', 'y') USING sum(n)::INT GROUP BY id) ORDER BY id"),
    ).toEqual([
      { id: 1, x: 5, y: null },
      { id: 2, x: null, y: 6 },
    ])
    expect(await rows('SELECT column_name FROM (DESCRIBE a.t)')).toEqual([
      { column_name: 'id' },
      { column_name: 'kind' },
      { column_name: 'n' },
    ])
    expect(await rows('FROM a.t SELECT id, lag(id) OVER (ORDER BY id) AS before ORDER BY id')).toEqual([
      { id: 1, before: null },
      { id: 2, before: 1 },
    ])
    expect(await rows('VALUES (1)')).toEqual([{ col0: 1 }])
    expect(await rows('SELECT u FROM a.t, unnest([id, n]) AS x(u), range(1) ORDER BY u')).toHaveLength(4)
    expect(
      await rows('WITH x AS (SELECT * FROM a.t), y AS (SELECT id FROM x) SELECT count(*)::INT AS n FROM y'),
    ).toEqual([{ n: 2 }])
  })
})

describe('names', () => {
  it('finds a table by a name in other letters, several times in one statement', async () => {
    await lake.put('bronze.Readings', 'SELECT 1 AS id')
    expect(
      await rows(
        'SELECT a.id FROM BRONZE.READINGS a JOIN bronze.Readings b USING (id) JOIN bronze.readings c USING (id)',
      ),
    ).toEqual([{ id: 1 }])
  })

  it('says so when two tables of a statement differ in the case of their letters alone', async () => {
    await lake.put('a.T', 'SELECT 1 AS id')
    await lake.put('a.t', 'SELECT 2 AS id')
    expect(await rows('SELECT id FROM a."T"')).toEqual([{ id: 1 }])
    expect(await rows('SELECT id FROM a.t')).toEqual([{ id: 2 }])
    await expect(rows('SELECT * FROM a."T", a.t')).rejects.toMatchObject({ code: 'PHLO_UNSUPPORTED' })
    // What was attached for the statement that failed is gone.
    expect(await rows('SELECT id FROM a.t')).toEqual([{ id: 2 }])
  })

  it('refuses tables that SQL could not name afterwards', async () => {
    for (const namespace of [['main'], ['Temp'], ['information_schema'], ['a', 'b'], []]) {
      const target = { namespace, name: 't' }
      await expect(lake.put('a.t', 'SELECT 1 AS id', { target })).rejects.toMatchObject({ code: 'PHLO_UNSUPPORTED' })
      const inputs = [{ type: 'rows' as const, name: 'rows', rows: [{ id: 1 }] }]
      await expect(lake.ingest(z.object({ id: z.int() }), { inputs, target })).rejects.toMatchObject({
        code: 'PHLO_UNSUPPORTED',
      })
    }
    expect(await lake.catalog.listTables()).toEqual([])
  })

  it('finds the end of a statement behind texts, names, comments and dollar quotes', () => {
    for (const [sql, expected] of [
      ['SELECT 1', 'SELECT 1'],
      ['\n SELECT 1 ; -- x;', '\n SELECT 1 '],
      ["SELECT ';', '--', ''';' ; ", "SELECT ';', '--', ''';' "],
      ['SELECT ";" /* ; /* ; */ ; */ ;', 'SELECT ";" /* ; /* ; */ ; */ '],
      ['SELECT $$;$$, $x$ ; $$ ; $x$;', 'SELECT $$;$$, $x$ ; $$ ; $x$'],
      ["SELECT E'\\';', e'a;';", "SELECT E'\\';', e'a;'"],
      ['SELECT 1 -- ;', 'SELECT 1 -- ;'],
      ["SELECT name'x;' ;", "SELECT name'x;' "],
    ] as const)
      expect(withoutTerminator(sql)).toBe(expected)
  })
})

describe('errors', () => {
  it('point at the user’s own text, whatever characters stand before, also when they come up while rows are read', async () => {
    const cases: readonly (readonly [string, number, number])[] = [
      ['SELECT 1 AS é, nope FROM a.t', 1, 16],
      ["SELECT '日本語', '💧',\n\tnope FROM a.t", 2, 2],
      ['SELECT id\r\nFROM a.t\r\nWHERE nofunction(id)', 3, 7],
      ["SELECT 'ü' FROM a.t WHERE ,", 1, 27],
      ["-- é\nSELECT CAST('x' || id AS INT) FROM a.t", 2, 8],
      [`SELECT ${'1, '.repeat(200)}nope FROM a.t`, 1, 608],
      ["SELECT 'ü' FROM read_csv('x')", 1, 17],
      ["SELECT 'ü' FROM a.none, a.t, x", 1, 30],
    ]
    await lake.put('a.t', 'SELECT range AS id FROM range(3000)')
    for (const [sql, line, column] of cases) {
      const place = { location: { file: '<sql>', line, column } }
      await expect(rows(sql)).rejects.toMatchObject(place)
      await expect(lake.put('a.made', sql)).rejects.toMatchObject(place)
    }
    await expect(
      lake.put('a.made', "\n\nSELECT 'é' AS part, CAST('x' || id AS INT) AS n FROM a.t;", { partitionBy: ['part'] }),
    ).rejects.toMatchObject({ location: { file: '<sql>', line: 3, column: 21 } })
    await expect(rows('SELECT nope FROM a.t')).rejects.toMatchObject({
      code: 'PHLO_SQL_INVALID',
      message: 'Binder Error: Referenced column "nope" not found in FROM clause! Candidate bindings: "id"',
    })
  })

  it('tell that a table is made without parameters', async () => {
    await expect(lake.put('a.t', 'SELECT $1 AS id')).rejects.toMatchObject({ code: 'PHLO_SQL_INVALID' })
  })

  it('name a column whose type Iceberg has not, and structs without names', async () => {
    await expect(lake.put('a.t', 'SELECT INTERVAL 1 DAY AS span')).rejects.toMatchObject({
      code: 'PHLO_SCHEMA_TYPE_MISMATCH',
      context: { column: 'span' },
    })
    await expect(rows("SELECT row(1, 'x') AS r")).rejects.toMatchObject({ code: 'PHLO_SQL_INVALID' })
  })

  it('are the engine’s, not the statement’s, when a data file is lost or damaged', async () => {
    await lake.put('a.t', 'SELECT 1 AS id')
    for await (const { key } of lake.store.list('tables/')) {
      if (key.endsWith('.parquet')) await writeFile(await lake.store.localFile(key), 'no parquet at all')
    }
    await expect(rows('SELECT * FROM a.t')).rejects.toMatchObject({ code: 'PHLO_ENGINE_FAILED' })
  })
})

describe('cancelling and closing', () => {
  it('stops a long statement when the signal is aborted, and runs the next', async () => {
    const controller = new AbortController()
    const endless = 'SELECT count(*) FROM range(10000000000) a, range(10000000000) b WHERE hash(a.range, b.range) = 1'
    const running = rows(endless, { signal: controller.signal })
    setTimeout(() => controller.abort(), 50)
    await expect(running).rejects.toMatchObject({ code: 'PHLO_RUN_CANCELLED' })
    const writing = new AbortController()
    const made = lake.put('a.made', `SELECT (${endless}) AS n`, { signal: writing.signal })
    setTimeout(() => writing.abort(), 50)
    await expect(made).rejects.toMatchObject({ code: 'PHLO_RUN_CANCELLED' })
    expect(await rows('SELECT 1 AS x')).toEqual([{ x: 1 }])
    expect(await lake.catalog.listTables()).toEqual([])
  })

  it('stops a statement whose first interruption came before DuckDB had started it, and was forgotten', async () => {
    const { host } = lake.queries as unknown as {
      host: {
        connect: <T>(
          work: (c: { raw: { interrupt(): void }; run(sql: string): Promise<T> }) => Promise<T>,
          signal: AbortSignal,
        ) => Promise<T>
      }
    }
    const controller = new AbortController()
    let forgotten = 0
    const running = host.connect((connection) => {
      const interrupt = connection.raw.interrupt.bind(connection.raw)
      connection.raw.interrupt = () => {
        if (forgotten++ > 0) interrupt()
      }
      setTimeout(() => controller.abort(), 20)
      return connection.run(
        'SELECT count(*) FROM range(10000000000) a, range(10000000000) b WHERE hash(a.range, b.range) = 1',
      )
    }, controller.signal)
    await expect(running).rejects.toMatchObject({ code: 'PHLO_RUN_CANCELLED' })
    expect(forgotten).toBeGreaterThan(1)
  })

  it('leaves nothing attached behind, whatever became of the statements', async () => {
    await lake.put('a.t', 'SELECT range AS id FROM range(100000)')
    await expect(rows('SELECT nope FROM a.t')).rejects.toThrow()
    const { batches } = await lake.queries.query('SELECT * FROM a.t')
    for await (const batch of batches) if (batch.numRows > 0) break
    await (await lake.queries.query('SELECT * FROM a.t')).close()
    const controller = new AbortController()
    const cancelled = await lake.queries.query('SELECT * FROM a.t', { signal: controller.signal })
    controller.abort()
    await expect(plainRows(cancelled)).rejects.toMatchObject({ code: 'PHLO_RUN_CANCELLED' })
    const host = (
      lake.queries as unknown as {
        host: { connect: <T>(work: (c: { run(sql: string): Promise<T> }) => Promise<T>) => Promise<T> }
      }
    ).host
    expect(
      await host.connect((connection) =>
        connection.run("SELECT database_name FROM duckdb_databases() WHERE database_name LIKE 'lake%'"),
      ),
    ).toEqual([])
  })

  it('keeps results that are larger than the memory limit off the heap by reading them in batches', async () => {
    await lake.close()
    lake = await TestLake.open({ memoryLimit: '40MB' })
    const { batches } = await lake.queries.query("SELECT range AS id, repeat('x', 100) AS pad FROM range(400000)")
    let read = 0
    let largest = 0
    for await (const batch of batches) {
      read += batch.numRows
      largest = Math.max(largest, batch.numRows)
    }
    expect(read).toBe(400_000)
    expect(largest).toBeLessThan(40_000)
  })

  it('writes what does not fit into its memory to disk while it sorts, and says so when nothing helps', async () => {
    await lake.close()
    lake = await TestLake.open({ memoryLimit: '60MB', threads: 1 })
    const result = await lake.put(
      'a.t',
      "SELECT range AS id, hash(range) AS h, repeat('x', 50) AS pad FROM range(1500000) ORDER BY h",
    )
    expect(result.rows).toBe(1_500_000)
    await expect(
      rows("SELECT length(string_agg(repeat('x', 1000000), '')) AS n FROM range(1000)"),
    ).rejects.toMatchObject({
      code: 'PHLO_ENGINE_FAILED',
      hint: expect.stringContaining('memoryLimit') as unknown,
    })
    expect(await rows('SELECT 1 AS x')).toEqual([{ x: 1 }])
  })
})

describe('tables whose schema changed', () => {
  const commit = (updates: Extract<CatalogChange, { kind: 'table' }>['updates']) =>
    lake.catalog.commit([{ kind: 'table', identifier: table('bronze.t'), requirements: [], updates }], {
      message: 'evolve',
    })
  const evolve = async (change: (fields: readonly NestedField[]) => readonly NestedField[]) => {
    const loaded = await lake.catalog.loadTable(table('bronze.t'))
    const schema = loaded?.metadata.schemas.find((item) => item['schema-id'] === loaded.metadata['current-schema-id'])
    if (!schema) throw new Error('no schema')
    await commit([
      {
        action: 'add-schema',
        schema: { ...schema, 'schema-id': schema['schema-id'] + 1, fields: change(schema.fields) },
      },
      { action: 'set-current-schema', 'schema-id': -1 },
    ])
  }
  const ingest = (schema: z.ZodObject, ...items: Record<string, unknown>[]) =>
    lake.ingest(schema, { inputs: [{ type: 'rows', name: 'rows', rows: items }], strategy: { kind: 'append' } })
  const Flat = z.object({ id: z.int(), name: z.string().nullable() })

  it('finds columns by their ids after a renaming, and not the data of a dropped one of the same name', async () => {
    await ingest(Flat, { id: 1, name: 'old' })
    await evolve((fields) => fields.map((field) => (field.name === 'name' ? { ...field, name: 'title' } : field)))
    expect(await rows('SELECT * FROM bronze.t')).toEqual([{ id: 1, title: 'old' }])
    await evolve((fields) => fields.filter(({ name }) => name !== 'title'))
    await evolve((fields) => [...fields, { id: 3, name: 'name', required: false, type: 'string' }])
    expect(await rows('SELECT * FROM bronze.t')).toEqual([{ id: 1, name: null }])
    const [first] = (await lake.catalog.loadTable(table('bronze.t')))?.metadata.snapshots ?? []
    expect(
      await rows('SELECT * FROM bronze.t', {
        snapshots: [{ table: table('bronze.t'), snapshotId: first?.['snapshot-id'] ?? 0n }],
      }),
    ).toEqual([{ id: 1, name: 'old' }])
  })

  it('widens types, and reads old and new files together', async () => {
    await ingest(z.object({ id: z.int32(), x: z.float32() }), { id: 1, x: 1.5 })
    const widened: Readonly<Record<string, IcebergType>> = { id: 'long', x: 'double' }
    await evolve((fields) => fields.map((field) => ({ ...field, type: widened[field.name] ?? field.type })))
    await ingest(z.object({ id: z.int(), x: z.number() }), { id: 2 ** 40, x: 0.1 })
    expect(await rows('SELECT * FROM bronze.t ORDER BY id')).toEqual([
      { id: 1, x: 1.5 },
      { id: 2 ** 40, x: 0.1 },
    ])
  })

  it('reads a field that was added within a struct as NULL in older rows', async () => {
    const place = (city: string) => z.object({ id: z.int(), place: z.object({ [city]: z.string() }) })
    await ingest(place('city'), { id: 1, place: { city: 'Rome' } })
    await evolve((fields) =>
      fields.map((field) =>
        field.name === 'place' && typeof field.type === 'object' && field.type.type === 'struct'
          ? {
              ...field,
              type: {
                type: 'struct',
                fields: [...field.type.fields, { id: 9, name: 'zip', required: false, type: 'string' }],
              },
            }
          : field,
      ),
    )
    expect(await lake.rows('SELECT id::INT AS id, place.city AS city, place.zip AS zip FROM bronze.t')).toEqual([
      { id: 1, city: 'Rome', zip: null },
    ])
  })

  it('finds fields within structs, lists and maps by their ids, and not what was dropped under their name', async () => {
    const item = "{'city': 'Rome', 'n': 1::INT}"
    const structs = `SELECT 1 AS id, ${item} AS place, [${item}, NULL] AS places, MAP {'k': ${item}} AS named`
    await lake.put('bronze.t', `${structs} UNION ALL SELECT 2, NULL, NULL, NULL`)
    const inside = (type: IcebergType, change: (fields: readonly NestedField[]) => NestedField[]): IcebergType => {
      if (typeof type === 'string') return type
      if (type.type === 'list') return { ...type, element: inside(type.element, change) }
      if (type.type === 'map') return { ...type, value: inside(type.value, change) }
      return { ...type, fields: change(type.fields) }
    }
    const evolveInside = (change: (fields: readonly NestedField[]) => NestedField[]) =>
      evolve((fields) => fields.map((field) => ({ ...field, type: inside(field.type, change) })))
    const values = (field: string) =>
      lake.rows(
        `SELECT id, place.${field} AS s, [x.${field} FOR x IN places]::VARCHAR AS l, named['k'].${field} AS m FROM bronze.t ORDER BY id`,
      )
    // Renamed, moved and widened.
    await evolveInside(([city, n]) => [
      { ...(n as NestedField), type: 'long' },
      { ...(city as NestedField), name: 'town' },
    ])
    expect(await values('town')).toEqual([
      { id: 1, s: 'Rome', l: '[Rome, NULL]', m: 'Rome' },
      { id: 2, s: null, l: null, m: null },
    ])
    expect(await lake.rows('SELECT place::VARCHAR AS p, places::VARCHAR AS l FROM bronze.t ORDER BY id')).toEqual([
      { p: "{'n': 1, 'town': Rome}", l: "[{'n': 1, 'town': Rome}, NULL]" },
      { p: null, l: null },
    ])
    // Dropped, and another one of the same name added.
    let next = 100
    await evolveInside(([n]) => [n as NestedField])
    await evolveInside(([n]) => [n as NestedField, { id: next++, name: 'town', required: false, type: 'string' }])
    expect(await values('town')).toEqual([
      { id: 1, s: null, l: '[NULL, NULL]', m: null },
      { id: 2, s: null, l: null, m: null },
    ])
    expect((await values('n'))[0]).toEqual({ id: 1, s: 1n, l: '[1, NULL]', m: 1n })
  })
})

describe('Arrow values', () => {
  const all = async (sql: string): Promise<unknown[]> => {
    const { batches } = await lake.queries.query(sql)
    const values: unknown[] = []
    for await (const batch of batches)
      for (let row = 0; row < batch.numRows; row++) values.push(batch.getChildAt(0)?.get(row))
    return values
  }

  it('are what DuckDB has, for every type and NULLs, within lists, structs and maps', async () => {
    const Time = fc.bigInt({ min: -62_135_596_800_000_000n, max: 253_402_300_799_999_999n })
    const kinds: readonly { type: string; value: fc.Arbitrary<string> }[] = [
      { type: 'BOOLEAN', value: fc.boolean().map(String) },
      { type: 'INTEGER', value: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }).map(String) },
      { type: 'BIGINT', value: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String) },
      { type: 'FLOAT', value: fc.float({ noNaN: false }).map(String) },
      { type: 'DOUBLE', value: fc.double({ noNaN: false }).map(String) },
      {
        type: 'DECIMAL(9,2)',
        value: fc.integer({ min: -999_999_999, max: 999_999_999 }).map((n) => (n / 100).toFixed(2)),
      },
      {
        type: 'DECIMAL(38,10)',
        value: fc.bigInt({ min: -(10n ** 38n) + 1n, max: 10n ** 38n - 1n }).map((n) => {
          const digits = (n < 0n ? -n : n).toString().padStart(11, '0')
          return `${n < 0n ? '-' : ''}${digits.slice(0, -10)}.${digits.slice(-10)}`
        }),
      },
      { type: 'VARCHAR', value: fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\0')) },
      {
        type: 'BLOB',
        value: fc
          .uint8Array({ maxLength: 20 })
          .map((bytes) => [...bytes].map((byte) => `\\x${byte.toString(16).padStart(2, '0').toUpperCase()}`).join('')),
      },
      { type: 'UUID', value: fc.uuid() },
      {
        type: 'DATE',
        value: Time.map((micros) => new Date(Number(micros / 86_400_000_000n) * 86_400_000).toISOString().slice(0, 10)),
      },
      {
        type: 'TIME',
        value: fc
          .integer({ min: 0, max: 86_399 })
          .map((seconds) => new Date(seconds * 1000).toISOString().slice(11, 19) + '.123457'),
      },
      {
        type: 'TIMESTAMP',
        value: Time.map((micros) => new Date(Number(micros / 1000n)).toISOString().slice(0, -1) + '456'),
      },
      { type: 'TIMESTAMPTZ', value: Time.map((micros) => new Date(Number(micros / 1000n)).toISOString()) },
    ]
    const quoted = (text: string | null) => (text === null ? 'NULL' : `'${text.replaceAll("'", "''")}'`)
    const shapes = {
      plain: (value: string, type: string) => `CAST(${value} AS ${type})`,
      list: (value: string, type: string) => `[CAST(${value} AS ${type}), NULL]`,
      struct: (value: string, type: string) => `{'a': CAST(${value} AS ${type}), 'b "c"': 1}`,
      map: (value: string, type: string) => `MAP {'k': CAST(${value} AS ${type})}`,
    }
    const open = {
      plain: (value: unknown) => value,
      list: (value: unknown) => (value as { get(index: number): unknown }).get(0),
      struct: (value: unknown) => (value as { a: unknown }).a,
      map: (value: unknown) => [...(value as Iterable<[string, unknown]>)][0]?.[1],
    }
    /** Brings Arrow's value back as a literal of DuckDB's, which DuckDB then compares with the original. */
    const literal = (value: unknown, type: string): string => {
      if (value === null || value === undefined) return 'NULL'
      if (type === 'BLOB') return `unhex('${Buffer.from(value as Uint8Array).toString('hex')}')`
      if (type.startsWith('DECIMAL')) {
        const scale = Number(/,(\d+)/.exec(type)?.[1])
        const words = value as Uint32Array
        let unscaled = 0n
        for (let index = 3; index >= 0; index--) unscaled = (unscaled << 32n) | BigInt(words[index] ?? 0)
        unscaled = BigInt.asIntN(128, unscaled)
        const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(scale + 1, '0')
        return `CAST('${unscaled < 0n ? '-' : ''}${digits.slice(0, -scale)}.${digits.slice(-scale)}' AS ${type})`
      }
      if (type === 'DATE') return `CAST(make_timestamp(CAST(${Number(value)} AS BIGINT) * 1000) AS DATE)`
      const text = `${value as string | number | bigint | boolean}`
      return type === 'TIME' ? `CAST(make_timestamp(${text}) AS TIME)` : `CAST(${quoted(text)} AS ${type})`
    }
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...kinds).chain(({ type, value }) =>
          fc.record({
            type: fc.constant(type),
            shape: fc.constantFrom('plain' as const, 'list' as const, 'struct' as const, 'map' as const),
            texts: fc.array(fc.option(value), { minLength: 1, maxLength: 8 }),
          }),
        ),
        async ({ type, shape, texts }) => {
          const items = texts.map((text, index) => `(${index}, ${shapes[shape](quoted(text), type)})`).join(', ')
          const values = (await all(`SELECT v FROM (VALUES ${items}) t(i, v) ORDER BY i`)).map(open[shape])
          expect(values).toHaveLength(texts.length)
          // Arrow's timestamps reach JavaScript as milliseconds; both sides are compared to the millisecond.
          const time = type.startsWith('TIMESTAMP')
          const compared = values.map((value, index) => {
            const original = `CAST(${quoted(texts[index] ?? null)} AS ${type})`
            if (!time) return `(${literal(value, type)} IS NOT DISTINCT FROM ${original})`
            return value === null
              ? `(${original} IS NULL)`
              : `(abs(epoch_us(${original}) - ${BigInt(Math.trunc(Number(value))) * 1000n}) < 1000)`
          })
          const [same] = await rows(`SELECT ${compared.map((sql, index) => `${sql} AS c${index}`).join(', ')}`)
          expect({ type, shape, texts, values, same: Object.values(same ?? {}) }).toEqual({
            type,
            shape,
            texts,
            values,
            same: texts.map(() => true),
          })
        },
      ),
      { numRuns: 150 },
    )
  })

  it('come back the same from a table, for every type that Iceberg has', async () => {
    const select = `SELECT TRUE AS b, 1::INT AS i, (-9223372036854775808)::BIGINT AS l, 1.5::FLOAT AS f, 0.1::DOUBLE AS d,
      -123.45::DECIMAL(9,2) AS de, 12345678901234567890123456789.123456789::DECIMAL(38,9) AS wide, 'é表💧' AS s,
      '\\x00\\xFF'::BLOB AS bin, '123e4567-e89b-12d3-a456-426614174000'::UUID AS u, DATE '1969-12-31' AS da,
      TIME '23:59:59.999999' AS t, TIMESTAMP '1969-12-31 23:59:59.999999' AS ts, TIMESTAMPTZ '2024-02-29 00:00:00+05' AS tz,
      [1, NULL, 3] AS li, {'a': 1, 'b': {'c': 'x'}} AS st, MAP {'k': [1, 2]} AS m,
      CAST(NULL AS INT[]) AS nli, [{'x': 1}, NULL] AS ls`
    await lake.put('a.t', select)
    const described = 'SELECT column_name, column_type FROM (DESCRIBE %)'
    expect(await rows(described.replace('%', 'a.t'))).toEqual(await rows(described.replace('%', select)))
    expect(await rows(`SELECT count(*) AS n FROM (SELECT * FROM a.t INTERSECT ${select})`)).toEqual([{ n: 1 }])
    const metadata = (await lake.catalog.loadTable(table('a.t')))?.metadata
    expect(
      metadata?.schemas
        .at(-1)
        ?.fields.slice(0, 14)
        .map(({ type }) => type),
    ).toEqual([
      'boolean',
      'int',
      'long',
      'float',
      'double',
      'decimal(9, 2)',
      'decimal(38, 9)',
      'string',
      'binary',
      'uuid',
      'date',
      'time',
      'timestamp',
      'timestamptz',
    ])
  })

  it('hold lists of any length, and types of DuckDB’s own as text or numbers', async () => {
    const [list] = (await all('SELECT list(range) FROM range(300000)')) as {
      length: number
      get(index: number): bigint
    }[]
    expect([list?.length, list?.get(299_999)]).toEqual([300_000, 299_999n])
    expect(
      await rows(
        "SELECT INTERVAL 3 DAY AS i, '101'::BIT AS b, 'x'::ENUM ('x', 'y') AS e, NULL AS n, 1::UTINYINT AS ut, sum(range) AS h FROM range(4)",
      ),
    ).toMatchObject([{ i: '3 days', b: '101', e: 'x', n: null, ut: 1 }])
  })

  it('keep columns of one name apart', async () => {
    const [row] = await rows('SELECT 1 AS a, 2 AS a')
    expect(Object.values(row ?? {})).toEqual([1, 2])
  })
})

describe('partitioned writes', () => {
  it('are asked for by a column or a transform of one, as Iceberg and SQL write it', () => {
    for (const [text, column, transform] of [
      ['region', 'region', 'identity'],
      [' "my region" ', 'my region', 'identity'],
      ['day(flown_at)', 'flown_at', 'day'],
      ['Days( "flown at" )', 'flown at', 'day'],
      ['bucket(16, id)', 'id', 'bucket[16]'],
      ['truncate(name, 4)', 'name', 'truncate[4]'],
      ['hour(été)', 'été', 'hour'],
    ])
      expect(parsePartitionBy(text as string)).toEqual({ column, transform })
    for (const wrong of ['dayy(at)', 'bucket(id)', 'bucket(0, id)', 'truncate(-1, id)'])
      expect(() => parsePartitionBy(wrong)).toThrow(
        expect.objectContaining({ code: expect.stringMatching(/^PHLO_/) as unknown }),
      )
  })

  it('by a column that the result has not are refused, and nothing is made', async () => {
    await expect(lake.put('a.t', 'SELECT 1 AS id', { partitionBy: ['day(at)'] })).rejects.toMatchObject({
      code: expect.stringMatching(/^PHLO_/) as unknown,
      message: expect.stringContaining('at') as unknown,
    })
    expect(await lake.catalog.listTables()).toEqual([])
  })

  it('make one file a partition, also of rows in no order, on several threads', async () => {
    await lake.close()
    lake = await TestLake.open({ threads: 2 })
    const unordered = "SELECT DATE '2024-01-01' + (hash(range) % 250)::INT AS day, range AS id FROM range(2500000)"
    expect(await lake.put('a.t', unordered, { partitionBy: ['day(day)'] })).toMatchObject({
      rows: 2_500_000,
      files: 250,
    })
  })
})
