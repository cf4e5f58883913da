import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { errorMessage, PhloError } from '@phlo/ports'
import type { RecordBatch } from 'apache-arrow'
import type { RowsWriter } from './rows-writer.js'

/** A part ends with so many rows, */
const rowsOfPart = 1_000_000
/** or bytes of Arrow's buffers, whichever comes first, so that memory stays bounded. */
const bytesOfPart = 64 * 1024 * 1024
/** Larger batches are cut. */
const rowsOfBatch = 122_880

/**
 * Arrow's record batches as Parquet files, their types kept. Bindings of DuckDB for Node take no Arrow, so that
 * parquet-wasm writes what DuckDB then reads (ADR 0026).
 */
export class ArrowParts implements RowsWriter<RecordBatch> {
  private readonly folder: string
  private readonly name: string
  private readonly parts: { readonly file: string; readonly rowsBefore: number }[] = []
  private waiting: RecordBatch[] = []
  private waitingRows = 0
  private waitingBytes = 0
  rows = 0

  constructor(folder: string, name: string) {
    this.folder = folder
    this.name = name
  }

  get files() {
    return { format: 'parquet', paths: this.parts.map(({ file }) => file) } as const
  }

  get rowsBefore(): ReadonlyMap<string, number> {
    return new Map(this.parts.map(({ file, rowsBefore }) => [file, rowsBefore]))
  }

  async add(batch: RecordBatch): Promise<void> {
    for (let start = 0; start < batch.numRows; start += rowsOfBatch) {
      const piece = batch.numRows <= rowsOfBatch ? batch : batch.slice(start, start + rowsOfBatch)
      const [first] = this.waiting
      if (first && first.schema.toString() !== piece.schema.toString()) await this.writePart()
      this.waiting.push(piece)
      this.waitingRows += piece.numRows
      this.waitingBytes += piece.data.byteLength
      this.rows += piece.numRows
      if (this.waitingRows >= rowsOfPart || this.waitingBytes >= bytesOfPart) await this.writePart()
    }
  }

  async end(): Promise<void> {
    await this.writePart()
  }

  private async writePart(): Promise<void> {
    const { waiting, waitingRows } = this
    if (waiting.length === 0) return
    this.waiting = []
    this.waitingRows = 0
    this.waitingBytes = 0
    const file = path.join(this.folder, `${this.name}-${this.parts.length}.parquet`)
    await writeFile(file, await parquet(waiting, this.name))
    this.parts.push({ file, rowsBefore: this.rows - waitingRows })
  }
}

async function parquet(batches: readonly RecordBatch[], name: string): Promise<Uint8Array> {
  const [{ RecordBatchStreamWriter }, { Compression, Table, writeParquet, WriterPropertiesBuilder }] =
    await Promise.all([import('apache-arrow'), import('parquet-wasm')])
  try {
    const stream = RecordBatchStreamWriter.writeAll(batches as RecordBatch[]).toUint8Array(true)
    // It is read once more and then gone: fast to write before small.
    const properties = new WriterPropertiesBuilder().setCompression(Compression.LZ4_RAW).build()
    return writeParquet(Table.fromIPCStream(stream), properties)
  } catch (error) {
    throw new PhloError(
      'PHLO_SOURCE_FAILED',
      `${name} gave Arrow columns that Parquet cannot hold: ${errorMessage(error)}`,
      {
        hint: 'Cast the column to one of Arrow’s plain types before it is given.',
        cause: error,
      },
    )
  }
}
