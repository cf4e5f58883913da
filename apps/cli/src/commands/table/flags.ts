import { InvalidArgumentError, Option } from 'commander'

const units = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** `7d` before now, or a time in ISO 8601. */
function pastTime(text: string): Date {
  const age = /^(\d+)([smhd])$/.exec(text)
  const time = age ? new Date(Date.now() - Number(age[1]) * units[age[2] as keyof typeof units]) : new Date(text)
  if (Number.isNaN(time.getTime()))
    throw new InvalidArgumentError('Write 90s, 30m, 2h, 7d or a time: 2026-01-01T00:00Z.')
  return time
}

function wholeNumber(text: string): number {
  const value = Number(text)
  if (!/^\d+$/.test(text) || value < 1) throw new InvalidArgumentError('Write a whole number from 1 on.')
  return value
}

function snapshotIds(text: string, before: readonly bigint[] = []): readonly bigint[] {
  if (!/^\d{1,19}$/.test(text)) throw new InvalidArgumentError('A snapshot’s id is a whole number.')
  return [...before, BigInt(text)]
}

export const timeOption = (flags: string, description: string) => new Option(flags, description).argParser(pastTime)
export const countOption = (flags: string, description: string) => new Option(flags, description).argParser(wholeNumber)
export const snapshotsOption = (flags: string, description: string) =>
  new Option(flags, description).argParser(snapshotIds)
export const dryRunOption = () => new Option('--dry-run', 'only tell what would happen')
export const branchOption = () => new Option('--ref <branch>', 'the branch of the lake to change').default('main')

export interface ExpireFlags {
  readonly ref: string
  readonly olderThan?: Date
  readonly keep?: number
  readonly snapshot?: readonly bigint[]
  readonly dryRun?: boolean
}

export interface OrphansFlags {
  readonly ref: string
  readonly olderThan?: Date
  readonly allowYoung?: boolean
  readonly delete?: boolean
}
