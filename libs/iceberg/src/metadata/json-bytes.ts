/**
 * Steps over JSON in its bytes. Each function gets the position where something begins and gives that behind it, or
 * {@link none} when it is not there; nothing is made of what is passed.
 */

const quote = 0x22
export const comma = 0x2c
const minus = 0x2d
const zero = 0x30
const nine = 0x39
export const colon = 0x3a
export const openBracket = 0x5b
export const backslash = 0x5c
export const closeBracket = 0x5d
export const openBrace = 0x7b
export const closeBrace = 0x7d

/** Instead of a position: not what was looked for. */
export const none = -1

/** So many of an id's digits are one of the two numbers that {@link scanId} makes of it. */
export const lowDigits = 9
/** The digits of 2^63 - 1. */
const highest = [9_223_372_036, 854_775_807] as const

/** An id of up to 63 bits, without a sign: the digits before the last nine, and those, go to `found`. */
export function scanId(bytes: Buffer, start: number, found: Float64Array, slot: number): number {
  const end = skipDigits(bytes, start)
  const digits = end - start
  if (digits < 1 || digits > 19 || (bytes[start] === zero && digits > 1) || isNumberPart(bytes[end])) return none
  const middle = Math.max(start, end - lowDigits)
  const high = numberOf(bytes, start, middle)
  const low = numberOf(bytes, middle, end)
  if (high > highest[0] || (high === highest[0] && low > highest[1])) return none
  found[slot] = high
  found[slot + 1] = low
  return end
}

function numberOf(bytes: Buffer, start: number, end: number): number {
  let number = 0
  for (let at = start; at < end; at++) number = number * 10 + ((bytes[at] as number) - zero)
  return number
}

/** An integer that is certainly one of 53 bits. */
export function skipInteger(bytes: Buffer, at: number): number {
  const start = bytes[at] === minus ? at + 1 : at
  const end = skipDigits(bytes, start)
  const digits = end - start
  const isPlain = digits > 0 && digits <= 15 && !(bytes[start] === zero && end > at + 1)
  return isPlain && !isNumberPart(bytes[end]) ? end : none
}

function skipDigits(bytes: Buffer, start: number): number {
  let at = start
  while (at < bytes.length && (bytes[at] as number) >= zero && (bytes[at] as number) <= nine) at++
  return at
}

/** A dot or the letter of an exponent. */
function isNumberPart(byte: number | undefined): boolean {
  return byte === 0x2e || byte === 0x45 || byte === 0x65
}

/** An object of texts. */
export function skipTexts(bytes: Buffer, start: number): number {
  if (bytes[start] !== openBrace) return none
  let at = skipSpace(bytes, start + 1)
  if (bytes[at] === closeBrace) return at + 1
  for (;;) {
    at = skipString(bytes, at)
    if (at === none) return none
    at = skipSpace(bytes, at)
    if (bytes[at] !== colon) return none
    at = skipString(bytes, skipSpace(bytes, at + 1))
    if (at === none) return none
    at = skipSpace(bytes, at)
    if (bytes[at] === closeBrace) return at + 1
    if (bytes[at] !== comma) return none
    at = skipSpace(bytes, at + 1)
  }
}

export function skipString(bytes: Buffer, start: number): number {
  if (bytes[start] !== quote) return none
  for (let at = start + 1; ; at++) {
    while (isPlain[bytes[at] as number] === 1) at++
    const byte = bytes[at]
    if (byte === quote) return at + 1
    if (byte !== backslash || !isEscape(bytes, ++at)) return none
  }
}

/** 1 for bytes of a string that stand for themselves. */
const isPlain = Uint8Array.from({ length: 256 }, (_, byte) => +(byte >= 0x20 && byte !== quote && byte !== backslash))

/** Is this what may come behind a backslash? The digits of a code are looked at as if they were the string's own. */
function isEscape(bytes: Buffer, at: number): boolean {
  const letter = String.fromCharCode(bytes[at] ?? 0)
  return letter === 'u'
    ? /^[0-9A-Fa-f]{4}$/.test(bytes.toString('latin1', at + 1, at + 5))
    : '"\\/bfnrt'.includes(letter)
}

/** The position behind any value, which is not checked: brackets are counted, strings stepped over. */
export function skipValue(bytes: Buffer, start: number): number {
  let depth = 0
  for (let at = start; at < bytes.length;) {
    const byte = bytes[at]
    if (byte === quote) {
      at = skipString(bytes, at)
      if (at === none) return none
      if (depth === 0) return at
      continue
    }
    const closes = byte === closeBrace || byte === closeBracket
    if (depth === 0 && (closes || byte === comma)) return at
    if (byte === openBrace || byte === openBracket) depth++
    else if (closes && --depth === 0) return at + 1
    at++
  }
  return none
}

export function skipSpace(bytes: Buffer, start: number): number {
  let at = start
  // Nothing but spaces is below, and most files have none.
  while ((bytes[at] as number) <= 0x20) {
    const byte = bytes[at]
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) break
    at++
  }
  return at
}

/** Is this, quotes and all, what is there? */
export function hasKey(bytes: Buffer, start: number, key: Buffer): boolean {
  for (let index = 0; index < key.length; index++) if (bytes[start + index] !== key[index]) return false
  return true
}
