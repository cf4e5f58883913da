import { createReadStream, createWriteStream } from 'node:fs'
import path from 'node:path'
import { Transform, type TransformCallback } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { TextDecoder } from 'node:util'
import { createBrotliDecompress, createGunzip } from 'node:zlib'
import { errorMessage, hasSystemCode, PhloError } from '@phlo/ports'
import { Decompress } from 'fzstd'

/** False for a compressed file. DuckDB would read `.gz` itself, but takes one that is cut off for a shorter one. */
export function isPlain(file: string): boolean {
  return !/\.(gz|zst|br)$/i.test(file)
}

/**
 * Writes a copy that is not compressed and, where `encoding` is given, in UTF-8.
 *
 * @param encoding - a label of the Encoding Standard; bytes that it has no character for are PHLO_SOURCE_MALFORMED.
 */
export async function copyPlain(from: string, to: string, encoding: string | undefined): Promise<void> {
  const steps = [...decompression(from), ...(encoding === undefined ? [] : [new Decoding(encoding)])]
  try {
    await pipeline([createReadStream(from), ...steps, createWriteStream(to)])
  } catch (error) {
    const problem = hasSystemCode(error, 'ERR_ENCODING_INVALID_ENCODED_DATA')
      ? `is not text in ${encoding}`
      : `cannot be read: ${errorMessage(error)}`
    throw new PhloError('PHLO_SOURCE_MALFORMED', `${path.basename(from)} ${problem}`, {
      hint: 'The file is damaged or of another kind than its name or the encoding says; nothing of it was taken in.',
      location: { file: from },
      cause: error,
    })
  }
}

function decompression(file: string): Transform[] {
  if (/\.gz$/i.test(file)) return [createGunzip()]
  if (/\.br$/i.test(file)) return [createBrotliDecompress()]
  return /\.zst$/i.test(file) ? [new ZstdDecompress()] : []
}

/** Node itself reads zstd from 22.15 on only. */
class ZstdDecompress extends Transform {
  private ended = false
  private readonly stream = new Decompress((chunk, final) => {
    this.ended = final ?? false
    if (chunk.length > 0) this.push(Buffer.from(chunk))
  })

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    attempt(done, () => this.stream.push(new Uint8Array(chunk)))
  }

  override _flush(done: TransformCallback): void {
    attempt(done, () => {
      this.stream.push(new Uint8Array(0), true)
      if (!this.ended) throw new Error('unexpected end of file')
    })
  }
}

class Decoding extends Transform {
  private readonly decoder: TextDecoder

  constructor(encoding: string) {
    super()
    this.decoder = new TextDecoder(encoding, { fatal: true })
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    attempt(done, () => this.push(this.decoder.decode(chunk, { stream: true })))
  }

  override _flush(done: TransformCallback): void {
    attempt(done, () => this.push(this.decoder.decode()))
  }
}

function attempt(done: TransformCallback, work: () => unknown): void {
  try {
    work()
    done()
  } catch (error) {
    done(error as Error)
  }
}
