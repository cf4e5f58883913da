import { encodeValue, parsePrimitive, type Primitive, ThetaSketch, toValue, writeStatistics } from '@phlo/iceberg'
import {
  type AnalyzeRequest,
  type AnalyzeResult,
  type Catalog,
  formatIdentifier,
  type IcebergSchema,
  type LoadedTable,
  type NestedField,
  type ObjectStore,
  PhloError,
} from '@phlo/ports'
import { identifier } from '../duckdb-dialect.js'
import type { Connection, DuckDbHost } from '../duckdb-host.js'
import { valueText } from '../tables/partition-expressions.js'
import { selectionOf, tableSelect } from '../tables/table-view.js'

interface AnalyzedColumn {
  readonly field: NestedField
  readonly type: Primitive
}

/** Types whose values have no text that says all of them. */
const uncounted = new Set<Primitive['kind']>(['unknown', 'variant', 'geometry', 'geography'])

/**
 * Estimates how many distinct values columns of the current snapshot have, and keeps the sketches with the table. The
 * table is read column by column; DuckDB leaves out repeated values, and what remains is hashed here.
 */
export async function analyzeTable(
  place: { readonly host: DuckDbHost; readonly store: ObjectStore; readonly catalog: Catalog },
  request: AnalyzeRequest,
): Promise<AnalyzeResult> {
  const { store, catalog } = place
  const { table: name, ref, message, author } = request
  const table = await catalog.loadTable(name, { ref })
  if (!table) throw new PhloError('PHLO_TABLE_NOT_FOUND', `There is no table ${formatIdentifier(name)} at ${ref}`)
  const { snapshot, schema } = selectionOf(table, {})
  const columns = request.columns ? namedColumns(table, schema, request.columns) : allColumns(schema)
  if (!snapshot) return { columns: columns.map(({ field }) => ({ column: field.name, ndv: 0 })) }
  const sketches = await place.host.connect(async (connection) => {
    const { sql } = await tableSelect(connection, store, { table, selection: {} })
    const found = new Map<number, ThetaSketch>()
    for (const column of columns) found.set(column.field.id, await sketchOf(connection, sql, column))
    return found
  }, request.signal)
  const result = {
    snapshotId: snapshot['snapshot-id'],
    columns: columns.map(({ field }) => ({
      column: field.name,
      ndv: Math.round((sketches.get(field.id) as ThetaSketch).estimate),
    })),
  }
  if (request.dryRun === true || columns.length === 0) return result
  const statistics = await writeStatistics(store, table.metadata, snapshot, sketches)
  const requirement = { type: 'assert-table-uuid', uuid: table.metadata['table-uuid'] } as const
  const update = { action: 'set-statistics', statistics } as const
  await catalog.commit([{ kind: 'table', identifier: name, requirements: [requirement], updates: [update] }], {
    ref,
    message,
    ...(author !== undefined && { author }),
  })
  return { ...result, path: statistics['statistics-path'] }
}

async function sketchOf(connection: Connection, rows: string, { field, type }: AnalyzedColumn): Promise<ThetaSketch> {
  const sketch = new ThetaSketch()
  const column = identifier(field.name)
  const select = `SELECT ${valueText('v', type)} FROM (SELECT DISTINCT ${column} AS v FROM (${rows}) WHERE ${column} IS NOT NULL)`
  await connection.eachChunk(select, (chunk) => {
    const texts = chunk.getColumnVector(0)
    for (let row = 0; row < chunk.rowCount; row++) {
      const text = texts.getItem(row) as string
      const value = toValue(type, text)
      if (value === undefined)
        throw new PhloError(
          'PHLO_UNSUPPORTED',
          `${field.name} has a value that cannot be counted: ${text.slice(0, 60)}`,
        )
      sketch.add(encodeValue(type, value))
    }
  })
  return sketch
}

function allColumns(schema: IcebergSchema): AnalyzedColumn[] {
  return schema.fields.flatMap((field) => analyzed(field) ?? [])
}

function namedColumns(table: LoadedTable, schema: IcebergSchema, names: readonly string[]): AnalyzedColumn[] {
  return [...new Set(names)].map((name) => {
    const field = schema.fields.find((candidate) => candidate.name === name)
    if (!field) {
      throw new PhloError(
        'PHLO_SCHEMA_COLUMN_MISSING',
        `The table ${formatIdentifier(table.identifier)} has no column ${name}`,
      )
    }
    const column = analyzed(field)
    if (column) return column
    throw new PhloError('PHLO_UNSUPPORTED', `Distinct values of ${name} cannot be counted: it holds no single values`)
  })
}

function analyzed(field: NestedField): AnalyzedColumn | undefined {
  if (typeof field.type !== 'string') return undefined
  const type = parsePrimitive(field.type)
  return uncounted.has(type.kind) ? undefined : { field, type }
}
