import type { RecordBatch } from 'apache-arrow'
import type { QueryResult } from '../query-engine.js'

/** A row of a result with values that tests can compare: dates and times as ISO 8601 text, integers as numbers. */
export type PlainRow = Readonly<Record<string, unknown>>

/** All rows of a result. */
export async function plainRows(result: QueryResult): Promise<PlainRow[]> {
  const rows: PlainRow[] = []
  for await (const batch of result.batches) rows.push(...rowsOf(batch))
  return rows
}

function rowsOf(batch: RecordBatch): PlainRow[] {
  const { fields } = batch.schema
  return Array.from({ length: batch.numRows }, (_, row) =>
    Object.fromEntries(
      fields.map(({ name, type }, index) => [name, plain(batch.getChildAt(index)?.get(row) as unknown, String(type))]),
    ),
  )
}

function plain(value: unknown, type: string): unknown {
  if (value === null || value === undefined) return null
  if (typeof value === 'bigint')
    return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value
  if (typeof value === 'number' && type.startsWith('Date')) return new Date(value).toISOString().slice(0, 10)
  if (typeof value === 'number' && type.startsWith('Timestamp')) {
    const text = new Date(value).toISOString()
    return type.includes('UTC') ? text : text.slice(0, -1)
  }
  return value
}
