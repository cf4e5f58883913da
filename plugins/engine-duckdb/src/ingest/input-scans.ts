import path from 'node:path'
import {
  errorMessage,
  type FileInput,
  type IngestRequest,
  isPhloError,
  restated,
  type RowSchema,
  type RowsInput,
  type SourceInput,
} from '@phlo/ports'
import { identifier } from '../duckdb-dialect.js'
import type { Connection } from '../duckdb-host.js'
import { fileColumn, needsFile } from './bronze-columns.js'
import { deletionsOf } from './change-events.js'
import { type CopiedFiles, needsCopies, plainCopies, withUnifiedLines } from './copied-source-files.js'
import { csvScan } from './csv-scan.js'
import { jsonScan } from './json-scan.js'
import { parquetScan } from './parquet-scan.js'
import type { RejectedRows } from './rejected-rows.js'
import type { Deletions } from './row-plan.js'
import { writeRows } from './rows-file.js'
import type { WrittenRows } from './rows-writer.js'
import type { Scan } from './scan.js'
import { asSourceError, checkFiles } from './source-files.js'

/** The inputs of one ingestion as scans. What cannot be read as it is gets a copy in the ingestion's folder. */
export class InputScans {
  private readonly request: IngestRequest
  private readonly connection: Connection
  private readonly folder: string
  private readonly rejected: RejectedRows
  /** Rows can be taken from their source but once. */
  private readonly rowFiles = new Map<RowsInput, WrittenRows>()
  /** Decoded and decompressed once. */
  private readonly plainFiles = new Map<FileInput, CopiedFiles>()
  /** Columns that scans have behind those of the schema. */
  readonly carried: readonly string[]
  /** What files that stand in for others were made of, by their paths. */
  readonly originals = new Map<string, string>()

  constructor(request: IngestRequest, connection: Connection, folder: string, rejected: RejectedRows) {
    this.request = request
    this.connection = connection
    this.folder = folder
    this.rejected = rejected
    this.carried = needsFile(request) ? [fileColumn] : []
  }

  /**
   * Opens an input, and opens it another way when the first one turns out not to suit it: `take` may be called twice.
   * Rejected rows that `take` collects are told with their places in what was given.
   */
  async read<T>(input: SourceInput, take: (scan: Scan) => Promise<T>): Promise<T> {
    if (input.type === 'rows') {
      const { files, rowsBefore } = await this.rowsAsFiles(input)
      for (const copy of rowsBefore.keys()) this.originals.set(copy, input.name)
      const result = await this.readingFiles({ type: 'files', ...files }, take)
      await this.rejected.restorePlaces(
        [...rowsBefore].map(([copy, before]) => ({ copy, original: input.name, before })),
      )
      if (input.origins) await this.rejected.restoreOrigins(input.name, input.origins, this.folder)
      return result
    }
    await checkFiles(input.paths)
    if (!needsCopies(input)) return this.readingFiles(input, take)
    const copied =
      this.plainFiles.get(input) ?? (await plainCopies(input, path.join(this.folder, `plain-${this.plainFiles.size}`)))
    this.plainFiles.set(input, copied)
    return this.readingCopies(copied, take)
  }

  /** Rejected rows and errors name the files that were given, not their copies. */
  private async readingCopies<T>({ input, originals }: CopiedFiles, take: (scan: Scan) => Promise<T>): Promise<T> {
    for (const [copy, original] of originals) this.originals.set(copy, this.originals.get(original) ?? original)
    try {
      const result = await this.readingFiles(input, take)
      await this.rejected.restorePlaces([...originals].map(([copy, original]) => ({ copy, original, before: 0 })))
      return result
    } catch (error) {
      const file = isPhloError(error) ? error.location?.file : undefined
      const original = file === undefined ? undefined : originals.get(file)
      if (!isPhloError(error) || original === undefined) throw error
      throw restated(error, { location: { ...error.location, file: original } })
    }
  }

  private async readingFiles<T>(files: FileInput, take: (scan: Scan) => Promise<T>): Promise<T> {
    const attempt = async (source: FileInput, byPosition: boolean): Promise<T> => {
      try {
        return await take(await this.open(source, byPosition))
      } catch (error) {
        throw error instanceof OtherShapes ? error : await asSourceError(error, source)
      }
    }
    try {
      return await attempt(files, true)
    } catch (error) {
      if (error instanceof OtherShapes || /Map keys must be unique|duplicate key/.test(errorMessage(error)))
        return attempt(files, false)
      const mixedLines =
        files.format === 'csv' && isPhloError(error, 'PHLO_SOURCE_MALFORMED') && /state machine/.test(error.message)
      if (!mixedLines) throw error
      return this.readingCopies(await withUnifiedLines(files, path.join(this.folder, 'lines')), take)
    }
  }

  private async rowsAsFiles(input: RowsInput): Promise<WrittenRows> {
    const known = this.rowFiles.get(input)
    if (known) return known
    const written = await writeRows(input, path.join(this.folder, `rows-${this.rowFiles.size}`), this.request.signal)
    this.rowFiles.set(input, written)
    return written
  }

  private async open(input: FileInput, byPosition: boolean): Promise<Scan> {
    const { strategy, unexpectedColumns: unexpected } = this.request
    const schema =
      strategy.kind === 'cdc' ? onlyNeeded(this.request.schema, deletionsOf(strategy)) : this.request.schema
    const withFile = this.carried.length > 0
    if (input.paths.length === 0) return emptyScan(this.request, this.carried)
    switch (input.format) {
      case 'parquet':
        return parquetScan(this.connection, input, schema, unexpected, withFile)
      case 'csv':
        return csvScan(input, schema, unexpected, withFile)
      case 'ndjson':
      case 'json':
        return jsonScan(this.connection, { ...input, format: input.format }, schema, {
          unexpected,
          byPosition,
          withFile,
        })
    }
  }
}

/** Raised when rows that were read by position turn out to have different keys. */
export class OtherShapes extends Error {
  override readonly name = 'OtherShapes'
}

/** Whether rows of the scan have another shape than it reads. */
export async function hasOtherShapes(connection: Connection, scan: Scan): Promise<boolean> {
  const { others } = await connection.one(
    `SELECT count(*) AS others FROM (SELECT ${identifier(scan.guard as string)} AS shape FROM (${scan.select})) WHERE shape IS NOT TRUE`,
  )
  return Number(others) > 0
}

/** What a source of changes must have at least: a deletion says no more. */
function onlyNeeded(schema: RowSchema, { needed }: Deletions): RowSchema {
  return {
    ...schema,
    columns: schema.columns.map((column) =>
      needed.has(column.name) ? column : { ...column, required: false, optional: true },
    ),
  }
}

/** A source without files: rows that nobody gave. */
function emptyScan(request: IngestRequest, carried: readonly string[]): Scan {
  const names = [...request.schema.columns.map(({ name }) => name), ...carried]
  const columns = names.map((name) => `CAST(NULL AS VARCHAR) AS ${identifier(name)}`)
  return {
    name: 'the source',
    select: `SELECT ${columns.join(', ')} WHERE FALSE`,
    types: new Map(request.schema.columns.map(({ name }) => [name, 'text'])),
    rows: 0,
    files: [],
  }
}
