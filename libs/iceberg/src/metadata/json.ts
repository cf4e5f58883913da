import { randomBytes } from 'node:crypto'
import { invalid } from '../invalid.js'

/**
 * JSON with snapshot ids as `bigint`: they have 63 bits, and JavaScript's numbers 53. Other integers beyond 53 bits come
 * as `bigint`, too, so that a column's default or a field that nobody here knows is written as it was read.
 */

/** A quote within a string has a backslash before it, so these only ever meet real keys. */
const idNumber = /(?<!\\)("(?:snapshot-id|parent-snapshot-id|current-snapshot-id)"\s*:\s*)(-?\d{1,19})(?!\d)/g
const idList = /(?<!\\)("snapshot-ids"\s*:\s*\[)([-\d\s,]*)(?=\])/g

/** May there be an integer beyond 53 bits? It may lie within a string, which only a closer look can tell. */
const longInteger = /[:[,]\s*-?\d{16,}\s*[,\]}]/
/** Strings, to step over them, and integers that may be beyond 53 bits. */
const stringOrLong = /"[^"\\]*(?:\\[^][^"\\]*)*"?|(?<![\d.eE+-])-?\d{16,40}(?![\d.eE])/g

/** Marks a bigint in the text, unguessable so that no string of a user's can be taken for one. */
const mark = `bigint-${randomBytes(12).toString('hex')}:`
const marked = new RegExp(`"${mark}(-?\\d+)"`, 'g')

/** Parses JSON; see above for what comes as `bigint`. Throws PHLO_ICEBERG_INVALID. */
export function parseJson(text: string, what: string): unknown {
  try {
    const withIds = text
      .replace(idNumber, `$1"${mark}$2"`)
      .replace(idList, (_all, key: string, ids: string) => key + ids.replace(/-?\d{1,19}(?!\d)/g, `"${mark}$&"`))
    const withLongs = longInteger.test(withIds) ? withIds.replace(stringOrLong, markLong) : withIds
    return JSON.parse(withLongs, (_key, value: unknown) =>
      typeof value === 'string' && value.startsWith(mark) ? BigInt(value.slice(mark.length)) : value,
    )
  } catch (error) {
    throw invalid(what, 'is not valid JSON', error)
  }
}

function markLong(token: string): string {
  return token.startsWith('"') || Number.isSafeInteger(Number(token)) ? token : `"${mark}${token}"`
}

/** The JSON text of a value that may hold bigints, which become plain numbers. */
export function serializeJson(value: unknown, indent?: number): string {
  return JSON.stringify(
    value,
    (_key, item: unknown) => (typeof item === 'bigint' ? `${mark}${item}` : item),
    indent,
  ).replace(marked, '$1')
}

/** Same value, keys in the same order. */
export function sameJson(a: unknown, b: unknown): boolean {
  return serializeJson(a) === serializeJson(b)
}
