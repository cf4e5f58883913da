import { describe, expect, it } from '@jest/globals'
import type { IngestionAsset } from '@phlo/core'
import { isPhloError } from '@phlo/ports'
import { type Declarations, collect } from './collector.js'
import { milliseconds } from './durations.js'
import {
  asset,
  check,
  daily,
  field,
  files,
  holds,
  hourly,
  ingestion,
  type IngestionSource,
  monthly,
  noRows,
  pattern,
  quality,
  schedule,
  source,
  yearly,
  z,
} from './index.js'

const Row = z.object({
  id: z.int(),
  at: z.iso.datetime(),
  day: z.iso.date(),
  note: z.string().nullable(),
  tags: z.array(z.string()),
})
const from = files({ path: 'rows.csv' })

const declared = async (work: () => void): Promise<Declarations> => collect(async () => work())

type Options = Parameters<typeof ingestion<typeof Row>>[0]

async function declaredAsset(options: Partial<Options> = {}, given: IngestionSource = from) {
  const { assets } = await declared(() => ingestion({ name: 'rows', schema: Row, ...options }, given))
  return assets[0] as IngestionAsset
}

async function failure(work: () => void): Promise<Record<string, unknown>> {
  try {
    await declared(work)
  } catch (error) {
    if (isPhloError(error)) return { code: error.code, message: error.message, hint: error.hint }
    throw error
  }
  throw new Error('nothing was thrown')
}

