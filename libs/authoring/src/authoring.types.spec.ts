import { describe, expect, it } from '@jest/globals'
import { collect } from './collector.js'
import {
  acceptedValues,
  asset,
  daily,
  files,
  ingestion,
  notNull,
  quality,
  range,
  refersTo,
  unique,
  z,
} from './index.js'

/**
 * Held by the compiler: each line under `@ts-expect-error` must be a type error, or the build fails. They run, too, since
 * users without TypeScript write the same.
 */
const Row = z.object({ id: z.int(), at: z.iso.datetime(), name: z.string().nullable() })
const Other = z.object({ code: z.string() })

/** What the declarations threw, by code. */
async function codes(...declarations: (() => void)[]): Promise<string[]> {
  const thrown: string[] = []
  await collect(async () => {
    for (const declaration of declarations) {
      try {
        declaration()
      } catch (error) {
        thrown.push((error as { code: string }).code)
      }
    }
  })
  return thrown
}

describe('the compiler', () => {
  it('holds the columns of options against the schema', async () => {
    const source = files({ path: 'x.csv' })
    expect(
      await codes(
        () => ingestion({ name: 'a', schema: Row, uniqueKey: ['id', 'at'], freshness: { column: 'at' } }, source),
        () => ingestion({ name: 'a', schema: Row, partitions: daily({ column: 'at', start: '2024-01-01' }) }, source),
        // @ts-expect-error no column of the schema
        () => ingestion({ name: 'a', schema: Row, uniqueKey: 'idd' }, source),
        // @ts-expect-error no column of the schema
        () => ingestion({ name: 'a', schema: Row, uniqueKey: ['id', 'att'] }, source),
        // @ts-expect-error no column of the schema
        () => ingestion({ name: 'a', schema: Row, partitions: daily({ column: 'att', start: '2024-01-01' }) }, source),
        // @ts-expect-error no column of the schema
        () => ingestion({ name: 'a', schema: Row, freshness: { warn: '1h', column: 'att' } }, source),
        // @ts-expect-error no duration
        () => ingestion({ name: 'a', schema: Row, freshness: { warn: '1 hour', column: 'at' } }, source),
        // @ts-expect-error no strategy
        () => ingestion({ name: 'a', schema: Row, merge: { strategy: 'replace' } }, () => []),
        // @ts-expect-error no table without a name
        () => ingestion({ schema: Row }, source),
        // @ts-expect-error no option of that name
        () => ingestion({ name: 'a', schema: Row, uniqeKey: 'id' }, source),
      ),
    ).toEqual(Array.from({ length: 8 }, () => 'PHLO_WORKFLOW_INVALID'))
  })

  it('holds the columns of checks against the asset, in both forms', async () => {
    const { quality: declared } = await collect(async () => {
      const rows = ingestion({ name: 'rows', schema: Row }, () => [])
      const others = asset({ name: 'others', schema: Other, deps: [rows] }, (context) => context.query('SELECT 1'))
      quality(rows, (t) => [t.notNull('id'), t.range('id', { min: 1 }), t.count({ min: 1 }), t.unique(['id', 'at'])])
      quality({ table: rows, checks: [notNull(['id', 'name']), refersTo('name', others, 'code')] })
      quality('bronze.rows', (t) => [t.notNull('anything')])
      // @ts-expect-error no column of the asset
      quality(rows, (t) => [t.notNull('idd')])
      // @ts-expect-error no column of the asset
      quality(rows, (t) => [t.notNull(['id', 'idd'])])
      // @ts-expect-error a column of another asset
      quality(others, (t) => [t.notNull('id')])
      // @ts-expect-error no column of the asset
      quality({ table: rows, checks: [range('idd', { min: 1 })] })
      // @ts-expect-error one of two is no column of the asset
      quality({ table: rows, checks: [notNull('id'), unique('code')] })
      // @ts-expect-error no column of the asset
      quality(rows, (t) => [t.notNull('id'), t.acceptedValues('kind', ['a'])])
      // @ts-expect-error no severity
      quality(rows, () => [acceptedValues('name', ['a'], { severity: 'fatal' })])
    })
    expect(declared.map(({ table }) => table)).toEqual([
      ...['bronze.rows', 'bronze.rows', 'bronze.rows', 'bronze.rows', 'bronze.rows', 'bronze.others'],
      ...['bronze.rows', 'bronze.rows', 'bronze.rows', 'bronze.rows'],
    ])
  })

  it('holds what functions and methods give against what can be read', async () => {
    expect(
      await codes(
        () => {
          class Stations {
            @ingestion({ name: 'a', schema: Row })
            static load() {
              return [{ id: 1 }]
            }
            @ingestion({ name: 'b', schema: Row })
            async *rows({ partition }: { partition?: { start: string } }) {
              yield { id: partition?.start }
            }
            // @ts-expect-error a number is no source
            @ingestion({ name: 'c', schema: Row })
            count() {
              return 7
            }
          }
          return Stations
        },
        // @ts-expect-error a text is no source
        () => ingestion({ name: 'd', schema: Row }, () => 'rows'),
      ),
    ).toEqual([])
  })
})
