import { open } from 'node:fs/promises'
import path from 'node:path'
import { Readable } from 'node:stream'
import { TextDecoder } from 'node:util'
import { createBrotliDecompress, createGunzip } from 'node:zlib'
import { PhloError } from '@phlo/ports'
import { analyse } from 'chardet'

/** Bytes at a file's beginning that are looked at. */
const sampleSize = 64 * 1024

/**
 * The encoding that a text file shows by its first bytes: UTF-16 by its byte order mark or its NULs, `undefined` for
 * UTF-8. Others cannot be told for certain, so that a file which is not UTF-8 is PHLO_SOURCE_MALFORMED, with the likeliest
 * named.
 */
export async function detectEncoding(file: string): Promise<string | undefined> {
  const sample = await firstBytes(file)
  if (!sample || sample.length === 0) return undefined
  if (sample[0] === 0xff && sample[1] === 0xfe) return 'utf-16le'
  if (sample[0] === 0xfe && sample[1] === 0xff) return 'utf-16be'
  const utf16 = byNuls(sample)
  if (utf16) return utf16
  try {
    // The last character may be cut.
    new TextDecoder('utf-8', { fatal: true }).decode(sample, { stream: true })
    return undefined
  } catch {
    const likely = likeliest(sample)
    throw new PhloError('PHLO_SOURCE_MALFORMED', `${path.basename(file)} is not text in UTF-8`, {
      hint:
        likely === undefined
          ? 'Say what it is: files({ path, encoding: … }), or files({ path, format: … }) if it is no text.'
          : `It reads like ${likely}: files({ path, encoding: '${likely}' })`,
      location: { file },
    })
  }
}

/** Latin text in UTF-16 has a NUL in every second byte, where no other text has any. */
function byNuls(sample: Uint8Array): string | undefined {
  const pairs = Math.floor(sample.length / 2)
  let [even, odd] = [0, 0]
  for (let index = 0; index < pairs * 2; index += 2) {
    if (sample[index] === 0) even++
    if (sample[index + 1] === 0) odd++
  }
  if (odd > pairs * 0.4 && even === 0) return 'utf-16le'
  if (even > pairs * 0.4 && odd === 0) return 'utf-16be'
  return undefined
}

function likeliest(sample: Uint8Array): string | undefined {
  const known = analyse(sample)
    .filter(({ name }) => name !== 'UTF-8')
    .map(({ name }) => name.toLowerCase())
  return known.find((name) => {
    try {
      new TextDecoder(name, { fatal: true }).decode(sample, { stream: true })
      return true
    } catch {
      return false
    }
  })
}

/** `undefined` where they cannot be had; the engine that reads the file will say why. */
async function firstBytes(file: string): Promise<Uint8Array | undefined> {
  if (/\.zst$/i.test(file)) return undefined
  const handle = await open(file, 'r').catch(() => undefined)
  if (!handle) return undefined
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(sampleSize), 0, sampleSize, 0)
    const bytes = buffer.subarray(0, bytesRead)
    if (/\.gz$/i.test(file)) return await beginning(bytes, createGunzip())
    if (/\.br$/i.test(file)) return await beginning(bytes, createBrotliDecompress())
    return bytes
  } finally {
    await handle.close()
  }
}

/** What the cut-off beginning of an archive holds. */
async function beginning(bytes: Buffer, decompress: NodeJS.ReadWriteStream): Promise<Uint8Array> {
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of Readable.from([bytes]).pipe(decompress)) {
      chunks.push(chunk as Buffer)
      size += (chunk as Buffer).length
      if (size >= sampleSize) break
    }
  } catch {
    // The end is missing, and what is damaged is told when it is read.
  }
  return Buffer.concat(chunks).subarray(0, sampleSize)
}