describe('ingestion()', () => {
  it('declares an asset and gives a handle to it', async () => {
    const handles: unknown[] = []
    const { assets } = await declared(() => {
      handles.push(ingestion({ name: 'rows', schema: Row }, from))
    })
    expect(handles).toEqual([{ key: 'bronze.rows' }])
    expect(assets).toHaveLength(1)
    expect(assets[0]).toMatchObject({
      kind: 'ingestion',
      key: 'bronze.rows',
      target: { namespace: ['bronze'], name: 'rows' },
      tags: [],
      upstream: [],
      checks: [],
      strategy: { kind: 'overwrite' },
      partitionBy: [],
      unexpectedColumns: 'freeze',
      strict: false,
      source: { kind: 'static', spec: { kind: 'files', options: { path: 'rows.csv' } } },
    })
  })

  it('takes its options over', async () => {
    const load = () => []
    expect(
      await declaredAsset(
        {
          namespace: 'raw',
          group: 'g',
          description: 'd',
          tags: ['t'],
          uniqueKey: ['id', 'at'],
          merge: { keep: 'first' },
          partitionBy: ['bucket(16, id)', 'truncate(4, note)', 'day(at)', ' day '],
          strict: true,
          cron: '0 * * * *',
          freshness: { warn: '90s', fail: '1.5h', column: 'at' },
          deps: [{ key: 'bronze.a' }, 'bronze.b'],
        },
        load,
      ),
    ).toMatchObject({
      key: 'raw.rows',
      group: 'g',
      description: 'd',
      tags: ['t'],
      strategy: { kind: 'merge', key: ['id', 'at'], keep: 'first' },
      partitionBy: [
        { column: 'id', transform: 'bucket[16]' },
        { column: 'note', transform: 'truncate[4]' },
        { column: 'at', transform: 'day' },
        { column: 'day', transform: 'identity' },
      ],
      strict: true,
      cron: '0 * * * *',
      freshness: { warnAfter: 90_000, failAfter: 5_400_000 },
      upstream: ['bronze.a', 'bronze.b'],
      source: { kind: 'function', load },
      checks: [
        {
          name: 'freshness_warn',
          kind: 'freshness',
          severity: 'warn',
          blocking: false,
          options: { column: 'at', maxAge: 0.025 },
        },
        {
          name: 'freshness_fail',
          kind: 'freshness',
          severity: 'error',
          blocking: false,
          options: { column: 'at', maxAge: 1.5 },
        },
      ],
    })
  })

  it('leaves columns out that a loose object does not name', async () => {
    const { assets } = await declared(() => ingestion({ name: 'rows', schema: z.looseObject({ id: z.int() }) }, from))
    expect(assets[0]).toMatchObject({ unexpectedColumns: 'discard_value' })
  })

  const partitions = daily({ column: 'at', start: '2024-01-01' })
  it.each<[string, Partial<Options>, object]>([
    ['nothing', {}, { kind: 'overwrite' }],
    ['a key', { uniqueKey: 'id' }, { kind: 'merge', key: ['id'], keep: 'last' }],
    ['a key and partitions', { uniqueKey: 'id', partitions }, { kind: 'overwrite' }],
    ['a key and a strategy', { uniqueKey: 'id', merge: { strategy: 'append' } }, { kind: 'append' }],
    [
      'a key, partitions and merge',
      { uniqueKey: 'id', partitions, merge: { strategy: 'merge', keep: 'hash' } },
      { kind: 'merge', key: ['id'], keep: 'hash' },
    ],
  ])('has a strategy that follows from %s', async (_name, options, expected) => {
    expect((await declaredAsset(options)).strategy).toEqual(expected)
  })

  it('checks that keys are unique where the strategy does not see to it by itself', async () => {
    const names = async (options: Partial<Options>) => (await declaredAsset(options)).checks.map(({ name }) => name)
    expect(await names({ uniqueKey: 'id' })).toEqual([])
    expect(await names({ uniqueKey: 'id', merge: { keep: 'hash' } })).toEqual(['unique_id'])
    expect(await names({ uniqueKey: ['id', 'at'], merge: { strategy: 'overwrite' } })).toEqual(['unique_id_at'])
    const { assets } = await declared(() =>
      ingestion(
        { name: 'rows', schema: z.object({ id: z.int(), code: field(z.string(), { unique: true }) }), uniqueKey: 'id' },
        from,
      ),
    )
    expect(assets[0]?.checks).toMatchObject([{ name: 'unique_code', kind: 'unique', scope: 'table', blocking: true }])
  })

  it('has another code version when what it does changes, and only then', async () => {
    const version = async (...given: Parameters<typeof declaredAsset>) => (await declaredAsset(...given)).codeVersion
    const same = await version()
    expect(await version({ description: 'words', group: 'g', cron: '0 0 * * *', deps: ['a.b'] })).toBe(same)
    const versions = [
      same,
      await version({}, files({ path: 'others.csv' })),
      await version({}, () => [{ id: 1 }]),
      await version({}, () => [{ id: 2 }]),
      await version({ uniqueKey: 'id' }),
      await version({ partitions }),
      await version({ partitionBy: ['day'] }),
    ]
    expect(new Set(versions).size).toBe(versions.length)
  })

  const bad = (options: object) => () => ingestion({ name: 'rows', schema: Row, ...options } as never, from)
  it.each<[string, () => void, Record<string, unknown>]>([
    ['an empty name', bad({ name: '' }), { message: '"" cannot be a table’s name' }],
    [
      'an option that is none',
      bad({ uniqeKey: 'id' }),
      {
        message: 'There is no option "uniqeKey"',
        hint: expect.stringMatching(/^Did you mean uniqueKey\? Known: name, /),
      },
    ],
    [
      'a strategy that is none',
      bad({ merge: { strategy: 'overwrit' } }),
      {
        message: 'There is no merge strategy "overwrit"',
        hint: 'Did you mean overwrite? Known: merge, overwrite, append, insert-only, delete-insert, scd2, cdc.',
      },
    ],
    [
      'a row to keep that is none',
      bad({ uniqueKey: 'id', merge: { keep: 'newest' } }),
      { message: 'There is no row to keep "newest"' },
    ],
    [
      'a key that is no column',
      bad({ uniqueKey: 'idd' }),
      { message: 'uniqueKey names "idd", which is no column of the schema' },
    ],
    ['a key that may be NULL', bad({ uniqueKey: 'note' }), { message: 'uniqueKey names note, which may be NULL' }],
    ['a nested key', bad({ uniqueKey: 'tags' }), { message: 'uniqueKey names tags, which is nested' }],
    [
      'merging without a key',
      bad({ merge: { strategy: 'merge' } }),
      { message: 'The merge strategy needs a uniqueKey' },
    ],
    [
      'partitions by no column',
      bad({ partitions: daily({ column: 'att', start: '2024-01-01' }) }),
      { message: 'partitions name "att", which is no column of the schema' },
    ],
    [
      'partitions by a number',
      bad({ partitions: daily({ column: 'id', start: '2024-01-01' }) }),
      { message: 'partitions name id, which is no date or time' },
    ],
    [
      'partitions by a nested column',
      bad({ partitions: daily({ column: 'tags', start: '2024-01-01' }) }),
      { message: 'partitions name tags, which is no date or time' },
    ],
    [
      'hours of a date',
      bad({ partitions: hourly({ column: 'day', start: '2024-01-01' }) }),
      { message: 'partitions name day, which has no hours' },
    ],
    [
      'partitions by a column that may be NULL',
      () =>
        ingestion(
          {
            name: 'rows',
            schema: z.object({ at: z.iso.date().nullable() }),
            partitions: daily({ column: 'at', start: '2024-01-01' }),
          },
          from,
        ),
      { message: 'partitions name at, which may be NULL' },
    ],
    [
      'partitions that start nowhere',
      bad({ partitions: daily({ column: 'at', start: '2024-02-30' }) }),
      { code: 'PHLO_PARTITION_INVALID', message: '"2024-02-30" is no day partition' },
    ],
    [
      'partitions that start within one',
      bad({ partitions: yearly({ column: 'at', start: '2024-02' }) }),
      { code: 'PHLO_PARTITION_INVALID', message: '"2024-02" is no year partition' },
    ],
    [
      'partitions that end before they start',
      bad({ partitions: monthly({ column: 'at', start: '2024-02', end: '2024-02' }) }),
      { code: 'PHLO_PARTITION_INVALID', message: 'Partitions that start at 2024-02 cannot end at 2024-02' },
    ],
    [
      'a transform that is none',
      bad({ partitionBy: ['bukket(16, id)'] }),
      { message: 'partitionBy has "bukket(16, id)", and there is no transform bukket', hint: 'Did you mean bucket?' },
    ],
    ['a bucket without a number', bad({ partitionBy: ['bucket(id)'] }), { hint: 'Write bucket(16, id).' }],
    ['days with a number', bad({ partitionBy: ['day(2, at)'] }), { hint: 'Write day(at).' }],
    [
      'a partition field of no column',
      bad({ partitionBy: ['day(att)'] }),
      { message: 'partitionBy names "att", which is no column of the schema' },
    ],
    ['a wrong cron', bad({ cron: '* * *' }), { message: '"* * *" is no cron expression: it must have five fields' }],
    ['freshness of nothing', bad({ freshness: { warn: '1h' } }), { message: 'freshness needs a column' }],
    [
      'freshness of no column',
      bad({ freshness: { warn: '1h', column: 'att' } }),
      { message: 'freshness names "att", which is no column of the schema' },
    ],
    ['a wrong duration', bad({ freshness: { warn: '1w', column: 'at' } }), { message: '"1w" is no duration' }],
    [
      'a schema that has no columns',
      () => ingestion({ name: 'rows', schema: z.object({ id: z.any() }) }, from),
      { code: 'PHLO_SCHEMA_UNSUPPORTED', message: 'Column id: z.any() has no column type' },
    ],
  ])('refuses %s', async (_name, work, expected) => {
    expect(await failure(work)).toMatchObject({ code: 'PHLO_WORKFLOW_INVALID', ...expected })
  })

  it('as a decorator makes the method the function, with its text as the code', async () => {
    const versions: string[] = []
    for (const value of [1, 2]) {
      const { assets } = await declared(() => {
        const options = { name: 'rows', schema: Row } as const
        const classes = {
          1: () =>
            class {
              readonly name = 'station'
              @ingestion(options)
              static load() {
                return [{ id: 1 }]
              }
            },
          2: () =>
            class {
              readonly name = 'station'
              @ingestion(options)
              static load() {
                return [{ id: 2 }]
              }
            },
        }
        classes[value as 1 | 2]()
      })
      const [made] = assets as IngestionAsset[]
      if (made?.source.kind !== 'function') throw new Error('no function')
      expect(made.source.load({} as never)).toEqual([{ id: value }])
      versions.push(made.codeVersion)
    }
    expect(versions[0]).not.toBe(versions[1])
  })

  it('calls a decorated method on an instance, and says so when there is none', async () => {
    class Station {
      readonly id: number
      constructor(id: number) {
        this.id = id
      }
    }
    let Made: (new (id: number) => Station) | undefined
    const { assets } = await declared(() => {
      Made = class extends Station {
        @ingestion({ name: 'rows', schema: Row })
        load() {
          return [{ id: this.id }]
        }
      }
    })
    const [made] = assets as IngestionAsset[]
    if (made?.source.kind !== 'function' || !Made) throw new Error('no function')
    const { load } = made.source
    expect(() => load({} as never)).toThrow(
      expect.objectContaining({ message: 'The class of the method load must be exported, or the method be static' }),
    )
    new Made(7)
    expect(load({} as never)).toEqual([{ id: 7 }])
  })
})

