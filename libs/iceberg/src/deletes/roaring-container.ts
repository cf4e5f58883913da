/**
 * A set of 16-bit numbers in one of three forms, as Roaring bitmaps have them.
 * Source: the RoaringFormatSpec, "Container storage section".
 */
export type Container =
  /** Sorted; only the first `size` are in the set. */
  | { readonly kind: 'array'; values: Uint16Array; size: number }
  /** One bit for each of the 65536 numbers. */
  | { readonly kind: 'bitmap'; readonly words: Uint32Array; size: number }
  /** Pairs of a first number and how many follow it, sorted, with gaps between them. */
  | { readonly kind: 'runs'; readonly runs: Uint16Array; readonly size: number }

/** Beyond this many, a bitmap is smaller than an array. */
export const largestArray = 4096
export const bitmapBytes = 8192
const bitmapWords = 2048
const smallestArray = 8

export function singleton(value: number): Container {
  const values = new Uint16Array(smallestArray)
  values[0] = value
  return { kind: 'array', values, size: 1 }
}

/** The container with the number; the given one, changed, where that has room for it. */
export function withValue(container: Container, value: number): Container {
  if (container.kind === 'runs') return hasValue(container, value) ? container : withValue(unrolled(container), value)
  if (container.kind === 'bitmap') {
    const { words } = container
    const word = words[value >>> 5] as number
    const bit = 1 << (value & 31)
    if ((word & bit) !== 0) return container
    words[value >>> 5] = word | bit
    container.size++
    return container
  }
  const { values, size } = container
  const at = size === 0 || (values[size - 1] as number) < value ? size : lowerIndex(values, size, value)
  if (at < size && values[at] === value) return container
  if (size === largestArray) return withValue(asBitmap(container), value)
  if (size === values.length) container.values = grow(values)
  if (at < size) container.values.copyWithin(at + 1, at, size)
  container.values[at] = value
  container.size++
  return container
}

function grow(values: Uint16Array): Uint16Array {
  const grown = new Uint16Array(Math.min(values.length * 2, largestArray))
  grown.set(values)
  return grown
}

/** The first index whose value is not below the one looked for. */
function lowerIndex(values: Uint16Array, size: number, value: number): number {
  let low = 0
  let high = size
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((values[middle] as number) < value) low = middle + 1
    else high = middle
  }
  return low
}

export function hasValue(container: Container, value: number): boolean {
  switch (container.kind) {
    case 'array': {
      const at = lowerIndex(container.values, container.size, value)
      return at < container.size && container.values[at] === value
    }
    case 'bitmap':
      return ((container.words[value >>> 5] as number) & (1 << (value & 31))) !== 0
    case 'runs': {
      const { runs } = container
      let low = 0
      let high = runs.length >>> 1
      while (low < high) {
        const middle = (low + high) >>> 1
        if ((runs[2 * middle] as number) <= value) low = middle + 1
        else high = middle
      }
      return low > 0 && value - (runs[2 * low - 2] as number) <= (runs[2 * low - 1] as number)
    }
  }
}

/** The same set as an array or bitmap, which can be added to. */
function unrolled(container: Container & { kind: 'runs' }): Container {
  if (container.size > largestArray) return asBitmap(container)
  const values = new Uint16Array(Math.max(smallestArray, container.size))
  let size = 0
  forEachValue(container, 0, (value) => (values[size++] = value))
  return { kind: 'array', values, size }
}

function asBitmap(container: Container): Container & { kind: 'bitmap' } {
  const words = new Uint32Array(bitmapWords)
  forEachValue(container, 0, (value) => (words[value >>> 5] = (words[value >>> 5] as number) | (1 << (value & 31))))
  return { kind: 'bitmap', words, size: container.size }
}

/** The union of both; neither is changed. */
export function union(left: Container, right: Container): Container {
  if (left.kind === 'array' && right.kind === 'array' && left.size + right.size <= largestArray)
    return mergeArrays(left, right)
  const { words } = asBitmap(left)
  if (right.kind === 'bitmap') right.words.forEach((word, index) => (words[index] = (words[index] as number) | word))
  else forEachValue(right, 0, (value) => (words[value >>> 5] = (words[value >>> 5] as number) | (1 << (value & 31))))
  return { kind: 'bitmap', words, size: countBits(words) }
}

