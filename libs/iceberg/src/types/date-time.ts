import type { TimestampKind } from './primitive.js'

/** Dates and times in text, in the whole range that 32-bit days and 64-bit timestamps have. */

const millisPerDay = 86_400_000
export const secondsPerDay = 86_400n

/** Units of a timestamp in a second: it counts micro- or nanoseconds. */
export function unitsPerSecond(kind: TimestampKind): bigint {
  return kind.endsWith('_ns') ? 1_000_000_000n : 1_000_000n
}

export function parseDate(text: string): number | undefined {
  const match = /^([-+]?\d{4,7})-(\d{2})-(\d{2})$/.exec(text)
  return match ? daysOf(Number(match[1]), Number(match[2]), Number(match[3])) : undefined
}

function daysOf(year: number, month: number, day: number): number | undefined {
  const era = Math.floor((year - 1970) / 400)
  const within = year - era * 400
  const date = new Date(0)
  date.setUTCFullYear(within, month - 1, day)
  if (date.getUTCFullYear() !== within || date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day)
    return undefined
  const days = date.getTime() / millisPerDay + era * daysPerEra
  return days === (days | 0) ? days : undefined
}

/** The time of day in units of 10^-digits seconds; digits beyond are cut off. */
export function parseTime(text: string, digits: 6 | 9): bigint | undefined {
  const match = /^(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,40}))?)?$/.exec(text)
  if (!match) return undefined
  const [hours, minutes, seconds] = [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)]
  if (hours > 23 || minutes > 59 || seconds > 59) return undefined
  const fraction = (match[4] ?? '').slice(0, digits).padEnd(digits, '0')
  return BigInt(hours * 3600 + minutes * 60 + seconds) * 10n ** BigInt(digits) + BigInt(fraction)
}

export function parseTimestamp(text: string, kind: TimestampKind): bigint | undefined {
  const match =
    /^([-+]?\d{4,7}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)?)?\s*(Z|[-+]\d{2}(?::?\d{2})?)?$/i.exec(
      text,
    )
  const zoned = kind.startsWith('timestamptz')
  if (!match || (match[3] && !zoned)) return undefined
  const days = parseDate(match[1] as string)
  const time = match[2] === undefined ? 0n : parseTime(match[2], kind.endsWith('_ns') ? 9 : 6)
  if (days === undefined || time === undefined) return undefined
  const offset = /^([-+])(\d{2}):?(\d{2})?$/.exec(match[3] ?? '')
  const offsetSeconds = offset
    ? (offset[1] === '-' ? -1 : 1) * (Number(offset[2]) * 3600 + Number(offset[3] ?? 0) * 60)
    : 0
  const units = unitsPerSecond(kind)
  const value = (BigInt(days) * secondsPerDay - BigInt(offsetSeconds)) * units + time
  return BigInt.asIntN(64, value) === value ? value : undefined
}

export function formatDays(days: number): string {
  const { year, month, day } = dateOfDays(days)
  const digits = String(Math.abs(year))
  const years =
    year >= 0 && year <= 9999 ? digits.padStart(4, '0') : `${year < 0 ? '-' : '+'}${digits.padStart(6, '0')}`
  return `${years}-${String(month).padStart(2, '0')}-${String(day).padStart(2, '0')}`
}

/** Days in 400 years, after which the Gregorian calendar repeats. */
const daysPerEra = 146_097

/** The date that many days after 1970-01-01, also beyond the years that JavaScript's Date knows. */
export function dateOfDays(days: number): { readonly year: number; readonly month: number; readonly day: number } {
  const era = Math.floor(days / daysPerEra)
  const date = new Date((days - era * daysPerEra) * millisPerDay)
  return { year: date.getUTCFullYear() + era * 400, month: date.getUTCMonth() + 1, day: date.getUTCDate() }
}

export function formatTime(time: bigint, digits: 6 | 9): string {
  const units = 10n ** BigInt(digits)
  const seconds = Number(time / units)
  const pad = (number: number) => String(number).padStart(2, '0')
  const fraction = (time % units).toString().padStart(digits, '0').replace(/0+$/, '')
  const text = `${pad(Math.floor(seconds / 3600))}:${pad(Math.floor(seconds / 60) % 60)}:${pad(seconds % 60)}`
  return fraction === '' ? text : `${text}.${fraction}`
}

export function formatTimestamp(value: bigint, kind: TimestampKind): string {
  const perDay = secondsPerDay * unitsPerSecond(kind)
  const day = floorDiv(value, perDay)
  const text = `${formatDays(Number(day))}T${formatTime(value - day * perDay, kind.endsWith('_ns') ? 9 : 6)}`
  return kind.startsWith('timestamptz') ? `${text}+00:00` : text
}

export function floorDiv(a: bigint, b: bigint): bigint {
  const quotient = a / b
  return a % b !== 0n && a < 0n !== b < 0n ? quotient - 1n : quotient
}
