import { constants, crc32, deflateRawSync, inflateRawSync } from 'node:zlib'
import { invalid } from '../invalid.js'

/**
 * Deflated data that refers to nothing before it and ends on a byte, so that it can be inflated by itself, and copied into
 * another gzip file between other parts. RFC 1951, RFC 1952.
 */
export interface DeflatedPart {
  /** Without a last block. */
  readonly bytes: Buffer
  /** Bytes when inflated. */
  readonly length: number
  /** CRC-32 of what is inflated. */
  readonly crc: number
}

/** Of deflated data: no byte of it can stand for more. */
export const highestRatio = 1032

/** Deflated data ends with a block of fixed codes that holds nothing. */
export const emptyLastBlock = Buffer.from([3, 0])

/** `level` as zlib's: what stays is worth more time than what the next file has anew. */
export function deflatedPart(text: Buffer, level: number = constants.Z_DEFAULT_COMPRESSION): DeflatedPart {
  const bytes = deflateRawSync(text, { finishFlush: constants.Z_FULL_FLUSH, level })
  return { bytes, length: text.length, crc: crc32(text) }
}

/** What parts that lie one behind the other in `bytes` were made of. Throws PHLO_ICEBERG_INVALID when it is not that. */
export function inflatedParts(
  bytes: Buffer,
  parts: readonly Pick<DeflatedPart, 'length' | 'crc'>[],
  what: string,
): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  let text: Buffer
  try {
    const chunkSize = Math.max(constants.Z_MIN_CHUNK, Math.min(length, highestRatio * bytes.length) + 1)
    text = inflateRawSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: length, chunkSize })
  } catch (error) {
    throw invalid(what, 'cannot be decompressed', error)
  }
  let at = 0
  const isPart = ({ length, crc }: Pick<DeflatedPart, 'length' | 'crc'>) =>
    crc32(text.subarray(at, (at += length))) === crc
  if (text.length !== length || !parts.every(isPart)) throw invalid(what, 'does not have its checksums')
  return text
}

/** CRC-32 of parts one after the other. */
export function combinedCrc(parts: readonly Pick<DeflatedPart, 'length' | 'crc'>[]): number {
  let crc = 0
  for (const part of parts) {
    let shift = shifts.get(part)
    if (shift === undefined) shifts.set(part, (shift = powerOfX(8 * part.length)))
    crc = (product(shift, crc) ^ part.crc) >>> 0
  }
  return crc
}

/** What a part's length multiplies the checksum before it with: parts are written into one file after the other. */
const shifts = new WeakMap<object, number>()

/** Polynomials over two elements are 32 bits, x^0 the highest of them; this one is CRC-32's without its x^32. */
const polynomial = 0xedb88320
const one = 0x80000000

/** x to the powers 1, 2, 4, 8, …, by the polynomial. */
const squares: number[] = [one >>> 1]
while (squares.length < 53) squares.push(product(squares.at(-1) as number, squares.at(-1) as number))

function powerOfX(exponent: number): number {
  let power = one
  for (let rest = exponent, index = 0; rest > 0; rest = Math.floor(rest / 2), index++)
    if (rest % 2 === 1) power = product(squares[index] as number, power)
  return power
}

function product(a: number, b: number): number {
  let sum = 0
  for (let bit = one, times = b; bit !== 0; bit >>>= 1) {
    if (a & bit) sum ^= times
    times = times & 1 ? (times >>> 1) ^ polynomial : times >>> 1
  }
  return sum >>> 0
}
