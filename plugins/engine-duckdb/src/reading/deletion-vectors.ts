import { type DataFile, readDeletionVector } from '@phlo/iceberg'
import { type ObjectStore, PhloError } from '@phlo/ports'
import { identifier, literal } from '../duckdb-dialect.js'
import type { Connection } from '../duckdb-host.js'

let tables = 0

/**
 * Puts the positions of deletion vectors into a temporary table of the connection, and gives a SELECT of the data files'
 * URIs (`uri`) and positions (`pos`). Throws PHLO_ICEBERG_INVALID for damaged vectors.
 */
export async function deletionVectorSelect(
  connection: Connection,
  store: ObjectStore,
  vectors: readonly DataFile[],
): Promise<string> {
  const table = `phlo_deleted_${++tables}`
  await connection.run(`CREATE TEMP TABLE ${identifier(table)} (vector INTEGER, pos BIGINT)`)
  const { DuckDBDataChunk, INTEGER, BIGINT } = await import('@duckdb/node-api')
  const appender = await connection.raw.createAppender(table)
  /** Rows of DuckDB's own chunks. */
  const size = 2048
  const numbers: number[] = []
  const positions: bigint[] = []
  const flush = () => {
    const chunk = DuckDBDataChunk.create([INTEGER, BIGINT], numbers.length)
    chunk.setColumns([numbers, positions])
    appender.appendDataChunk(chunk)
    numbers.length = 0
    positions.length = 0
  }
  try {
    for (const [index, vector] of vectors.entries()) {
      ;(await readDeletionVector(store, vector)).forEach((position) => {
        if (positions.length === size) flush()
        numbers.push(index)
        positions.push(BigInt(position))
      })
    }
    if (positions.length > 0) flush()
  } finally {
    appender.closeSync()
  }
  const uris = vectors.map(({ referencedDataFile, path }, index) => {
    if (referencedDataFile === undefined)
      throw new PhloError('PHLO_ICEBERG_INVALID', `A deletion vector in ${path} names no data file`)
    return `(${index}, ${literal(referencedDataFile)})`
  })
  return (
    `SELECT v.uri, d.pos FROM ${identifier(table)} AS d ` +
    `JOIN (VALUES ${uris.join(', ')}) AS v(vector, uri) ON v.vector = d.vector`
  )
}
