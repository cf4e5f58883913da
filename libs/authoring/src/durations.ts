import { PhloError } from '@phlo/ports'

/** `90s`, `30m`, `2h`, `7d`. */
export type Duration = `${number}${'s' | 'm' | 'h' | 'd'}`

const units = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Milliseconds. Throws PHLO_WORKFLOW_INVALID. */
export function milliseconds(duration: Duration): number {
  const match = /^(\d+(?:\.\d+)?)([smhd])$/.exec(duration)
  if (!match)
    throw new PhloError('PHLO_WORKFLOW_INVALID', `${JSON.stringify(duration)} is no duration`, {
      hint: 'Write 90s, 30m, 2h or 7d.',
    })
  return Number(match[1]) * units[match[2] as keyof typeof units]
}
