const { imul } = Math

/** Slots in use, at most, of those that are there; above it, probes get long. */
const fullest = 0.6

/**
 * A set of strings that holds 53 bits of each, with a small number beside it: 12 bytes a slot, so that the keys of ten
 * million files take some 250 MB and not the gigabytes that the strings would.
 *
 * Two strings may share their bits, once in 2^53 / n for a set of n. A string then seems to be in the set that is not,
 * never the other way round: for a collection of garbage, a file stays that could go.
 */
export class FingerprintSet {
  private slots = new Float64Array(1024)
  private values = new Uint32Array(1024)
  private used = 0

  get size(): number {
    return this.used
  }

  /** False when it was there already; the number that came first stays. */
  add(text: string, value: number): boolean {
    if (this.used >= this.slots.length * fullest) this.grow()
    return this.put(fingerprint(text), value)
  }

  /** The number beside the string, or `undefined` when it is not in the set. */
  get(text: string): number | undefined {
    const found = fingerprint(text)
    const slot = this.find(found)
    return this.slots[slot] === found ? this.values[slot] : undefined
  }

  private put(print: number, value: number): boolean {
    const slot = this.find(print)
    if (this.slots[slot] === print) return false
    this.slots[slot] = print
    this.values[slot] = value
    this.used++
    return true
  }

  /** The slot of the fingerprint, or the free one where it belongs. */
  private find(print: number): number {
    const mask = this.slots.length - 1
    let slot = print & mask
    while (this.slots[slot] !== 0 && this.slots[slot] !== print) slot = (slot + 1) & mask
    return slot
  }

  private grow(): void {
    const { slots, values } = this
    this.slots = new Float64Array(slots.length * 2)
    this.values = new Uint32Array(slots.length * 2)
    this.used = 0
    for (let slot = 0; slot < slots.length; slot++)
      if (slots[slot] !== 0) this.put(slots[slot] as number, values[slot] as number)
  }
}

/** 53 bits of a string, never 0: two multiplicative hashes of its UTF-16 units, each mixed with the other at the end. */
function fingerprint(text: string): number {
  let low = 0x9e3779b9
  let high = 0x85ebca6b
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index)
    low = imul(low ^ unit, 0xcc9e2d51)
    high = imul(high ^ unit, 0x1b873593)
    low = (low << 13) | (low >>> 19)
    high = (high << 15) | (high >>> 17)
  }
  low = mixed(low ^ text.length) ^ high
  high = mixed(high ^ low)
  return (high >>> 11) * 2 ** 32 + (mixed(low) >>> 0) || 1
}

/** Lets each bit of a number depend on all. The constants are those of MurmurHash3's end. */
function mixed(value: number): number {
  let bits = value ^ (value >>> 16)
  bits = imul(bits, 0x85ebca6b)
  bits ^= bits >>> 13
  bits = imul(bits, 0xc2b2ae35)
  return bits ^ (bits >>> 16)
}
