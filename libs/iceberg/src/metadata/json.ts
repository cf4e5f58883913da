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
    return withBigints(JSON.parse(withLongs))
  } catch (error) {
    throw invalid(what, 'is not valid JSON', error)
  }
}

function markLong(token: string): string {
  return token.startsWith('"') || Number.isSafeInteger(Number(token)) ? token : `"${mark}${token}"`
}

/** The parsed value with marked texts as bigints, in place: a reviver would be called for each of the values. */
function withBigints(value: unknown): unknown {
  if (typeof value === 'string') return value.startsWith(mark) ? BigInt(value.slice(mark.length)) : value
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) value[index] = withBigints(value[index])
    return value
  }
  const parts = value as Record<string, unknown>
  for (const key in parts) {
    const part = parts[key]
    if (typeof part === 'object') withBigints(part)
    else if (typeof part === 'string' && part.startsWith(mark)) parts[key] = withBigints(part)
  }
  return value
}

/** The JSON text of a value that may hold bigints, which become plain numbers. */
export function serializeJson(value: unknown): string {
  return JSON.stringify(withMarks(value)).replace(marked, '$1')
}

/** The value with its bigints as marked texts; an object that holds none is the value's own. */
function withMarks(value: unknown): unknown {
  if (typeof value === 'bigint') return `${mark}${value}`
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(withMarks)
  const parts = value as Readonly<Record<string, unknown>>
  let copy: Record<string, unknown> | undefined
  for (const key in parts) {
    const part = parts[key]
    if (typeof part !== 'bigint' && typeof part !== 'object') continue
    const marked = withMarks(part)
    if (marked === part) continue
    copy ??= { ...parts }
    copy[key] = marked
  }
  return copy ?? value
}

/** Same value, keys in the same order. */
export function sameJson(a: unknown, b: unknown): boolean {
  return serializeJson(a) === serializeJson(b)
}
