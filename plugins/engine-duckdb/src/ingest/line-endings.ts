import { createReadStream, createWriteStream } from 'node:fs'
import { Transform, type TransformCallback } from 'node:stream'
import { pipeline } from 'node:stream/promises'

const lineFeed = 0x0a
const carriageReturn = 0x0d

/**
 * Writes a copy of a CSV file in which every record ends with a line feed. DuckDB's reader, strict as it must be to find
 * malformed rows, refuses files that mix line endings, which honest exports do. Line breaks within quotes stay.
 */
export async function unifyLineEndings(from: string, to: string, quote = '"'): Promise<void> {
  await pipeline(createReadStream(from), new LineFeeds(quote), createWriteStream(to))
}

class LineFeeds extends Transform {
  private readonly quote: number
  private quoted = false
  private afterReturn = false

  constructor(quote: string) {
    super()
    this.quote = quote.charCodeAt(0)
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    const out = Buffer.allocUnsafe(chunk.length)
    let size = 0
    for (const byte of chunk) {
      const followsReturn = this.afterReturn
      this.afterReturn = false
      if (byte === this.quote) this.quoted = !this.quoted
      if (!this.quoted && byte === carriageReturn) {
        this.afterReturn = true
        out[size++] = lineFeed
      } else if (!(followsReturn && byte === lineFeed)) out[size++] = byte
    }
    done(null, out.subarray(0, size))
  }
}
