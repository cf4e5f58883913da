import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { JavaTables } from './java-tables.js'
import { columns } from './lake.js'
import { canonical } from './readers.js'
import type { WriteStep } from './write-script.js'

let tables: JavaTables
beforeAll(async () => {
  tables = await JavaTables.open()
})
afterAll(() => tables.close())

type Row = Readonly<Record<string, unknown>>

const event = columns({ id: 'int', day: 'date', n: 'long' })
const row = (id: number, day: string | null = '2024-01-01', n = BigInt(id)) => ({ id, day, n })
const merge = { strategy: { kind: 'merge', key: ['id'], keep: 'last' } } as const

describe('tables that Phlo and Iceberg Java change in turns', () => {
  it.each([1, 2, 3] as const)('of format version %s', async (version) => {
    const name = `v${version}`
    let rows: readonly Row[] = []
    const expectRows = async (after: readonly Row[]) => {
      rows = after
      await tables.expectRows(name, rows)
    }
    const theirs = async (how: WriteStep, after: readonly Row[]) => {
      await tables.change(name, how)
      await expectRows(after)
    }
    const ours = async (
      added: readonly Row[],
      request: Parameters<typeof tables.readers.lake.ingest>[3],
      after: readonly Row[],
    ) => {
      await tables.readers.lake.ingest(`java.${name}`, event, added, request)
      await expectRows(after)
    }
    await tables.create(name, { id: 'int', day: 'date', n: 'long' }, { version, partitioning: [['day', 'month']] })
    const one = [row(1), row(2, '2024-01-31'), row(3, null)]
    await theirs({ do: 'append', rows: canonical(one) }, one)
    const two = [row(4, '2024-02-01'), row(5, '1969-12-31')]
    await ours(two, {}, [...rows, ...two])
    if (version > 1) {
      // A merge rewrites files that have deleted rows, which must not come back.
      await theirs(
        { do: 'rowDelta', where: { op: 'in', column: 'id', values: [2, 4] } },
        rows.filter(({ id }) => id !== 2 && id !== 4),
      )
    }
    await ours([row(1, '2024-01-05', 100n), row(6, '2024-02-02')], merge, [
      ...rows.filter(({ id }) => id !== 1),
      row(1, '2024-01-05', 100n),
      row(6, '2024-02-02'),
    ])
    await theirs({ do: 'rewriteManifests' }, rows)
    await theirs({ do: 'compact' }, rows)
    await ours(
      [row(7, '2024-02-03')],
      { strategy: { kind: 'overwrite' }, interval: { column: 'day', from: '2024-02-01', to: '2024-03-01' } },
      [...rows.filter(({ day }) => !String(day).startsWith('2024-02')), row(7, '2024-02-03')],
    )
    await theirs({ do: 'append', rows: canonical([row(8, null)]) }, [...rows, row(8, null)])
    await ours([], { strategy: { kind: 'overwrite' } }, [])
    await theirs({ do: 'append', rows: canonical(one) }, one)
    const { metadata } = await tables.readers.lake.load(`java.${name}`)
    expect(metadata['format-version']).toBe(version)
  })
})
