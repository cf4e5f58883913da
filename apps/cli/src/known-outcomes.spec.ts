import { mkdtemp, readFile, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { EmbeddedCatalog } from '@phlo/catalog-embedded'
import {
  type AssetCheck,
  checkCron,
  CheckRunner,
  countPartitions,
  profileTable,
  readRows,
  schemaCheckName,
  scopeCondition,
  verdict,
  windowInterval,
} from '@phlo/core'
import { DuckDbHost, DuckDbIngestEngine, DuckDbOptions, DuckDbQueryEngine } from '@phlo/engine-duckdb'
import { schemaChanges } from '@phlo/iceberg'
import type { IcebergSchema, NestedField } from '@phlo/ports'
import { checkKinds } from '@phlo/quality'
import { LocalObjectStore } from '@phlo/storage-local'
import { dbtTestName, dbtTestSeverity } from '@phlo/transforms-dbt'
import { knownOutcomes, knownOutcomesSuite } from './testing/known-outcomes-suite.js'

async function openDuckDb() {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'phlo-outcomes-'))
  const store = await LocalObjectStore.open(path.join(folder, 'lake'))
  const catalog = await EmbeddedCatalog.open(store)
  const scratch = path.join(folder, 'tmp')
  const closed = { kind: 'closed', folders: async () => [await store.localRoot(), scratch] } as const
  const options = DuckDbOptions.parse({})
  const queries = new DuckDbQueryEngine(
    new DuckDbHost(options, closed, path.join(scratch, 'q')),
    store,
    catalog,
    scratch,
  )
  const host = new DuckDbHost(options, { kind: 'open' }, path.join(scratch, 'i'))
  const ingestion = new DuckDbIngestEngine(host, store, catalog, scratch)
  return {
    catalog,
    queries,
    ingestion,
    checkKinds,
    close: async () => {
      await queries.close()
      await ingestion.close()
      await catalog.close()
      await store.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

knownOutcomesSuite('DuckDB', openDuckDb, { describe, it })

describe('known outcomes that need no engine', () => {
  it.each(knownOutcomes.severity.map((item) => [JSON.stringify(item), item] as const))(
    'are graded: %s',
    (_name, item) => {
      const { failed_fraction: fraction, warn_threshold: warnThreshold, dbt_test: test, tag, severity } = item
      const found =
        fraction === undefined
          ? dbtTestSeverity({
              ...(test !== undefined && { type: test as string }),
              ...(tag !== undefined && { type: 'accepted_values', tags: [tag as string] }),
            })
          : verdict(
              { passed: false, failedCount: (fraction as number) * 100, totalCount: 100 },
              { severity: 'error', warnThreshold: warnThreshold as number },
            ).severity
      expect(found).toBe(severity)
    },
  )

  it('are named', () => {
    for (const { test, target, name } of knownOutcomes.check_names) {
      expect(test === undefined ? schemaCheckName : dbtTestName(test, target as string)).toBe(name)
    }
  })

  it('are classed by what a change of a schema does', () => {
    const field = (id: number, name: string, type: string, required = false): NestedField => ({
      id,
      name,
      type,
      required,
    })
    const schema = (...fields: NestedField[]): IcebergSchema => ({ type: 'struct', 'schema-id': 0, fields })
    const before = schema(field(1, 'a', 'int'), field(2, 'b', 'string'))
    const after: Readonly<Record<string, IcebergSchema>> = {
      'add optional column': schema(...before.fields, field(3, 'c', 'string')),
      'remove column': schema(field(1, 'a', 'int')),
      'change type': schema(field(1, 'a', 'string'), field(2, 'b', 'string')),
      none: before,
    }
    for (const { change, class: expected } of knownOutcomes.schema_change) {
      const classes = schemaChanges(before, after[change] as IcebergSchema).map((item) => item.class)
      expect([change, classes[0] ?? 'none']).toEqual([change, expected])
    }
    const wider = schema(field(1, 'a', 'long'), field(2, 'b', 'string'))
    expect(schemaChanges(before, wider).map((item) => item.class)).toEqual(['safe'])
  })

  it('are times', () => {
    for (const { in: text, ok } of knownOutcomes.cron) {
      const check = () => checkCron(text)
      if (ok) expect(check).not.toThrow()
      else expect(check).toThrow()
    }
    const { start, end, partitions } = knownOutcomes.backfill
    const day = 86_400_000
    expect(countPartitions({ unit: 'day' }, { from: Date.parse(start), to: Date.parse(end) + day })).toBe(partitions)
    const { days, at, from } = knownOutcomes.rolling_window
    const last = [{ from: Date.parse(at), to: Date.parse(at) + day }]
    expect(windowInterval(days, last, new Date())).toEqual({ from: Date.parse(from), to: Date.parse(at) + day })
  })

  it('compare a date of partitions with dates', async () => {
    const { column, type } = knownOutcomes.partition_filter
    const { queries, close } = await openDuckDb()
    try {
      const from = Date.parse('2024-01-10')
      const partitions = { column, intervals: [{ from, to: from + 86_400_000 }], key: '2024-01-10' }
      const check = { name: 'own', scope: 'partition' } as const
      expect(
        scopeCondition({ columns: [{ name: column, type }], partitions }, check, queries.dialect, new Date()),
      ).toBe(`("${column}" >= CAST('2024-01-10' AS DATE) AND "${column}" < CAST('2024-01-11' AS DATE))`)
    } finally {
      await close()
    }
  })

  it('are those of the example', async () => {
    const file = (name: string) =>
      readFile(new URL(`../../../examples/glucose/workflows/${name}`, import.meta.url), 'utf8')
    const { validity, bands } = knownOutcomes.glucose
    expect(await file('readings.ts')).toContain(`min(${validity[0]}).max(${validity[1]})`)
    const model = await file('transforms/dbt/models/silver/fct_glucose_readings.sql')
    const category = /case[\s\S]*?end/.exec(model)?.[0] as string
    const { queries, close } = await openDuckDb()
    try {
      const sql = `SELECT glucose, ${category} AS name FROM (VALUES (20), (69), (70), (180), (181), (250), (251)) AS t (glucose)`
      for (const { glucose, name } of await readRows(await queries.query(sql))) {
        const value = Number(glucose)
        const band = bands.find(
          ({ lt, ge, le, gt }) =>
            (lt === undefined || value < Number(lt)) &&
            (ge === undefined || value >= Number(ge)) &&
            (le === undefined || value <= Number(le)) &&
            (gt === undefined || value > Number(gt)),
        )
        expect([value, name]).toEqual([value, band?.name])
      }
    } finally {
      await close()
    }
  })
})

describe('all checks of a table', () => {
  const kinds: readonly (readonly [string, unknown])[] = [
    ['null', { columns: ['id'] }],
    ['unique', { columns: ['id'] }],
    ['unique', { columns: ['id', 'name'] }],
    ['duplicates', {}],
    ['range', { column: 'id', min: 0 }],
    ['accepted_values', { column: 'name', values: ['a', 'b', 'c'] }],
    ['pattern', { column: 'name', pattern: '^[abc]$' }],
    ['length', { column: 'name', max: 1 }],
    ['column_pair', { column: 'id', relation: '>=', other: 'half' }],
    ['outliers', { column: 'id' }],
    ['count', { min: 1 }],
    ['freshness', { column: 'at', maxAge: 24, reference: '2024-01-01T12:00:00Z' }],
    ['custom_sql', { condition: 'id >= 0' }],
    ['reconcile_rows', { source: { sql: 'SELECT * FROM range(1000)' } }],
    ['volume', {}],
    ['distribution', { column: 'half', statistics: ['mean', 'p95', 'distinct', 'nulls'] }],
    ['schema', { columns: { id: 'long' } }],
  ]

  it('share one scan, whatever rows they look at, as long as nothing fails', async () => {
    const { queries, catalog, close } = await openDuckDb()
    try {
      const table = { namespace: ['bronze'], name: 'rows' }
      const sql = `SELECT range AS id, range // 2 AS half, ['a', 'b', 'c'][1 + range % 3] AS name,
        TIMESTAMPTZ '2024-01-01 00:00:00+00' + to_seconds(range) AS at FROM range(1000)`
      await queries.materialize({ target: table, sql, ref: 'main', strategy: 'replace', message: 'rows' })
      const statements: string[] = []
      const counting = new Proxy(queries, {
        get: (engine, name) => {
          if (name === 'query') {
            return (text: string, options: object) => {
              statements.push(text)
              return engine.query(text, options)
            }
          }
          const value: unknown = Reflect.get(engine, name)
          return typeof value === 'function' ? (value.bind(engine) as unknown) : value
        },
      })
      const loaded = await catalog.loadTable(table)
      const columns = loaded?.metadata.schemas.at(-1)?.fields ?? []
      const interval = { from: Date.parse('2024-01-01'), to: Date.parse('2024-01-02') }
      const target = {
        asset: 'bronze.rows',
        table,
        columns,
        ref: 'main',
        snapshotId: '1',
        partitions: { column: 'at', intervals: [interval], key: '2024-01-01' },
      }
      const scopes = ['table', 'partition', { days: 7 }] as const
      const checks = scopes.flatMap((scope) =>
        kinds.map(([kind, options], index): AssetCheck => ({
          kind,
          options,
          name: `${kind} ${index}`,
          severity: 'error',
          blocking: true,
          scope,
          layer: 'table',
          source: 'phlo',
        })),
      )
      const runner = new CheckRunner(counting, checkKinds, { earlier: async () => [] })
      const results = await runner.run(target, checks)
      expect(results.filter(({ status }) => status !== 'passed')).toEqual([])
      expect(results).toHaveLength(51)
      expect(statements).toHaveLength(1)
      expect(statements[0]?.match(/"bronze"\."rows"/g)).toHaveLength(1)
    } finally {
      await close()
    }
  }, 600_000)
})

describe('a profile', () => {
  it('holds what is computed by hand, from three scans at most', async () => {
    const { queries, catalog, close } = await openDuckDb()
    try {
      const table = { namespace: ['bronze'], name: 'rows' }
      const sql = `SELECT range AS id, CASE WHEN range % 4 > 0 THEN range % 10 END::DOUBLE AS score,
        CASE WHEN range < 30 THEN 'it''s' ELSE 'no' END AS word, ['x'] AS list FROM range(100)`
      await queries.materialize({ target: table, sql, ref: 'main', strategy: 'replace', message: 'rows' })
      const scores = Array.from({ length: 100 }, (_, id) => id)
        .filter((id) => id % 4 > 0)
        .map((id) => id % 10)
      const mean = scores.reduce((sum, score) => sum + score, 0) / scores.length
      const deviation = Math.sqrt(scores.reduce((sum, score) => sum + (score - mean) ** 2, 0) / scores.length)
      const { rows, columns, suggestions } = await profileTable({ catalog, queries }, { table, ref: 'main' })
      const [id, score, word, list] = columns
      expect(rows).toBe(100)
      expect(id).toMatchObject({ nulls: 0, min: 0, max: 99, distinct: { count: 100, isExact: true } })
      expect(id?.histogram?.map((bin) => bin.rows)).toEqual(Array(20).fill(5))
      expect(score).toMatchObject({ nulls: 25, min: 0, max: 9 })
      expect(score?.mean).toBeCloseTo(mean, 10)
      expect(score?.deviation).toBeCloseTo(deviation, 10)
      expect(score?.histogram?.reduce((sum, bin) => sum + bin.rows, 0)).toBe(75)
      expect(word).toMatchObject({
        distinct: { count: 2, isExact: true },
        lengths: { min: 2, max: 4 },
        values: [
          { value: 'no', rows: 70 },
          { value: "it's", rows: 30 },
        ],
      })
      expect(list).toEqual({ name: 'list', type: 'list', nulls: 0 })
      expect(suggestions.map(({ code }) => code)).toEqual([
        't.count({ min: 1 })',
        "t.notNull('id')",
        "t.unique('id')",
        "t.range('score', { min: 0, max: 9 })",
        "t.notNull('word')",
        "t.acceptedValues('word', ['it\\'s', 'no'])",
        "t.notNull('list')",
      ])
    } finally {
      await close()
    }
  }, 600_000)
})
