import { createHash } from 'node:crypto'
import { PhloError, type Source, type SourceRead, type SourceReadContext } from '@phlo/ports'
import { ColumnTypes } from './column-types.js'
import { parsePostgresOptions, type QueryOptions, type TableOptions } from './options.js'
import { batches, type Row } from './row-batches.js'
import { identifier, Session } from './session.js'
import { beginReading, type Condition, snapshotRows, tableShape, type TableShape } from './table-rows.js'

/** Where a read of a table ended. */
interface ColumnCursor {
  /** What the value is of. */
  readonly of: string
  /** As the server spells it. */
  readonly value: string
}

/** Tables and queries of PostgreSQL, in one snapshot of the database each. */
export class PostgresSource implements Source {
  readonly kind = 'postgres'

  async read(given: unknown, { cursor, signal }: SourceReadContext): Promise<SourceRead> {
    const options = parsePostgresOptions(given)
    if ('query' in options) return { inputs: [{ type: 'rows', name: 'query', rows: queryRows(options, signal) }] }
    const of = identity(options)
    const before = isCursor(cursor) && cursor.of === of ? cursor : undefined
    const table = new TableRead(options, before?.value, signal)
    return {
      inputs: [{ type: 'rows', name: `${options.schema}.${options.table}`, rows: table.rows() }],
      ...(options.incremental && {
        cursor: () => (table.newest === undefined ? undefined : { of, value: table.newest }),
      }),
    }
  }

  /** Only reading tells whether a table has changed. */
  async version(given: unknown): Promise<undefined> {
    parsePostgresOptions(given)
  }
}

async function* queryRows(options: QueryOptions, signal: AbortSignal): AsyncGenerator<Row> {
  const session = await Session.open(options, signal)
  try {
    await beginReading(session)
    const types = await ColumnTypes.load(session)
    for await (const rows of batches(session, types, options.query, options.parameters)) yield* rows
  } finally {
    await session.close()
  }
}

/** One read of a table. */
class TableRead {
  /** The greatest value of the cursor's column in what was read; known behind the last row. */
  newest: string | undefined
  private readonly options: TableOptions
  private readonly after: string | undefined
  private readonly signal: AbortSignal

  constructor(options: TableOptions, after: string | undefined, signal: AbortSignal) {
    this.options = options
    this.after = after
    this.signal = signal
  }

  async *rows(): AsyncGenerator<Row> {
    const { options, signal } = this
    const session = await Session.open(options, signal)
    try {
      await beginReading(session)
      const shape = await tableShape(session, options)
      const [{ snapshot } = {}] = await session.rows('SELECT pg_export_snapshot() AS snapshot')
      const condition = this.condition(shape)
      const newest = condition && (await this.greatest(session, shape, condition))
      // An index finds what is new; chunks of pages would each look through all of it.
      const parallel = condition && condition.values.length > 0 ? 1 : options.parallel
      yield* snapshotRows(options, shape, snapshot as string, { parallel, signal, ...(condition && { condition }) })
      this.newest = newest
    } finally {
      await session.close()
    }
  }

  /** Rows behind the cursor; with a lag also those that may have come late. */
  private condition(shape: TableShape): Condition | undefined {
    const { incremental } = this.options
    if (!incremental) return undefined
    const type = shape.columns.get(incremental.column)
    if (type === undefined)
      throw new PhloError('PHLO_CONFIG_INVALID', `${shape.name} has no column ${incremental.column} to read`)
    const from = this.after ?? incremental.initial
    const column = identifier(incremental.column)
    if (from === undefined) return { sql: 'TRUE', values: [] }
    const { lag } = incremental
    if (lag === undefined || this.after === undefined) return { sql: `${column} > $1::${type}`, values: [String(from)] }
    const lagType = typeof lag === 'number' ? 'numeric' : 'interval'
    return { sql: `${column} >= $1::${type} - $2::${lagType}`, values: [String(from), String(lag)] }
  }

  /** In the same snapshot as the rows, so that the cursor says what was read and nothing else. */
  private async greatest(session: Session, shape: TableShape, { sql, values }: Condition): Promise<string | undefined> {
    const column = identifier((this.options.incremental as { column: string }).column)
    const [{ value } = {}] = await session.rows(
      `SELECT max(${column})::text AS value FROM ${shape.name} WHERE ${sql}`,
      values,
    )
    return value ?? undefined
  }
}

function isCursor(value: unknown): value is ColumnCursor {
  if (typeof value !== 'object' || value === null) return false
  const { of, value: at } = value as Partial<ColumnCursor>
  return typeof of === 'string' && typeof at === 'string'
}

function identity({ url, schema, table, incremental }: TableOptions): string {
  const { host, pathname } = new URL(url)
  const what = [host, pathname, schema, table, incremental?.column]
  return createHash('sha256').update(JSON.stringify(what)).digest('base64url').slice(0, 16)
}
