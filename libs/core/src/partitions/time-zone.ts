const hour = 3_600_000
const formats = new Map<string, Intl.DateTimeFormat>()

/** Is that a time zone that this Node knows? */
export function isTimeZone(name: string): boolean {
  try {
    format(name)
    return true
  } catch {
    return false
  }
}

/** What clocks in the zone show at an instant, as the instant at which they show it in UTC. Milliseconds since 1970. */
export function wallTime(time: number, timezone: string | undefined): number {
  if (timezone === undefined) return time
  const parts = new Map<string, number>(
    format(timezone)
      .formatToParts(time)
      .map(({ type, value }) => [type, Number(value)]),
  )
  const of = (type: string) => parts.get(type) ?? NaN
  const seconds = Date.UTC(of('year'), of('month') - 1, of('day'), of('hour'), of('minute'), of('second'))
  return seconds + (((time % 1000) + 1000) % 1000)
}

/**
 * The first instant at which clocks in the zone show that time or, where they are put forward over it, the one at which
 * they are.
 */
export function instantOf(wall: number, timezone: string | undefined): number {
  if (timezone === undefined) return wall
  // No offset changes twice within two days.
  const [before, after] = [wall - 24 * hour, wall + 24 * hour].map((time) => wallTime(time, timezone) - time) as [
    number,
    number,
  ]
  const candidates = [wall - before, wall - after].sort((a, b) => a - b) as [number, number]
  const found = candidates.find((time) => wallTime(time, timezone) === wall)
  if (found !== undefined) return found
  let [low, high] = candidates
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (wallTime(middle, timezone) < wall) low = middle
    else high = middle
  }
  return high
}

function format(timezone: string): Intl.DateTimeFormat {
  const known = formats.get(timezone)
  if (known) return known
  const made = new Intl.DateTimeFormat('en-US', {
    timeZone: timezone,
    calendar: 'gregory',
    numberingSystem: 'latn',
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  })
  formats.set(timezone, made)
  return made
}
