import { PhloError } from '@phlo/ports'
import { ColumnTypes } from './column-types.js'
import { batches, merged, type Row } from './row-batches.js'
import { identifier, literal, type ServerOptions, Session } from './session.js'

/** A table as the server knows it. */
export interface TableShape {
  /** Quoted, with its schema. */
  readonly name: string
  /** Columns by name, with their types in SQL. */
  readonly columns: ReadonlyMap<string, string>
  /** Columns of the primary key. */
  readonly key: readonly string[]
  /** Pages of a plain table, which can be read in parts; `undefined` for views and partitioned tables. */
  readonly pages: number | undefined
}

/** A chunk is at least this many pages of 8 KiB, so that small tables are read in one. */
const leastPages = 256
/** Chunks for each connection, so that none waits long for the last. */
const chunksEach = 8

/** Throws PHLO_SOURCE_NOT_FOUND, PHLO_CONFIG_INVALID for columns that it has not. */
export async function tableShape(
  session: Session,
  {
    schema,
    table,
    columns: wanted,
  }: { readonly schema: string; readonly table: string; readonly columns?: readonly string[] | undefined },
): Promise<TableShape> {
  const name = `${identifier(schema)}.${identifier(table)}`
  const [found] = await session.rows(
    `SELECT c.oid, c.relkind AS kind, pg_relation_size(c.oid) / current_setting('block_size')::int AS pages
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2`,
    [schema, table],
  )
  if (!found) throw new PhloError('PHLO_SOURCE_NOT_FOUND', `There is no table ${name}, or it is not for this user`)
  const attributes = await session.rows(
    `SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type, coalesce(i.indisprimary, false) AS key
     FROM pg_attribute a LEFT JOIN pg_index i ON i.indrelid = a.attrelid AND i.indisprimary AND a.attnum = ANY(i.indkey)
     WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`,
    [found['oid']],
  )
  const all = new Map(attributes.map(({ name: column, type }) => [column as string, type as string]))
  const unknown = wanted?.find((column) => !all.has(column))
  if (unknown !== undefined) {
    throw new PhloError('PHLO_CONFIG_INVALID', `${name} has no column ${unknown}`, {
      hint: `It has ${[...all.keys()].join(', ')}.`,
    })
  }
  return {
    name,
    columns: wanted ? new Map(wanted.map((column) => [column, all.get(column) as string])) : all,
    key: attributes.filter(({ key }) => key === 't').map(({ name: column }) => column as string),
    pages: found['kind'] === 'r' || found['kind'] === 'm' ? Number(found['pages']) : undefined,
  }
}

/** Conditions on rows, with their values. */
export interface Condition {
  readonly sql: string
  readonly values: readonly unknown[]
}

/**
 * The rows of a table in one snapshot of the database, over as many connections as there are chunks for: ranges of pages,
 * which need no index and no key.
 */
export async function* snapshotRows(
  server: ServerOptions,
  shape: TableShape,
  snapshot: string,
  {
    parallel,
    condition,
    signal,
  }: { readonly parallel: number; readonly condition?: Condition; readonly signal: AbortSignal },
): AsyncGenerator<Row> {
  const chunks = pageRanges(shape.pages, parallel)
  const columns = [...shape.columns.keys()].map(identifier).join(', ')
  const reader = async function* () {
    const session = await Session.open(server, signal)
    try {
      await beginReading(session, snapshot)
      const types = await ColumnTypes.load(session)
      for (let chunk = chunks.shift(); chunk !== undefined; chunk = chunks.shift()) {
        const where = [chunk, condition?.sql].filter((part) => part !== undefined && part !== '')
        const sql = `SELECT ${columns} FROM ${shape.name}${where.length === 0 ? '' : ` WHERE ${where.join(' AND ')}`}`
        yield* batches(session, types, sql, condition?.values)
      }
    } finally {
      await session.close()
    }
  }
  const readers = Array.from({ length: Math.min(parallel, chunks.length) }, () => reader())
  for await (const rows of merged(readers)) yield* rows
}

export async function beginReading(session: Session, snapshot?: string): Promise<void> {
  await session.rows('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
  if (snapshot !== undefined) await session.rows(`SET TRANSACTION SNAPSHOT ${literal(snapshot)}`)
}

/** Conditions that divide a table's pages; the last one is open, as the table may have grown before the snapshot. */
function pageRanges(pages: number | undefined, parallel: number): string[] {
  if (pages === undefined || pages < 2 * leastPages || parallel === 1) return ['']
  const size = Math.max(leastPages, Math.ceil(pages / (parallel * chunksEach)))
  const starts = Array.from({ length: Math.ceil(pages / size) }, (_, index) => index * size)
  return starts.map((start, index) => {
    const from = `ctid >= '(${start},0)'::tid`
    return index === starts.length - 1 ? from : `${from} AND ctid < '(${start + size},0)'::tid`
  })
}
