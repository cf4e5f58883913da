import assert from 'node:assert/strict'
import type { Catalog, LoadedTable } from '../catalog.js'
import { isVersioned } from '../versioned-catalog.js'
import { isPhloError } from '../errors.js'
import type { ExecuteOptions, MaterializeRequest, QueryEngine, QueryOptions } from '../query-engine.js'
import type { SharedKeyLookup } from '../shared-key.js'
import { formatIdentifier, parseIdentifier, type TableIdentifier } from '../table-identifier.js'
import { type PlainRow, plainRows } from './plain-rows.js'
import type { TestRunner } from './runner.js'

/** An engine over an empty lake. */
export interface QueryEngineFixture {
  readonly engine: QueryEngine
  /** The catalog whose tables the engine reads and writes. */
  readonly catalog: Catalog
  /** Closes the engine and what it stands on. */
  readonly close: () => Promise<void>
}

function withCode(...codes: string[]) {
  return (error: unknown) => {
    if (codes.some((code) => isPhloError(error, code))) return true
    throw error
  }
}

function table(text: string): TableIdentifier {
  const identifier = parseIdentifier(text)
  assert.ok(identifier)
  return identifier
}

/** Statements that do more than read the lake's tables. */
const forbidden = (own: string) => [
  `INSERT INTO ${own} SELECT 1`,
  `UPDATE ${own} SET id = 1`,
  `DELETE FROM ${own}`,
  `DROP TABLE ${own}`,
  `CREATE TABLE a.other AS SELECT 1 AS id`,
  `ALTER TABLE ${own} ADD COLUMN x INT`,
  `SELECT 1; SELECT 2`,
  `SELECT 1; DROP TABLE ${own}`,
]

/**
 * What every QueryEngine must do.
 *
 * @param options.create - gives an engine over a fresh, empty lake each time. Skips follow from `engine.supports` and
 * `catalog.supports` alone.
 */
