/** Half-open interval `[from, to)`, milliseconds since 1970. */
export interface Interval {
  readonly from: number
  readonly to: number
}

/** A set of instants as few intervals as can be, ascending and apart. */
export class IntervalSet {
  readonly intervals: readonly Interval[]

  constructor(intervals: readonly Interval[] = []) {
    const merged: { from: number; to: number }[] = []
    for (const { from, to } of [...intervals].sort((a, b) => a.from - b.from)) {
      const last = merged.at(-1)
      if (from >= to) continue
      if (last && from <= last.to) last.to = Math.max(last.to, to)
      else merged.push({ from, to })
    }
    this.intervals = merged
  }

  get isEmpty(): boolean {
    return this.intervals.length === 0
  }

  plus(other: IntervalSet): IntervalSet {
    return new IntervalSet([...this.intervals, ...other.intervals])
  }

  minus(other: IntervalSet): IntervalSet {
    let rest: Interval[] = [...this.intervals]
    for (const hole of other.intervals) {
      rest = rest.flatMap(({ from, to }) =>
        [
          { from, to: Math.min(to, hole.from) },
          { from: Math.max(from, hole.to), to },
        ].filter((piece) => piece.from < piece.to),
      )
    }
    return new IntervalSet(rest)
  }

  /** ISO text that {@link parse} reads: `2001-01-01T00:00:00.000Z/2001-07-01T00:00:00.000Z,…`. */
  toString(): string {
    return this.intervals
      .map(({ from, to }) => `${new Date(from).toISOString()}/${new Date(to).toISOString()}`)
      .join(',')
  }

  /** Reads {@link toString}'s text; anything else gives the empty set. */
  static parse(text: string | undefined): IntervalSet {
    const intervals = (text ?? '').split(',').map((part) => {
      const [from = '', to = ''] = part.split('/')
      return { from: Date.parse(from), to: Date.parse(to) }
    })
    return new IntervalSet(intervals.filter(({ from, to }) => !Number.isNaN(from) && !Number.isNaN(to)))
  }
}
