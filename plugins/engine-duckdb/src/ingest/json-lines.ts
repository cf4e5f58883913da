import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createWriteStream, type WriteStream } from 'node:fs'
import path from 'node:path'
import { finished } from 'node:stream/promises'
import type { SourceRow } from '@phlo/ports'
import type { RowsWriter } from './rows-writer.js'

/** Text is handed to the file in pieces of about this size. */
const pieceSize = 256 * 1024

/** Rows as a file of JSON lines. Dates become ISO text and bigints plain numbers. */
export class JsonLines implements RowsWriter<SourceRow> {
  private readonly file: string
  private readonly stream: WriteStream
  private piece = ''
  rows = 0

  constructor(folder: string, name: string) {
    this.file = path.join(folder, `${name}.ndjson`)
    this.stream = createWriteStream(this.file)
  }

  get files() {
    return { format: 'ndjson', paths: [this.file] } as const
  }

  get rowsBefore(): ReadonlyMap<string, number> {
    return new Map([[this.file, 0]])
  }

  async add(row: SourceRow): Promise<void> {
    this.piece += `${serialize(row)}\n`
    this.rows++
    if (this.piece.length < pieceSize) return
    if (!this.stream.write(this.piece)) await once(this.stream, 'drain')
    this.piece = ''
  }

  async end(): Promise<void> {
    this.stream.end(this.piece)
    await finished(this.stream)
  }
}

/** Unguessable, so that no text of a user's can be taken for a number. */
const bigintMark = `bigint-${randomBytes(12).toString('hex')}:`
const markedBigint = new RegExp(`"${bigintMark}(-?\\d+)"`, 'g')

function serialize(row: object): string {
  let hasBigint = false
  const text = JSON.stringify(row, (_key, value: unknown) => {
    if (typeof value !== 'bigint') return value
    hasBigint = true
    return `${bigintMark}${value}`
  })
  // Numbers in JSON have any length; only JavaScript's do not.
  return hasBigint ? text.replace(markedBigint, '$1') : text
}
