const units = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** What {@link parseDuration} reads. */
export const durationPattern = /^(\d+)([smhd])$/

/** Milliseconds of `7d`, `12h`, `30m`, `90s`. Throws RangeError for other texts. */
export function parseDuration(text: string): number {
  const match = durationPattern.exec(text)
  if (!match) throw new RangeError(`${text} is no duration`)
  return Number(match[1]) * units[match[2] as keyof typeof units]
}
