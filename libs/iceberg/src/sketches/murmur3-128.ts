/**
 * MurmurHash3, x64, 128 bits, of which the first 64 are given, as two unsigned halves. JavaScript's bigints would take
 * twenty times as long. Source: Austin Appleby's reference implementation.
 */
export interface Hash64 {
  readonly high: number
  readonly low: number
}

/** A 64-bit number that is worked on in place. */
class Word {
  high = 0
  low = 0

  set(high: number, low: number): this {
    this.high = high
    this.low = low
    return this
  }

  xor(other: Word): this {
    return this.set(this.high ^ other.high, this.low ^ other.low)
  }

  add(high: number, low: number): this {
    const sum = (this.low >>> 0) + (low >>> 0)
    return this.set((this.high + high + (sum > 0xffffffff ? 1 : 0)) | 0, sum | 0)
  }

  multiply(high: number, low: number): this {
    const a0 = this.low & 0xffff
    const a1 = this.low >>> 16
    const b0 = low & 0xffff
    const b1 = low >>> 16
    const middle = a1 * b0 + ((a0 * b0) >>> 16)
    const carried = a0 * b1 + (middle & 0xffff)
    const top = a1 * b1 + Math.floor(middle / 0x10000) + Math.floor(carried / 0x10000)
    return this.set((top + Math.imul(this.high, low) + Math.imul(this.low, high)) | 0, Math.imul(this.low, low))
  }

  rotate(bits: number): this {
    const { high, low } = this
    if (bits < 32) return this.set((high << bits) | (low >>> (32 - bits)), (low << bits) | (high >>> (32 - bits)))
    const rest = bits - 32
    if (rest === 0) return this.set(low, high)
    return this.set((low << rest) | (high >>> (32 - rest)), (high << rest) | (low >>> (32 - rest)))
  }

  /** Mixes the bits so that each depends on all. */
  finish(): this {
    this.low ^= this.high >>> 1
    this.multiply(0xff51afd7, 0xed558ccd)
    this.low ^= this.high >>> 1
    this.multiply(0xc4ceb9fe, 0x1a85ec53)
    this.low ^= this.high >>> 1
    return this
  }
}

const first = new Word()
const second = new Word()
const one = new Word()
const two = new Word()

const mixOne = (word: Word) => word.multiply(0x87c37b91, 0x114253d5).rotate(31).multiply(0x4cf5ad43, 0x2745937f)
const mixTwo = (word: Word) => word.multiply(0x4cf5ad43, 0x2745937f).rotate(33).multiply(0x87c37b91, 0x114253d5)

/** The first 64 bits of the hash of the bytes. `seed` is of 32 bits. */
export function murmur3Of128(bytes: Uint8Array, seed: number): Hash64 {
  const { length } = bytes
  first.set(0, seed)
  second.set(0, seed)
  const whole = length - (length % 16)
  for (let at = 0; at < whole; at += 16) {
    first.xor(mixOne(one.set(word(bytes, at + 4), word(bytes, at))))
    first.rotate(27).add(second.high, second.low).multiply(0, 5).add(0, 0x52dce729)
    second.xor(mixTwo(two.set(word(bytes, at + 12), word(bytes, at + 8))))
    second.rotate(31).add(first.high, first.low).multiply(0, 5).add(0, 0x38495ab5)
  }
  const rest = length - whole
  if (rest > 8) second.xor(mixTwo(two.set(word(bytes, whole + 12), word(bytes, whole + 8))))
  if (rest > 0) first.xor(mixOne(one.set(word(bytes, whole + 4), word(bytes, whole))))
  first.low ^= length
  second.low ^= length
  first.add(second.high, second.low)
  second.add(first.high, first.low)
  first.finish()
  second.finish()
  first.add(second.high, second.low)
  return { high: first.high >>> 0, low: first.low >>> 0 }
}

/** Four bytes, little endian; zero beyond the end. */
function word(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24)
}
