import { currentSchema } from '@phlo/iceberg'
import { randomUUID } from 'node:crypto'
import { TargetRows } from '../dml/target-rows.js'
import { identifier } from '../duckdb-dialect.js'
import type { Connection } from '../duckdb-host.js'
import type { StagedFile } from '../tables/copied-files.js'
import { keyFilter, type MergeInto, stagedRows } from './merge-rows.js'

/** New rows of which some stay out, since the table's own rows count. */
export interface Remaining {
  readonly files: readonly StagedFile[]
  readonly heldBack: number
}

/** SQL of the equality of the columns of two rows, of which none is NULL. */
export function sameKey(left: string, right: string, key: readonly string[]): string {
  return key.map((name) => `${left}.${identifier(name)} = ${right}.${identifier(name)}`).join(' AND ')
}

/**
 * Leaves out new rows whose key the table has: with `order`, only where the table's row comes behind (`last`) or before
 * (`first`) them by these columns.
 */
export async function withoutHeld(
  merge: MergeInto,
  files: readonly StagedFile[],
  order?: { readonly columns: readonly string[]; readonly keep: 'first' | 'last' },
): Promise<Remaining> {
  const { connection, store, existing, metadata, key } = merge
  const target = new TargetRows(connection, store, metadata, existing.identifier)
  await target.plan(keyFilter(existing.metadata, metadata, key, files), existing.metadata)
  if (target.tasks.length === 0) return { files, heldBack: 0 }
  const place = (row: string) => `(${order?.columns.map((name) => `${row}.${identifier(name)}`).join(', ') ?? ''})`
  const held = order ? ` AND ${place('t')} ${order.keep === 'last' ? '>' : '<'} ${place('s')}` : ''
  const keys = await temporaryTable(
    connection,
    `SELECT DISTINCT ${key.map((name) => `s.${identifier(name)}`).join(', ')} ` +
      `FROM (${await target.select()}) AS t JOIN ${stagedRows(files)} AS s ON ${sameKey('t', 's', key)}${held}`,
  )
  return withoutKeys(merge, files, keys)
}

/** The rows written once more, without those of the keys in a temporary table. */
export async function withoutKeys(
  { connection, writer, metadata, key }: MergeInto,
  files: readonly StagedFile[],
  keys: string,
): Promise<Remaining> {
  if ((await countRows(connection, keys)) === 0) return { files, heldBack: 0 }
  const columns = currentSchema(metadata).fields.map(({ name }) => identifier(name))
  const remaining = await writer.write(
    connection,
    `SELECT ${columns.join(', ')} FROM ${stagedRows(files)} ANTI JOIN ${keys} USING (${key.map(identifier).join(', ')})`,
    metadata,
  )
  return { files: remaining, heldBack: rowsIn(files) - rowsIn(remaining) }
}

/** Keeps the rows of a SELECT; gives the name of their table. */
export async function temporaryTable(connection: Connection, select: string): Promise<string> {
  const name = `kept_${randomUUID().replaceAll('-', '')}`
  await connection.run(`CREATE TEMP TABLE ${name} AS ${select}`)
  return name
}

export async function countRows(connection: Connection, from: string): Promise<number> {
  return Number((await connection.one(`SELECT count(*) AS rows FROM ${from}`))['rows'])
}

export function rowsIn(files: readonly StagedFile[]): number {
  return files.reduce((sum, { file }) => sum + file.recordCount, 0)
}