describe('asset()', () => {
  it('declares what the user’s own code makes of others', async () => {
    const { assets } = await declared(() => {
      const rows = ingestion({ name: 'rows', schema: Row }, from)
      asset({ name: 'best', namespace: 'gold', schema: Row, deps: [rows] }, (context) => context.query('SELECT 1'))
    })
    expect(assets[1]).toMatchObject({ key: 'gold.best', upstream: ['bronze.rows'], source: { kind: 'function' } })
  })
})

describe('partitions', () => {
  it.each([
    [hourly({ column: 'at', start: '2024-01-01T05' }), { unit: 'hour', start: Date.UTC(2024, 0, 1, 5) }],
    [hourly({ column: 'at', start: '2024-01-01' }), { unit: 'hour', start: Date.UTC(2024, 0, 1) }],
    [daily({ column: 'at', start: '2024' }), { unit: 'day', start: Date.UTC(2024, 0, 1) }],
    [
      monthly({ column: 'at', start: '2024-01', end: '2024-03-01' }),
      { unit: 'month', start: Date.UTC(2024, 0), end: Date.UTC(2024, 2) },
    ],
    [yearly({ column: 'at', start: '2024-01-01' }), { unit: 'year', start: Date.UTC(2024, 0) }],
  ])('start and end at boundaries, however they are written: %#', async (partitions, expected) => {
    expect((await declaredAsset({ partitions })).partitions).toEqual({ column: 'at', ...expected })
  })
})

