import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import path from 'node:path'
import { crc32 } from 'node:zlib'

/** What a copy's name says of it, so that name and copy appear at once. */
export interface CacheEntry {
  /** Of the object's store and key. */
  readonly id: string
  /** Bytes. */
  readonly size: number
  readonly crc: number
  /** The object's. */
  readonly version: string
  /** The key's own, which programs may go by: `.parquet`. */
  readonly extension: string
}

export function entryId(store: string, key: string): string {
  return createHash('sha256').update(`${store}\0${key}`).digest('hex').slice(0, 40)
}

export function extensionOf(key: string): string {
  const extension = path.posix.extname(key)
  return /^\.[A-Za-z0-9]{1,12}$/.test(extension) ? extension : ''
}

export function entryName({ id, size, crc, version, extension }: CacheEntry): string {
  return `${id}.${size}.${crc.toString(16)}.${Buffer.from(version).toString('hex')}${extension}`
}

/** The entry of a file's name; `undefined` for what is none. */
export function entryOf(name: string): CacheEntry | undefined {
  const match = /^([0-9a-f]{40})\.(\d+)\.([0-9a-f]{1,8})\.((?:[0-9a-f]{2})+)(\.[A-Za-z0-9]{1,12})?$/.exec(name)
  if (!match) return undefined
  const [, id = '', size = '', crc = '', version = '', extension = ''] = match
  return {
    id,
    size: Number(size),
    crc: Number.parseInt(crc, 16),
    version: Buffer.from(version, 'hex').toString(),
    extension,
  }
}

/** Size and CRC-32 of what is read from a file. */
export async function checksumOf(file: string): Promise<{ size: number; crc: number }> {
  let [size, crc] = [0, 0]
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) {
    const bytes = chunk as Buffer
    size += bytes.length
    crc = crc32(bytes, crc)
  }
  return { size, crc }
}
