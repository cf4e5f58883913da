import { afterAll, beforeAll, describe, it } from '@jest/globals'
import type { IcebergType } from '@phlo/ports'
import { JavaHistory, JavaTables } from './java-tables.js'
import { canonical } from './readers.js'
import { transformCases, typeValues, zoned } from './values.js'
import type { WriteStep } from './write-script.js'

let tables: JavaTables
beforeAll(async () => {
  tables = await JavaTables.open()
})
afterAll(() => tables.close())

type Row = Readonly<Record<string, unknown>>

describe('tables of Iceberg Java', () => {
  it.each(transformCases)('partitioned by %s: the same rows and plans', async (transform, types) => {
    const { readers } = tables
    const name = `by_${transform}`.replaceAll(/\W+/g, '_')
    const columns = types.map((type, index) => [`c${index}`, type] as const)
    const rows = Array.from({ length: 9 }, (_, id) => ({
      id,
      ...Object.fromEntries(columns.map(([column, type]) => [column, typeValues[type]![id] ?? null])),
    }))
    await tables.create(
      name,
      { id: 'int', ...Object.fromEntries(columns) },
      { partitioning: columns.map(([column]) => [column, transform] as const) },
      { do: 'append', rows: canonical(rows.slice(0, 4)) },
      { do: 'append', rows: canonical(rows.slice(4)) },
    )
    await tables.expectRows(name, rows)
    for (const [column, type] of columns) {
      if (type === 'uuid') continue
      const [first, second] = typeValues[type]!
      for (const op of ['eq', 'lt', 'gte'] as const)
        await readers.expectPlan(`java.${name}`, { op, column, value: zoned(second!) })
      await readers.expectPlan(`java.${name}`, { op: 'in', column, values: [zoned(first!), zoned(second!)] })
      await readers.expectPlan(`java.${name}`, { op: 'is-null', column })
    }
  })

  it('of every type at once, with nested ones', async () => {
    const nested: IcebergType = {
      type: 'struct',
      fields: [
        { id: 101, name: 'a', type: 'long', required: false },
        {
          id: 102,
          name: 'l',
          type: { type: 'list', 'element-id': 103, element: 'date', 'element-required': false },
          required: false,
        },
      ],
    }
    const map: IcebergType = {
      type: 'map',
      'key-id': 104,
      key: 'string',
      'value-id': 105,
      value: 'double',
      'value-required': false,
    }
    const kinds = Object.keys(typeValues)
    const types = Object.fromEntries<IcebergType>([
      ['id', 'int'],
      ...kinds.map((type, index) => [`c${index}`, type] as const),
      ['bytes', 'binary'],
      ['fix', 'fixed[3]'],
      ['nested', nested],
      ['map', map],
    ])
    const rows = Array.from({ length: 9 }, (_, id) => ({
      id,
      ...Object.fromEntries(kinds.map((type, index) => [`c${index}`, typeValues[type]![id] ?? null])),
      bytes: ['00ff', '', 'ff'.repeat(40)][id] ?? null,
      fix: ['000102', 'ffffff'][id] ?? null,
      nested: id === 5 ? null : { a: id % 2 ? String(id) : null, l: ['2024-01-01', null].slice(id % 3) },
      map: id === 5 ? null : id % 2 ? [] : [['k', 1.5]],
    }))
    await tables.create('everything', types, {}, { do: 'append', rows: canonical(rows) })
    await tables.expectRows('everything', rows)
  })

  it('through overwrites, replaced partitions, deletes of files, rewritten files and manifests', async () => {
    const row = (id: number, day: string | null) => ({ id, day, v: `v${id}` })
    let rows: readonly Row[] = []
    const history = new JavaHistory(tables, 'changing')
    const step = async (how: WriteStep, after: readonly Row[]) => {
      await history.step(how, after)
      rows = after
    }
    await tables.create('changing', { id: 'int', day: 'date', v: 'string' }, { partitioning: [['day', 'month']] })
    await tables.expectRows('changing', [])
    const first = [row(1, '2024-01-01'), row(2, '2024-01-31'), row(3, '2024-02-01'), row(4, null)]
    await step({ do: 'append', rows: first }, first)
    await step({ do: 'append', fast: true, rows: [row(5, '2024-02-29')] }, [...first, row(5, '2024-02-29')])
    await step({ do: 'replacePartitions', rows: [row(6, '2024-01-15')] }, [...rows.slice(2), row(6, '2024-01-15')])
    await step({ do: 'rewriteManifests' }, rows)
    await step(
      {
        do: 'overwrite',
        filter: {
          op: 'and',
          left: { op: 'gte', column: 'day', value: '2024-02-01' },
          right: { op: 'lt', column: 'day', value: '2024-03-01' },
        },
        rows: [row(7, '2024-02-02')],
      },
      [row(4, null), row(6, '2024-01-15'), row(7, '2024-02-02')],
    )
    await step({ do: 'compact' }, rows)
    await step({ do: 'delete', filter: { op: 'is-null', column: 'day' } }, [row(6, '2024-01-15'), row(7, '2024-02-02')])
    await history.expectAll()
    await tables.readers.expectSound('java.changing')
  })
})
