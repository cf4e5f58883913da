import { applyTransform, formatValue, parsePrimitive, parseTransform, resultType, toValue } from '@phlo/iceberg'
import { describe, expect, it } from '@jest/globals'
import { DuckDBInstance } from '@duckdb/node-api'
import { partitionExpression } from './partition-expressions.js'

describe('partitions of nanoseconds', () => {
  const moments = ['1969-12-31T23:59:59.999999999', '1970-01-01T00:00:00', '1970-01-01T00:00:00.000000001']

  it('are those that the table format computes, before 1970, too', async () => {
    const instance = await DuckDBInstance.create(':memory:')
    const connection = await instance.connect()
    const sourceType = parsePrimitive('timestamp_ns')
    for (const name of ['year', 'month', 'day', 'hour']) {
      const transform = parseTransform(name)
      const type = resultType(transform, sourceType)
      const field = { 'source-id': 1, 'field-id': 1000, name: 'p', transform: name }
      const sql = partitionExpression({ field, transform, sourceType, type }, 'c')
      const rows = await connection.runAndReadAll(
        moments
          .map((moment) => `SELECT CAST(${sql} AS VARCHAR) FROM (SELECT TIMESTAMP_NS '${moment}' AS c)`)
          .join(' UNION ALL '),
      )
      expect(rows.getRows().flat()).toEqual(
        moments.map((moment) => {
          const value = applyTransform(transform, sourceType, toValue(sourceType, moment) ?? null)
          return value === null ? null : formatValue(type, value)
        }),
      )
    }
    connection.closeSync()
    instance.closeSync()
  })
})
