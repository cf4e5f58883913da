import { createHash } from 'node:crypto'
import { constants, copyFile } from 'node:fs/promises'
import path from 'node:path'
import type { Connection } from '../duckdb-host.js'
import { declareClockTimes } from '../parquet/logical-types.js'
import { type FileLayout, momentInNanoseconds, type StoredField } from './stored-fields.js'

/** Copies that a connection has, by the file that they are of. */
const copies = new WeakMap<Connection, Map<string, Promise<string>>>()

/**
 * Local files from which DuckDB reads the columns of these ids whole. It cuts moments in nanoseconds to microseconds, and
 * nothing but the footer tells it to: files with such columns are copied for as long as the connection is open (by
 * reference, where the file system can), and the copies call them readings of clocks in UTC.
 */
export async function nanosecondCopies(
  connection: Connection,
  files: readonly string[],
  layouts: readonly FileLayout[],
  ids: ReadonlySet<number>,
): Promise<string[]> {
  const isCut = ({ id, type, children }: StoredField): boolean =>
    (type === momentInNanoseconds && id !== undefined && ids.has(id)) || children.some(isCut)
  const made = copies.get(connection) ?? new Map<string, Promise<string>>()
  copies.set(connection, made)
  return Promise.all(
    files.map(async (file, index) => {
      if (layouts[index]?.fields.some(isCut) !== true) return file
      const copy = made.get(file) ?? copyOf(connection, file)
      made.set(file, copy)
      return copy
    }),
  )
}

async function copyOf(connection: Connection, file: string): Promise<string> {
  const name = `${createHash('sha256').update(file).digest('hex').slice(0, 32)}.parquet`
  const copy = path.join(await connection.ownFolder(), name)
  await copyFile(file, copy, constants.COPYFILE_FICLONE)
  await declareClockTimes(copy)
  return copy
}
