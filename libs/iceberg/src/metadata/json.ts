import { randomBytes } from 'node:crypto'
import { invalid } from '../invalid.js'

/**
 * JSON with snapshot ids as `bigint`: they have 63 bits, and JavaScript's numbers 53.
 * Inside a JSON text a quote within a string is escaped, so these patterns only ever meet real keys.
 */
const snapshotIdNumber = /("(?:snapshot-id|parent-snapshot-id|current-snapshot-id)"\s*:\s*)(-?\d+)/g
const snapshotIdKeys = new Set(['snapshot-id', 'parent-snapshot-id', 'current-snapshot-id'])

/** Marks a bigint in the text, unguessable so that no string of a user's can be taken for one. */
const mark = `bigint-${randomBytes(12).toString('hex')}:`
const marked = new RegExp(`"${mark}(-?\\d+)"`, 'g')

/** Parses JSON; the three snapshot id keys come as `bigint`. Throws PHLO_ICEBERG_INVALID. */
export function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text.replace(snapshotIdNumber, `$1"${mark}$2"`), (key, value: unknown) => {
      if (typeof value !== 'string' || !value.startsWith(mark)) return value
      // A key may end like one of these behind an escaped quote; its number is none of ours.
      return snapshotIdKeys.has(key) ? BigInt(value.slice(mark.length)) : Number(value.slice(mark.length))
    })
  } catch (error) {
    throw invalid(what, 'is not valid JSON', error)
  }
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
  return JSON.stringify(a) === JSON.stringify(b)
}
