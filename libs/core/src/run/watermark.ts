/** By which column an asset knows what it has read. */
export interface CursorColumn {
  readonly column: string
  /** `int`, `long`, `string`, `date`, `timestamp` or `timestamptz`. */
  readonly type: string
  /** How far before the greatest value the next read begins, for rows that come late: milliseconds, or a number of a number's own. */
  readonly lag?: number
}

const day = 86_400_000

/** The greater of two values of a cursor's column, as text of its type. */
export function laterOf({ type }: CursorColumn, a: string | undefined, b: string | undefined): string | undefined {
  if (a === undefined || b === undefined) return a ?? b
  if (type === 'int' || type === 'long') return BigInt(a) > BigInt(b) ? a : b
  // ISO 8601 sorts as time does, and engines compare strings by their bytes.
  return Buffer.compare(Buffer.from(a), Buffer.from(b)) > 0 ? a : b
}

/** Where the next read begins, given the greatest value that was taken in: that less the lag. Times lose what is below a millisecond. */
export function readFrom({ type, lag = 0 }: CursorColumn, greatest: string): string {
  if (lag === 0 || type === 'string') return greatest
  if (type === 'int' || type === 'long') return String(BigInt(greatest) - BigInt(Math.ceil(lag)))
  if (type === 'date') {
    const time = Date.parse(`${greatest}T00:00:00Z`) - Math.ceil(lag / day) * day
    return new Date(time).toISOString().slice(0, 10)
  }
  const text = new Date(Date.parse(greatest.endsWith('Z') ? greatest : `${greatest}Z`) - lag).toISOString()
  return type === 'timestamptz' ? text : text.slice(0, -1)
}