function mergeArrays(left: Container & { kind: 'array' }, right: Container & { kind: 'array' }): Container {
  const values = new Uint16Array(left.size + right.size)
  let size = 0
  let [l, r] = [0, 0]
  while (l < left.size || r < right.size) {
    const a = l < left.size ? (left.values[l] as number) : Infinity
    const b = r < right.size ? (right.values[r] as number) : Infinity
    values[size++] = Math.min(a, b)
    if (a <= b) l++
    if (b <= a) r++
  }
  return { kind: 'array', values, size }
}

/** A copy that shares nothing with the container. */
export function copyOf(container: Container): Container {
  switch (container.kind) {
    case 'array':
      return { ...container, values: container.values.slice() }
    case 'bitmap':
      return { ...container, words: container.words.slice() }
    case 'runs':
      // Never changed.
      return container
  }
}

/** Calls with every number, ascending, plus `base`. */
export function forEachValue(container: Container, base: number, visit: (value: number) => void): void {
  switch (container.kind) {
    case 'array':
      for (let index = 0; index < container.size; index++) visit(base + (container.values[index] as number))
      return
    case 'bitmap':
      for (let index = 0; index < bitmapWords; index++)
        for (let word = container.words[index] as number; word !== 0; word &= word - 1)
          visit(base + index * 32 + lowestBit(word))
      return
    case 'runs':
      for (let index = 0; index < container.runs.length; index += 2) {
        const first = base + (container.runs[index] as number)
        const last = first + (container.runs[index + 1] as number)
        for (let value = first; value <= last; value++) visit(value)
      }
  }
}

function lowestBit(word: number): number {
  return 31 - Math.clz32(word & -word)
}

/** How many of the bits are set. */
export function countBits(words: Uint32Array): number {
  let count = 0
  for (let index = 0; index < words.length; index++) count += countWord(words[index] as number)
  return count
}

function countWord(word: number): number {
  let bits = word - ((word >>> 1) & 0x55555555)
  bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333)
  return (((bits + (bits >>> 4)) & 0x0f0f0f0f) * 0x01010101) >>> 24
}

/** Into how many runs of consecutive numbers the set falls. */
function countRuns(container: Container): number {
  switch (container.kind) {
    case 'runs':
      return container.runs.length >>> 1
    case 'array': {
      let count = 0
      let next = -1
      for (let index = 0; index < container.size; index++) {
        const value = container.values[index] as number
        if (value !== next) count++
        next = value + 1
      }
      return count
    }
    case 'bitmap': {
      let count = 0
      let carry = 0
      for (let index = 0; index < bitmapWords; index++) {
        const word = container.words[index] as number
        count += countWord(word & ~((word << 1) | carry))
        carry = word >>> 31
      }
      return count
    }
  }
}

/** The same set in the form that takes the fewest bytes. */
export function smallest(container: Container): Container {
  const runs = countRuns(container)
  const plain = container.size <= largestArray ? container.size * 2 : bitmapBytes
  if (2 + 4 * runs <= plain) return container.kind === 'runs' ? container : rolled(container, runs)
  if (container.size > largestArray) return container.kind === 'bitmap' ? container : asBitmap(container)
  if (container.kind === 'array') return container
  const values = new Uint16Array(container.size)
  let size = 0
  forEachValue(container, 0, (value) => (values[size++] = value))
  return { kind: 'array', values, size }
}

function rolled(container: Container, count: number): Container {
  const runs = new Uint16Array(count * 2)
  let at = -2
  let next = -1
  forEachValue(container, 0, (value) => {
    if (value !== next) runs[(at += 2)] = value
    else runs[at + 1] = (runs[at + 1] as number) + 1
    next = value + 1
  })
  return { kind: 'runs', runs, size: container.size }
}
