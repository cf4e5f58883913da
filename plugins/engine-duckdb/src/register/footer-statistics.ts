import {
  type ColumnRange,
  compareValues,
  type DataFile,
  indexById,
  lowerBound,
  parsePrimitive,
  type Primitive,
  toValue,
  upperBound,
  type Value,
} from '@phlo/iceberg'
import type { IcebergSchema } from '@phlo/ports'
import { literal } from '../duckdb-dialect.js'
import type { Connection } from '../duckdb-host.js'
import type { FileLayout, StoredField } from '../reading/stored-fields.js'

/** A column chunk as `parquet_metadata` tells of it. Numbers are text. */
interface Chunk {
  readonly path: string
  readonly group: string
  readonly rows: string
  readonly values: string | null
  readonly nulls: string | null
  readonly low: string | null
  readonly high: string | null
  readonly bytes: string
  readonly start: string
}

export interface FooterStatistics {
  readonly file: Pick<
    DataFile,
    'recordCount' | 'splitOffsets' | 'columnSizes' | 'valueCounts' | 'nullCounts' | 'lowerBounds' | 'upperBounds'
  >
  /** By field id, of columns whose values are all known to lie within. */
  readonly ranges: ReadonlyMap<number, ColumnRange>
}

/** Reads what the footer of a Parquet file says of its columns. Spec: "Data File Fields". */
export async function footerStatistics(
  connection: Connection,
  local: string,
  layout: FileLayout,
  schema: IcebergSchema,
): Promise<FooterStatistics> {
  const rows = await connection.run(
    `SELECT path_in_schema AS path, row_group_id AS "group", row_group_num_rows AS rows, num_values AS "values",
       stats_null_count AS nulls, stats_min_value AS low, stats_max_value AS high, total_compressed_size AS bytes,
       least(data_page_offset, coalesce(nullif(dictionary_page_offset, 0), data_page_offset)) AS start
     FROM parquet_metadata(${literal(local)})`,
  )
  const chunks = rows as unknown as Chunk[]
  const groups = new Map<string, { rows: number; start: number }>()
  for (const { group, rows: count, start } of chunks) {
    const known = groups.get(group)
    groups.set(group, { rows: Number(count), start: Math.min(known?.start ?? Number(start), Number(start)) })
  }
  const columns = new Map<string, Chunk[]>()
  for (const chunk of chunks) columns.set(chunk.path, [...(columns.get(chunk.path) ?? []), chunk])
  const maps = {
    columnSizes: new Map<number, number>(),
    valueCounts: new Map<number, number>(),
    nullCounts: new Map<number, number>(),
    lowerBounds: new Map<number, Uint8Array>(),
    upperBounds: new Map<number, Uint8Array>(),
  }
  const ranges = new Map<number, ColumnRange>()
  const fields = indexById(schema)
  for (const [path, id] of leafIds(layout.fields)) {
    const type = fields.get(id)?.field.type
    const own = columns.get(path)
    if (typeof type !== 'string' || !own) continue
    maps.columnSizes.set(id, sum(own, ({ bytes }) => bytes) ?? 0)
    const values = sum(own, (chunk) => chunk.values)
    const nulls = sum(own, (chunk) => chunk.nulls)
    if (values !== undefined) maps.valueCounts.set(id, values)
    if (nulls !== undefined) maps.nullCounts.set(id, nulls)
    const primitive = parsePrimitive(type)
    const range = rangeOf(own, primitive)
    if (!range) continue
    ranges.set(id, { ...range, hasNulls: nulls !== 0 })
    maps.lowerBounds.set(id, lowerBound(primitive, range.lower))
    const upper = upperBound(primitive, range.upper)
    if (upper) maps.upperBounds.set(id, upper)
  }
  return {
    file: {
      recordCount: [...groups.values()].reduce((total, group) => total + group.rows, 0),
      splitOffsets: [...groups.values()].map(({ start }) => start).sort((a, b) => a - b),
      ...maps,
    },
    ranges,
  }
}

/** Columns that occur once a row, by the path that DuckDB gives them. */
function* leafIds(fields: readonly StoredField[], parents = ''): Generator<readonly [string, number]> {
  for (const { name, id, kind, children } of fields) {
    if (kind === 'struct') yield* leafIds(children, `${parents}${name}, `)
    else if (kind === 'value' && id !== undefined) yield [`${parents}${name}`, id]
  }
}

function sum(chunks: readonly Chunk[], of: (chunk: Chunk) => string | null): number | undefined {
  let total = 0
  for (const chunk of chunks) {
    const text = of(chunk)
    if (text === null) return undefined
    total += Number(text)
  }
  return total
}

/** Bytes are shown in a way of DuckDB's own; whoever prunes by them has to do without. */
const shown = new Set<Primitive['kind']>([
  'boolean',
  'int',
  'long',
  'float',
  'double',
  'decimal',
  'date',
  'time',
  'timestamp',
  'timestamptz',
  'string',
])

function rangeOf(chunks: readonly Chunk[], type: Primitive): { lower: Value; upper: Value } | undefined {
  if (!shown.has(type.kind)) return undefined
  let lower: Value | undefined
  let upper: Value | undefined
  for (const { low, high, values, nulls } of chunks) {
    // A row group of nothing but NULL has no ends.
    if (low === null && high === null && values !== null && values === nulls) continue
    const [least, most] = [low, high].map((text) => (text === null ? undefined : valueOf(type, text)))
    if (least === undefined || most === undefined) return undefined
    if (lower === undefined || compareValues(least, lower) < 0) lower = least
    if (upper === undefined || compareValues(most, upper) > 0) upper = most
  }
  return lower === undefined || upper === undefined ? undefined : { lower, upper }
}

function valueOf(type: Primitive, text: string): Value | undefined {
  if (type.kind === 'boolean') return text === 'true' || text === '1'
  const value = toValue(type, text)
  // Not a number says nothing about the numbers beside it.
  return typeof value === 'number' && Number.isNaN(value) ? undefined : value
}