describe('quality()', () => {
  it('declares checks in both forms, with what they were told', async () => {
    const {
      quality: [first, second],
    } = await declared(() => {
      const rows = ingestion({ name: 'rows', schema: Row }, from)
      quality(rows, (t) => [
        t.notNull('id'),
        t.unique(['id', 'at'], { severity: 'warn' }),
        t.range('id', { min: 1, max: 5 }, { allow: 0.1, warn: 0.2 }),
        t.acceptedValues('note', ['a']),
        t.length('note', { min: 1 }, { blocking: false }),
        t.count({ min: 1 }, { name: 'enough' }),
        t.fresh('at', '2h'),
        t.refersTo('id', { key: 'bronze.others' }, 'id', { scope: 'table' }),
      ])
      quality({
        table: 'bronze.rows',
        checks: [
          holds('id > 0', { name: 'positive' }),
          noRows('SELECT 1', { name: 'none' }),
          check('acme', { a: 1 }, { name: 'special' }),
        ],
      })
    })
    const shared = { severity: 'error', blocking: true, scope: 'partition', source: 'phlo' }
    expect(first).toMatchObject({
      table: 'bronze.rows',
      checks: [
        { ...shared, kind: 'null', options: { columns: ['id'] }, name: 'not_null_id' },
        {
          ...shared,
          kind: 'unique',
          options: { columns: ['id', 'at'] },
          name: 'unique_id_at',
          severity: 'warn',
          scope: 'table',
        },
        {
          ...shared,
          kind: 'range',
          options: { column: 'id', min: 1, max: 5 },
          allowThreshold: 0.1,
          warnThreshold: 0.2,
        },
        { ...shared, kind: 'accepted_values', options: { column: 'note', values: ['a'] } },
        { ...shared, kind: 'length', options: { column: 'note', min: 1 }, blocking: false },
        { ...shared, kind: 'count', options: { min: 1 }, name: 'enough' },
        { ...shared, kind: 'freshness', options: { column: 'at', maxAge: 2 }, blocking: false, scope: 'table' },
        { ...shared, kind: 'referential', options: { column: 'id', to: 'bronze.others', field: 'id' }, scope: 'table' },
      ],
    })
    expect(second).toMatchObject({
      table: 'bronze.rows',
      checks: [
        { kind: 'custom_sql', options: { condition: 'id > 0' }, name: 'positive', scope: 'partition' },
        { kind: 'custom_sql', options: { failingRows: 'SELECT 1' }, name: 'none', scope: 'table' },
        { kind: 'acme', options: { a: 1 }, name: 'special' },
      ],
    })
  })

  it('declares checks of whole tables, of other tables and of the past', async () => {
    const {
      quality: [first],
    } = await declared(() => {
      const rows = ingestion({ name: 'rows', schema: Row }, from)
      quality(rows, (t) => [
        t.noDuplicates(),
        t.noDuplicates(['id'], { scope: { days: 7, column: 'at' } }),
        t.compare('id', '<=', 'note'),
        t.outliers('id', { zScore: 4 }),
        t.hasColumns({ id: 'long' }, { exact: true }),
        t.reconcileRows({ key: 'bronze.others' }, { mode: 'at_least', tolerance: 0.05 }),
        t.reconcileAggregates('bronze.others', { aggregates: [{ function: 'sum', column: 'id' }], groupBy: ['note'] }),
        t.reconcileKeys({ sql: 'SELECT 1 AS id' }, 'id', { problems: 'missing' }),
        t.reconcileChecksums('bronze.others', { key: ['id'] }, { partitionColumn: 'at', scope: 'partition' }),
        t.volume({ zScore: 2 }),
        t.distribution('id', { statistics: ['median'] }, { layer: 'table', blocking: true }),
      ])
    })
    const shared = { severity: 'error', blocking: true, scope: 'table', layer: 'table' }
    expect(first?.checks).toMatchObject([
      { ...shared, kind: 'duplicates', options: {}, name: 'no_duplicates' },
      { kind: 'duplicates', options: { columns: ['id'] }, name: 'no_duplicates_id', scope: { days: 7, column: 'at' } },
      {
        ...shared,
        kind: 'column_pair',
        options: { column: 'id', relation: '<=', other: 'note' },
        name: 'compare_id_note',
        scope: 'partition',
      },
      { kind: 'outliers', options: { column: 'id', zScore: 4 }, name: 'outliers_id' },
      { ...shared, kind: 'schema', options: { columns: { id: 'long' }, exact: true }, name: 'columns' },
      {
        ...shared,
        kind: 'reconcile_rows',
        options: { source: 'bronze.others', mode: 'at_least', tolerance: 0.05 },
        name: 'rows_as_bronze_others',
      },
      {
        ...shared,
        kind: 'reconcile_aggregates',
        options: { source: 'bronze.others', aggregates: [{ function: 'sum', column: 'id' }], groupBy: ['note'] },
      },
      {
        ...shared,
        kind: 'reconcile_keys',
        options: { source: { sql: 'SELECT 1 AS id' }, columns: ['id'], problems: 'missing' },
        name: 'keys_as_sql',
      },
      {
        kind: 'reconcile_checksums',
        options: { source: 'bronze.others', key: ['id'] },
        partitionColumn: 'at',
        scope: 'partition',
      },
      { kind: 'volume', options: { zScore: 2 }, name: 'volume', layer: 'drift', blocking: false, scope: 'partition' },
      {
        kind: 'distribution',
        options: { column: 'id', statistics: ['median'] },
        name: 'distribution_id',
        layer: 'table',
        blocking: true,
      },
    ])
  })

  it('hands patterns over as engines read them', () => {
    const text = (regex: RegExp | string) => (pattern('note', regex).check.options as { pattern: string }).pattern
    expect(text(/^a\/b$/)).toBe('^a/b\\z')
    expect(text(/a/i)).toBe('(?i)a')
    expect(text('(?i)^a$')).toBe('(?i)^a$')
    expect(() => text(/a(?=b)/)).toThrow(expect.objectContaining({ code: 'PHLO_SCHEMA_UNSUPPORTED' }))
    expect(() => text(/a/g)).toThrow('has the flag g')
  })
})

