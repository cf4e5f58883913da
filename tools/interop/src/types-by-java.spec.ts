import { afterAll, beforeAll, describe, it } from '@jest/globals'
import { JavaHistory, JavaTables } from './java-tables.js'

let tables: JavaTables
beforeAll(async () => {
  tables = await JavaTables.open()
})
afterAll(() => tables.close())

describe('types of format version 3 that Iceberg Java writes', () => {
  it('times in nanoseconds', async () => {
    const name = 'nanos'
    const history = new JavaHistory(tables, name)
    // DuckDB has no timestamptz_ns, and no column without a type.
    const types = { id: 'int', at: 'timestamp_ns' }
    await tables.create(name, types, { version: 3, partitioning: [['at', 'day']] })
    const rows = [
      { id: 1, at: '2024-01-01T12:34:56.123456789' },
      { id: 2, at: '1969-12-31T23:59:59.999999999' },
      { id: 3, at: null },
    ]
    await history.step({ do: 'append', rows }, rows)
    await history.step({ do: 'rowDelta', where: { op: 'eq', column: 'id', value: 2 } }, [rows[0]!, rows[2]!])
  })
})
