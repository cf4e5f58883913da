import type { CaseRecord } from './case.js'

/** Digits that a figure deserves. */
const significantDigits = 5

/** A record as JSON for a file: figures without digits that say nothing, lists of them on one line. */
export function recordText(record: CaseRecord): string {
  const rounded = (_key: string, value: unknown) =>
    typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(significantDigits)) : value
  const text = JSON.stringify(record, rounded, 2)
  return `${text.replaceAll(/\[\s+([-\d.e,\s]+?)\s+\]/g, (_match, items: string) => `[${items.split(/,\s*/).join(', ')}]`)}\n`
}