describe('schedule()', () => {
  it('declares when assets are due', async () => {
    const { schedules } = await declared(() => {
      schedule({ name: 'nightly', cron: '0 3 * * *', timezone: 'Europe/Berlin', selection: ['+rows'] })
      schedule({ name: 'all', cron: '0 * * * *' })
    })
    expect(schedules).toMatchObject([
      { name: 'nightly', cron: '0 3 * * *', timezone: 'Europe/Berlin', selection: ['+rows'] },
      { name: 'all', cron: '0 * * * *', timezone: 'UTC', selection: [] },
    ])
  })

  it('refuses what is no time', async () => {
    expect(await failure(() => schedule({ name: 's', cron: '61 * * * *' }))).toMatchObject({
      code: 'PHLO_WORKFLOW_INVALID',
    })
    expect(await failure(() => schedule({ name: 's', cron: '0 * * * *', timezone: 'Mars/Base' }))).toMatchObject({
      message: '"Mars/Base" is no time zone',
    })
  })
})

describe('declarations', () => {
  it('are collected apart from each other, and go nowhere outside', async () => {
    ingestion({ name: 'nowhere', schema: Row }, from)
    let inner: Declarations | undefined
    const outer = await collect(async () => {
      ingestion({ name: 'outer', schema: Row }, from)
      inner = await declared(() => ingestion({ name: 'inner', schema: Row }, source('acme', { a: 1 })))
    })
    expect(outer.assets.map(({ key }) => key)).toEqual(['bronze.outer'])
    expect(inner?.assets).toMatchObject([
      { key: 'bronze.inner', source: { spec: { kind: 'acme', options: { a: 1 } } } },
    ])
  })

  it('of a file that fails end with it', async () => {
    await expect(collect(async () => Promise.reject(new Error('boom')))).rejects.toThrow('boom')
    const { assets } = await declared(() => undefined)
    expect(assets).toEqual([])
  })
})

describe('a duration', () => {
  it('is milliseconds', () => {
    expect([milliseconds('90s'), milliseconds('30m'), milliseconds('1.5h'), milliseconds('7d')]).toEqual([
      90_000, 1_800_000, 5_400_000, 604_800_000,
    ])
    for (const text of ['', '1', '1w', '-1h', '1h30m', 'h']) {
      expect(() => milliseconds(text as never)).toThrow(expect.objectContaining({ code: 'PHLO_WORKFLOW_INVALID' }))
    }
  })
})