export function queryEngineContract(
  name: string,
  options: { readonly create: () => Promise<QueryEngineFixture> },
  { describe, it }: TestRunner,
): void {
  describe(`QueryEngine contract: ${name}`, () => {
    const using = (title: string, body: (fixture: QueryEngineFixture & Lake) => Promise<void>) =>
      it(title, async () => {
        const fixture = await options.create()
        try {
          await body({ ...fixture, ...lakeOf(fixture.engine) })
        } finally {
          await fixture.close()
        }
      })

    using('reads what it has written, with names and types', async ({ engine, put, rows }) => {
      await put(
        'a.t',
        "SELECT 1 AS id, 'x' AS text, CAST(2.5 AS DOUBLE) AS number, DATE '2024-02-29' AS day, TRUE AS yes",
      )
      assert.deepEqual(await rows('SELECT * FROM a.t'), [
        { id: 1, text: 'x', number: 2.5, day: '2024-02-29', yes: true },
      ])
      const result = await engine.query('SELECT id, text FROM a.t')
      assert.deepEqual(
        result.schema.fields.map((field) => field.name),
        ['id', 'text'],
      )
      await result.close()
    })

    using('gives the schema of a result without rows', async ({ engine, put }) => {
      await put('a.t', 'SELECT 1 AS id WHERE FALSE')
      const result = await engine.query('SELECT id, id + 1 AS next FROM a.t')
      assert.deepEqual(
        result.schema.fields.map((field) => field.name),
        ['id', 'next'],
      )
      assert.deepEqual(await plainRows(result), [])
    })

    using('tells what it has written, and in which snapshot', async ({ catalog, put }) => {
      const result = await put('a.t', 'SELECT 1 AS id UNION ALL SELECT 2')
      const loaded = await catalog.loadTable(table('a.t'))
      assert.equal(result.rows, 2)
      assert.ok(result.files >= 1 && result.bytes > 0)
      assert.equal(result.snapshotId, loaded?.metadata['current-snapshot-id'])
    })

    using('replaces the rows, or adds to them', async ({ put, rows }) => {
      await put('a.t', 'SELECT 1 AS id')
      await put('a.t', 'SELECT 2 AS id', { strategy: 'append' })
      assert.deepEqual(await rows('SELECT id FROM a.t ORDER BY id'), [{ id: 1 }, { id: 2 }])
      await put('a.t', 'SELECT 3 AS id')
      assert.deepEqual(await rows('SELECT id FROM a.t'), [{ id: 3 }])
    })

    using('rewrites files and leaves the rows as they are, or says that it does not', async ({ engine, put, rows }) => {
      for (let id = 0; id < 6; id++) await put('a.t', `SELECT ${id} AS id`, { strategy: 'append' })
      const before = await rows('SELECT id FROM a.t ORDER BY id')
      const rewrite = (dryRun: boolean) =>
        engine.rewrite({ table: table('a.t'), ref: 'main', message: 'Compact a.t', dryRun })
      if (!engine.supports.rewrite) return assert.rejects(rewrite(false), withCode('PHLO_UNSUPPORTED'))
      const planned = await rewrite(true)
      assert.ok(planned.removedFiles >= 6 && planned.snapshotIds.length === 0)
      const done = await rewrite(false)
      assert.deepEqual([done.removedFiles, done.rows, done.conflicts], [planned.removedFiles, 6, 0])
      assert.ok(done.addedFiles < done.removedFiles && done.snapshotIds.length > 0)
      assert.deepEqual(await rows('SELECT id FROM a.t ORDER BY id'), before)
      assert.equal((await rewrite(false)).removedFiles, 0)
    })

    using(
      'finds no deletes to rewrite where there are none, or says that it rewrites none',
      async ({ engine, put }) => {
        await put('a.t', 'SELECT 1 AS id')
        const rewrite = () => engine.rewriteDeletes({ table: table('a.t'), ref: 'main', message: 'Rewrite deletes' })
        if (!engine.supports.rewrite) return assert.rejects(rewrite(), withCode('PHLO_UNSUPPORTED'))
        const { examined, removedFiles, snapshotIds } = await rewrite()
        assert.deepEqual([examined, removedFiles, snapshotIds], [0, 0, []])
      },
    )

    using('adds no file from outside the store, or says that it adds none', async ({ engine, put }) => {
      await put('a.t', 'SELECT 1 AS id')
      const files = ['elsewhere://bucket/file.parquet']
      await assert.rejects(
        engine.addFiles({ table: table('a.t'), ref: 'main', files, message: 'Add files' }),
        withCode(engine.supports.addFiles ? 'PHLO_FILE_UNFIT' : 'PHLO_UNSUPPORTED'),
      )
    })

    using('counts the distinct values of columns, or says that it does not', async ({ engine, put, rows }) => {
      await put('a.t', 'SELECT range AS id, range % 3 AS kind, NULLIF(range % 2, 0) AS odd FROM range(10)')
      const analyze = () => engine.analyze({ table: table('a.t'), ref: 'main', message: 'Analyze a.t' })
      if (!engine.supports.analyze) return assert.rejects(analyze(), withCode('PHLO_UNSUPPORTED'))
      const { columns, path } = await analyze()
      assert.deepEqual(columns, [
        { column: 'id', ndv: 10 },
        { column: 'kind', ndv: 3 },
        { column: 'odd', ndv: 1 },
      ])
      assert.ok(path !== undefined)
      assert.deepEqual(await rows('SELECT count(*)::INT AS n FROM a.t'), [{ n: 10 }])
    })

    using('tells in which rows two states of a table differ, or says that it does not', async ({ engine, put }) => {
      const first = await put('a.t', "SELECT * FROM (VALUES (1, 'x'), (2, 'y'), (3, 'z')) AS v(id, text)")
      await put('a.t', "SELECT * FROM (VALUES (2, 'y'), (3, 'Z'), (4, 'w')) AS v(id, text)")
      const states = { from: { snapshotId: first.snapshotId }, to: {} }
      const count = (keys: string[]) => engine.countDiff(table('a.t'), states, { keys })
      const diff = (limit?: number) =>
        engine.diffRows(table('a.t'), states, { keys: ['id'], ...(limit !== undefined && { limit }) })
      if (!engine.supports.diff) {
        await assert.rejects(count([]), withCode('PHLO_UNSUPPORTED'))
        return assert.rejects(diff(), withCode('PHLO_UNSUPPORTED'))
      }
      assert.deepEqual(await count(['id']), { added: 1, removed: 1, changed: 1 })
      assert.deepEqual(await count([]), { added: 2, removed: 2, changed: 0 })
      await assert.rejects(count(['nope']), withCode('PHLO_SCHEMA_COLUMN_MISSING'))
      await assert.rejects(engine.countDiff(table('a.none'), states), withCode('PHLO_TABLE_NOT_FOUND'))
      const found = JSON.parse(JSON.stringify(await plainRows(await diff()))) as Record<string, unknown>[]
      assert.deepEqual(
        found.sort((a, b) => String(a['change']).localeCompare(String(b['change']))),
        [
          { change: 'added', columns: null, before: null, after: { id: 4, text: 'w' } },
          { change: 'changed', columns: ['text'], before: { id: 3, text: 'z' }, after: { id: 3, text: 'Z' } },
          { change: 'removed', columns: null, before: { id: 1, text: 'x' }, after: null },
        ],
      )
      assert.equal((await plainRows(await diff(2))).length, 2)
    })

    using(
      'tells merges of branches which keys meet, or says that it does not',
      async ({ engine, catalog, put, rows }) => {
        if (!engine.supports.diff) {
          await put('a.t', 'SELECT 1 AS id')
          const { metadata } = (await catalog.loadTable(table('a.t'))) as LoadedTable
          const nothing = { metadata, keyIds: [1], ours: [], theirs: [] }
          return assert.rejects(engine.sharedKey(nothing), withCode('PHLO_UNSUPPORTED'))
        }
        if (!engine.supports.dml || !isVersioned(catalog)) return
        await put('a.t', "SELECT 0 AS id, 'base' AS side")
        await catalog.createRef('dev')
        await catalog.createRef('meets')
        const upsert = (ref: string, ...ids: number[]) =>
          engine.execute(
            `MERGE INTO a.t AS t USING (VALUES ${ids.map((id) => `(${id}, '${ref}')`).join(', ')}) AS s(id, side) ON t.id = s.id ` +
              'WHEN MATCHED THEN UPDATE SET side = s.side WHEN NOT MATCHED THEN INSERT (id, side) VALUES (s.id, s.side)',
            { message: 'Merge rows', ref },
          )
        await upsert('main', 1, 5)
        await upsert('dev', 2, 4)
        await upsert('meets', 4, 5)
        const sharedKey: SharedKeyLookup = (request) => engine.sharedKey(request)
        const [blind, certain, meeting] = [
          await catalog.merge('dev', 'main', { dryRun: true }),
          await catalog.merge('dev', 'main', { sharedKey }),
          await catalog.merge('meets', 'main', { dryRun: true, sharedKey }),
        ].map(({ tables }) => tables[0])
        assert.equal(blind?.outcome, 'conflict')
        assert.equal(certain?.outcome, 'rebased')
        assert.equal(meeting?.outcome, 'conflict')
        assert.match(meeting.reason ?? '', /id [45]/)
        assert.deepEqual(await rows('SELECT id, side FROM a.t ORDER BY id'), [
          { id: 0, side: 'base' },
          { id: 1, side: 'main' },
          { id: 2, side: 'dev' },
          { id: 4, side: 'dev' },
          { id: 5, side: 'main' },
        ])
      },
    )

    using('replaces a table with a SELECT that reads that table', async ({ put, rows }) => {
      await put('a.t', 'SELECT 1 AS id')
      await put('a.t', 'SELECT id + 1 AS id FROM a.t')
      assert.deepEqual(await rows('SELECT id FROM a.t'), [{ id: 2 }])
    })

    using('makes a table without rows of a result without rows', async ({ put, rows }) => {
      const result = await put('a.t', 'SELECT 1 AS id WHERE FALSE')
      assert.equal(result.rows, 0)
      assert.deepEqual(await rows('SELECT count(*) AS n FROM a.t'), [{ n: 0 }])
    })

    using('keeps documentation, properties and the snapshot’s summary', async ({ catalog, put }) => {
      await put('a.t', 'SELECT 1 AS id', {
        doc: 'A table',
        columnDocs: { id: 'Its key' },
        properties: { 'test.key': 'value' },
        summary: { 'test.run': 'r1' },
      })
      const metadata = (await catalog.loadTable(table('a.t')))?.metadata
      assert.equal(metadata?.properties?.['test.key'], 'value')
      assert.equal(metadata?.properties?.['comment'], 'A table')
      assert.equal(metadata?.schemas.at(-1)?.fields[0]?.doc, 'Its key')
      assert.equal(metadata?.snapshots?.at(-1)?.summary?.['test.run'], 'r1')
    })

    using('partitions a new table as it is asked to', async ({ catalog, put, rows }) => {
      await put('a.t', "SELECT DATE '2024-01-31' AS day, 'x' AS kind UNION ALL SELECT DATE '2024-02-01', 'y'", {
        partitionBy: ['month(day)', 'kind'],
      })
      const metadata = (await catalog.loadTable(table('a.t')))?.metadata
      assert.deepEqual(
        metadata?.['partition-specs'].at(-1)?.fields.map(({ transform }) => transform),
        ['month', 'identity'],
      )
      assert.deepEqual(await rows("SELECT kind FROM a.t WHERE day < DATE '2024-02-01'"), [{ kind: 'x' }])
    })

    using('binds parameters as values', async ({ put, rows }) => {
      await put('a.t', "SELECT 1 AS id, 'it''s' AS text UNION ALL SELECT 2, 'x'' OR ''1'' = ''1'")
      assert.deepEqual(await rows('SELECT id FROM a.t WHERE text = $1', { params: ["it's"] }), [{ id: 1 }])
      assert.deepEqual(await rows('SELECT id FROM a.t WHERE text = $1', { params: ["x' OR '1' = '1"] }), [{ id: 2 }])
      assert.deepEqual(await rows('SELECT id FROM a.t WHERE id = $2 AND $1', { params: [true, 2] }), [{ id: 2 }])
      assert.deepEqual(await rows('SELECT id FROM a.t WHERE id = $1', { params: [1n] }), [{ id: 1 }])
      assert.deepEqual(await rows('SELECT id FROM a.t WHERE id = $1', { params: [null] }), [])
    })

    using('reads and writes at a branch, apart from main', async ({ catalog, put, rows }) => {
      if (!isVersioned(catalog)) return
      await put('a.t', 'SELECT 1 AS id')
      await catalog.createRef('dev')
      await put('a.t', 'SELECT 2 AS id', { ref: 'dev' })
      await put('a.new', 'SELECT id FROM a.t', { ref: 'dev' })
      assert.deepEqual(await rows('SELECT id FROM a.t'), [{ id: 1 }])
      assert.deepEqual(await rows('SELECT id FROM a.t', { ref: 'dev' }), [{ id: 2 }])
      assert.deepEqual(await rows('SELECT id FROM a.new', { ref: 'dev' }), [{ id: 2 }])
      await assert.rejects(rows('SELECT id FROM a.new'), withCode('PHLO_TABLE_NOT_FOUND'))
      await assert.rejects(rows('SELECT id FROM a.t', { ref: 'none' }), withCode('PHLO_REF_NOT_FOUND'))
    })

    using('reads at a snapshot and at a time', async ({ engine, catalog, put, rows }) => {
      if (!engine.supports.timeTravel) return
      const before = new Date(Date.now() - 1000)
      const first = await put('a.t', "SELECT 1 AS id, 'old' AS gone")
      const between = new Date((await catalog.loadTable(table('a.t')))?.metadata['last-updated-ms'] ?? 0)
      await new Promise((resolve) => setTimeout(resolve, 5))
      await put('a.t', 'SELECT 2 AS id')
      await put('a.u', 'SELECT 9 AS id')
      const pinned = [{ table: table('a.t'), snapshotId: first.snapshotId }]
      assert.deepEqual(await rows('SELECT * FROM a.t', { snapshots: pinned }), [{ id: 1, gone: 'old' }])
      assert.deepEqual(await rows('SELECT a.t.id, u.id AS other FROM a.t, a.u AS u', { snapshots: pinned }), [
        { id: 1, other: 9 },
      ])
      assert.deepEqual(await rows('SELECT * FROM a.t', { asOf: between }), [{ id: 1, gone: 'old' }])
      assert.deepEqual(await rows('SELECT * FROM a.t', { asOf: new Date() }), [{ id: 2 }])
      await assert.rejects(rows('SELECT * FROM a.t', { asOf: before }), withCode('PHLO_SNAPSHOT_NOT_FOUND'))
      await assert.rejects(
        rows('SELECT * FROM a.t', { snapshots: [{ table: table('a.t'), snapshotId: 1n }] }),
        withCode('PHLO_SNAPSHOT_NOT_FOUND'),
      )
    })

    using('refuses statements that do more than read, and changes nothing', async ({ engine, put, rows }) => {
      await put('a.t', 'SELECT 7 AS id')
      for (const sql of forbidden('a.t')) {
        await assert.rejects(rows(sql), withCode('PHLO_SQL_FORBIDDEN'), sql)
        await assert.rejects(put('a.made', sql), withCode('PHLO_SQL_FORBIDDEN'), sql)
        await assert.rejects(engine.tables(sql), withCode('PHLO_SQL_FORBIDDEN'), sql)
        await assert.rejects(engine.explain(sql), withCode('PHLO_SQL_FORBIDDEN'), sql)
      }
      assert.deepEqual(await rows('SELECT * FROM a.t'), [{ id: 7 }])
      await assert.rejects(rows('SELECT * FROM a.made'), withCode('PHLO_TABLE_NOT_FOUND'))
    })

    using('reads a semicolon within a text as a text, and one at the end as the end', async ({ put, rows }) => {
      assert.deepEqual(await rows("SELECT 'a;b' AS x"), [{ x: 'a;b' }])
      assert.deepEqual(await rows("SELECT 'a;b' AS x; -- done"), [{ x: 'a;b' }])
      await put('a.t', "-- first; \nSELECT 'a;b' AS x /* ; */; -- done")
      assert.deepEqual(await rows('SELECT x FROM a.t'), [{ x: 'a;b' }])
    })

    using('names the line and column of what is wrong', async ({ engine, put, rows }) => {
      await put('a.t', 'SELECT 1 AS id')
      const wrong = [
        { sql: "SELECT 'é',\n  id,\n  '表表', nope FROM a.t", line: 3, column: 9 },
        { sql: "\n\n SELECT '💧é', , id FROM a.t", line: 3, column: 16 },
      ]
      for (const { sql, ...place } of wrong) {
        for (const run of [
          () => rows(sql),
          () => engine.explain(sql),
          () => put('a.made', sql),
          () => put('a.made', `${sql};`),
        ]) {
          await assert.rejects(run(), (error: unknown) => {
            if (!isPhloError(error, 'PHLO_SQL_INVALID')) throw error
            assert.deepEqual({ line: error.location?.line, column: error.location?.column }, place, sql)
            return true
          })
        }
      }
    })

    using('refuses a text that holds no statement', async ({ rows }) => {
      for (const sql of ['', '  ', '-- nothing', ';'])
        await assert.rejects(rows(sql), withCode('PHLO_SQL_INVALID'), JSON.stringify(sql))
    })

    using('says which tables are there when one is not', async ({ engine, put, rows }) => {
      await put('a.t', 'SELECT 1 AS id')
      const unknown = (error: unknown) => {
        if (!isPhloError(error, 'PHLO_TABLE_NOT_FOUND')) throw error
        assert.match(error.hint ?? '', /a\.t/)
        return true
      }
      await assert.rejects(rows('SELECT * FROM a.tt'), unknown)
      await assert.rejects(put('a.made', 'SELECT * FROM a.tt'), unknown)
      await assert.rejects(engine.explain('SELECT * FROM a.tt'), unknown)
    })

    using('commits nothing when a SELECT fails while it runs', async ({ catalog, put }) => {
      await put('a.t', 'SELECT 1 AS id')
      const before = (await catalog.loadTable(table('a.t')))?.metadataLocation
      const failing = "SELECT CAST(text AS INT) AS id FROM (SELECT '1' AS text UNION ALL SELECT 'one') AS x"
      await assert.rejects(put('a.t', failing), withCode('PHLO_SQL_INVALID'))
      await assert.rejects(put('a.other', failing), withCode('PHLO_SQL_INVALID'))
      assert.equal((await catalog.loadTable(table('a.t')))?.metadataLocation, before)
      assert.deepEqual((await catalog.listTables()).map(formatIdentifier), ['a.t'])
    })

    using('refuses two columns of one name', async ({ put }) => {
      await assert.rejects(put('a.t', 'SELECT 1 AS id, 2 AS ID'), withCode('PHLO_SQL_INVALID'))
    })

    using('finds the tables that a statement reads, whatever it calls them', async ({ engine }) => {
      const sql = `WITH t AS (SELECT * FROM a.x), u AS (SELECT * FROM t)
        SELECT * FROM u JOIN b."y z" AS other ON TRUE
        WHERE id IN (SELECT id FROM a.sub) OR EXISTS (SELECT 1 FROM a.x)
        UNION ALL SELECT * FROM (SELECT * FROM "c.d".e) AS s`
      const tables = (await engine.tables(sql)).map(({ identifier }) => formatIdentifier(identifier))
      assert.deepEqual(tables.sort(), ['"c.d".e', 'a.sub', 'a.x', 'b."y z"'])
      assert.deepEqual(await engine.tables('SELECT 1'), [])
    })

    using('keeps names with spaces, quotes, dots and letters of all kinds', async ({ engine, rows }) => {
      const namespace = ["my 'ns'"]
      for (const own of ['a "b"', 'é.表', 'select', '💧 drop;--']) {
        const identifier = { namespace, name: own }
        const column = engine.dialect.identifier(own)
        await engine.materialize({
          target: identifier,
          sql: `SELECT 1 AS ${column}, 'v' AS "order"`,
          ref: 'main',
          strategy: 'replace',
          message: own,
        })
        const sql = `SELECT ${column}, "order" FROM ${engine.dialect.table(identifier)}`
        assert.deepEqual(await rows(sql), [{ [own]: 1, order: 'v' }])
        assert.deepEqual(await engine.tables(sql), [{ identifier }])
      }
    })

    using('writes values as its dialect spells them', async ({ engine, rows }) => {
      const { dialect } = engine
      const values = ["it's", 'a\\b\n"c"', '表 💧 é', '', 0, -5, 1.5, 1e300, 12345678901234567890n, true, false, null]
      const list = values.map((value, index) => `${dialect.literal(value)} AS c${index}`).join(', ')
      const [row] = await rows(`SELECT ${list}`)
      values.forEach((value, index) => {
        const found = row?.[`c${index}`]
        if (typeof value === 'bigint' || (typeof value === 'number' && typeof found === 'object'))
          assert.ok(found !== null && found !== undefined)
        else assert.equal(found, value)
      })
      const [typed] = await rows(
        `SELECT ${dialect.typedLiteral('2024-02-29', 'date')} AS day, ` +
          `${dialect.typedLiteral('2024-02-29T01:02:03Z', 'timestamptz')} AS at, ${dialect.typedLiteral(7, 'long')} AS n`,
      )
      assert.deepEqual(typed, { day: '2024-02-29', at: '2024-02-29T01:02:03.000Z', n: 7 })
    })

    using('measures texts by code point, and finds patterns', async ({ engine, rows }) => {
      const { dialect } = engine
      for (const text of ['', 'abc', 'é', '表表', '💧', 'a💧b💧', 'e\u0301']) {
        const [row] = await rows(`SELECT ${dialect.textLength(dialect.literal(text))} AS n`)
        assert.equal(row?.['n'], [...text].length, text)
      }
      const matches = async (text: string, regex: string, caseInsensitive = false) => {
        const [row] = await rows(
          `SELECT ${dialect.matches(dialect.literal(text), regex, { caseInsensitive })} AS found`,
        )
        return row?.['found']
      }
      assert.equal(await matches('abcd', 'bc'), true)
      assert.equal(await matches('abcd', '^bc'), false)
      assert.equal(await matches('ABCD', '^abc'), false)
      assert.equal(await matches('ABCD', '^abc', true), true)
      assert.equal(await matches("it's", "'s$"), true)
    })

    using('changes the rows of a table by statements, each one commit', async ({ engine, catalog, put, rows }) => {
      const execute = (sql: string, options: Partial<ExecuteOptions> = {}) =>
        engine.execute(sql, { message: sql.slice(0, 40), ...options })
      if (!engine.supports.dml) {
        await assert.rejects(execute('DELETE FROM a.t'), withCode('PHLO_UNSUPPORTED'))
        return
      }
      await put('a.t', "SELECT 1 AS id, 'x' AS text UNION ALL SELECT 2, 'y'")
      const counts = async (...args: Parameters<typeof execute>) => {
        const { operation, inserted, updated, deleted, table: changed, snapshotId } = await execute(...args)
        assert.deepEqual(changed, table('a.t'))
        assert.equal(snapshotId, (await catalog.loadTable(table('a.t')))?.metadata['current-snapshot-id'])
        return { operation, inserted, updated, deleted }
      }
      const none = { inserted: 0, updated: 0, deleted: 0 }
      assert.deepEqual(await counts("INSERT INTO a.t (text, id) VALUES ('z', 3), ($1, 4)", { params: ["it's"] }), {
        ...none,
        operation: 'insert',
        inserted: 2,
      })
      assert.deepEqual(await counts("UPDATE a.t SET text = text || '!' WHERE id >= 3"), {
        ...none,
        operation: 'update',
        updated: 2,
      })
      assert.deepEqual(await counts('DELETE FROM a.t WHERE id = $1', { params: [1] }), {
        ...none,
        operation: 'delete',
        deleted: 1,
      })
      await put('a.u', "SELECT 2 AS id, 'two' AS text UNION ALL SELECT 3, NULL UNION ALL SELECT 5, 'five'")
      assert.deepEqual(
        await counts(`MERGE INTO a.t AS t USING a.u AS u ON t.id = u.id
          WHEN MATCHED AND u.text IS NULL THEN DELETE
          WHEN MATCHED THEN UPDATE SET text = u.text
          WHEN NOT MATCHED THEN INSERT (id, text) VALUES (u.id, u.text)`),
        { operation: 'merge', inserted: 1, updated: 1, deleted: 1 },
      )
      assert.deepEqual(await rows('SELECT * FROM a.t ORDER BY id'), [
        { id: 2, text: 'two' },
        { id: 4, text: "it's!" },
        { id: 5, text: 'five' },
      ])
      await assert.rejects(
        execute('MERGE INTO a.t USING (SELECT 2 AS id FROM a.u) AS u ON t.id = u.id WHEN MATCHED THEN DELETE'),
        withCode('PHLO_MERGE_AMBIGUOUS'),
      )
      const before = (await catalog.loadTable(table('a.t')))?.metadataLocation
      const unchanged = await execute('DELETE FROM a.t WHERE id > 100')
      assert.deepEqual([unchanged.deleted, unchanged.snapshotId], [0, undefined])
      assert.equal((await catalog.loadTable(table('a.t')))?.metadataLocation, before)
    })

    using('makes and drops tables by statements', async ({ engine, catalog, rows }) => {
      if (!engine.supports.dml) return
      const execute = (sql: string) => engine.execute(sql, { message: 'test' })
      assert.equal((await execute('CREATE TABLE a.t AS SELECT 1 AS id')).inserted, 1)
      await assert.rejects(execute('CREATE TABLE a.t AS SELECT 2 AS id'), withCode('PHLO_TABLE_EXISTS'))
      await execute('CREATE TABLE IF NOT EXISTS a.t AS SELECT 3 AS id')
      assert.deepEqual(await rows('SELECT * FROM a.t'), [{ id: 1 }])
      await execute('DROP TABLE a.t')
      assert.equal(await catalog.loadTable(table('a.t')), undefined)
      await assert.rejects(execute('DROP TABLE a.t'), withCode('PHLO_TABLE_NOT_FOUND'))
      await execute('DROP TABLE IF EXISTS a.t')
    })

    using('executes nothing but one statement that changes a table of the lake', async ({ engine, put, rows }) => {
      if (!engine.supports.dml) return
      await put('a.t', 'SELECT 7 AS id')
      const execute = (sql: string, options: Partial<ExecuteOptions> = {}) =>
        engine.execute(sql, { message: 'test', ...options })
      for (const sql of ['SELECT 1', 'DELETE FROM a.t; DELETE FROM a.t', 'INSERT INTO a.t SELECT 1; DROP TABLE a.t'])
        await assert.rejects(execute(sql), withCode('PHLO_SQL_FORBIDDEN'), sql)
      await assert.rejects(execute('DELETE FROM a.none'), withCode('PHLO_TABLE_NOT_FOUND'))
      await assert.rejects(
        execute('DELETE FROM a.t WHERE id IN (SELECT x FROM a.none)'),
        withCode('PHLO_TABLE_NOT_FOUND'),
      )
      const wrong = async (sql: string, line: number, column: number) =>
        assert.rejects(execute(sql), (error: unknown) => {
          if (!isPhloError(error, 'PHLO_SQL_INVALID')) throw error
          assert.deepEqual({ line: error.location?.line, column: error.location?.column }, { line, column }, sql)
          return true
        })
      await wrong("DELETE FROM a.t\nWHERE 'é' = '' OR\n nope = 1", 3, 2)
      await wrong('UPDATE a.t SET id = 1 +', 1, 24)
      await wrong('UPDATE a.t\nSET nope = 1', 2, 5)
      const { signal } = abortedController()
      await assert.rejects(execute('DELETE FROM a.t', { signal }), withCode('PHLO_RUN_CANCELLED'))
      assert.deepEqual(await rows('SELECT * FROM a.t'), [{ id: 7 }])
    })

    using('explains a statement', async ({ engine, put }) => {
      await put('a.t', 'SELECT 1 AS id')
      const { tables, engine: plan } = await engine.explain('SELECT count(*) FROM a.t')
      assert.deepEqual(
        tables.map((read) => read.table),
        [table('a.t')],
      )
      assert.notEqual(plan.trim(), '')
    })

    using('runs queries at different refs side by side', async ({ catalog, put, rows }) => {
      if (!isVersioned(catalog)) return
      await put('a.t', 'SELECT 0 AS id')
      for (let index = 1; index < 5; index++) {
        await catalog.createRef(`b${index}`)
        await put('a.t', `SELECT ${index} AS id`, { ref: `b${index}` })
      }
      const found = await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          rows('SELECT id FROM a.t', { ref: index % 5 === 0 ? 'main' : `b${index % 5}` }),
        ),
      )
      assert.deepEqual(
        found.map(([row]) => row?.['id']),
        Array.from({ length: 20 }, (_, index) => index % 5),
      )
    })

    using('stops for a signal, before and while it runs', async ({ engine, put, rows }) => {
      await put('a.t', 'SELECT 1 AS id')
      const { signal } = abortedController()
      await assert.rejects(rows('SELECT * FROM a.t', { signal }), withCode('PHLO_RUN_CANCELLED'))
      await assert.rejects(put('a.made', 'SELECT * FROM a.t', { signal }), withCode('PHLO_RUN_CANCELLED'))
      await assert.rejects(engine.explain('SELECT * FROM a.t', { signal }), withCode('PHLO_RUN_CANCELLED'))
      const controller = new AbortController()
      const { batches } = await engine.query('SELECT * FROM a.t', { signal: controller.signal })
      controller.abort()
      await assert.rejects(async () => {
        for await (const batch of batches) assert.ok(batch)
      }, withCode('PHLO_RUN_CANCELLED'))
      assert.deepEqual(await rows('SELECT id FROM a.t'), [{ id: 1 }])
    })

    using('ends a query that is left early or never read', async ({ engine, put, rows }) => {
      await put('a.t', 'SELECT 1 AS id UNION ALL SELECT 2')
      const { batches } = await engine.query('SELECT * FROM a.t')
      for await (const batch of batches) {
        assert.ok(batch.numRows > 0)
        break
      }
      const unread = await engine.query('SELECT * FROM a.t')
      await unread.close()
      await unread.close()
      assert.equal((await rows('SELECT id FROM a.t')).length, 2)
    })

    it('may be closed before it was used, and twice', async () => {
      const { engine, close } = await options.create()
      await engine.close()
      await engine.close()
      await close()
    })
  })
}

interface Lake {
  readonly put: (
    target: string,
    sql: string,
    options?: Partial<MaterializeRequest>,
  ) => ReturnType<QueryEngine['materialize']>
  readonly rows: (sql: string, options?: QueryOptions) => Promise<PlainRow[]>
}

function lakeOf(engine: QueryEngine): Lake {
  return {
    put: (target, sql, options = {}) =>
      engine.materialize({
        target: table(target),
        sql,
        ref: 'main',
        strategy: 'replace',
        message: `Make ${target}`,
        ...options,
      }),
    rows: async (sql, options = {}) => plainRows(await engine.query(sql, options)),
  }
}

function abortedController(): AbortController {
  const controller = new AbortController()
  controller.abort()
  return controller
}
