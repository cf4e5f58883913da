import { durationPattern, parseDuration } from '@phlo/core'
import type { ColumnCondition, SortKey } from '@phlo/ports'
import { InvalidArgumentError, Option } from 'commander'

/** `7d` before now, or a time in ISO 8601. */
function pastTime(text: string): Date {
  const time = durationPattern.test(text) ? new Date(Date.now() - parseDuration(text)) : new Date(text)
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

const sizes = { B: 1, kB: 1e3, MB: 1e6, GB: 1e9, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 }

function byteSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?) ?(B|kB|MB|GB|KiB|MiB|GiB)$/.exec(text)
  const bytes = match ? Math.round(Number(match[1]) * sizes[match[2] as keyof typeof sizes]) : 0
  if (bytes < 1) throw new InvalidArgumentError('Write a size: 64MB, 128MiB, 1GB.')
  return bytes
}

function sortKeys(text: string): readonly SortKey[] {
  return text.split(',').map((part) => {
    const match = /^\s*(.+?)(?:\s+(asc|desc))?\s*$/i.exec(part)
    if (!match) throw new InvalidArgumentError('Write columns: day, amount desc')
    return { column: match[1] as string, ...(match[2]?.toLowerCase() === 'desc' && { descending: true }) }
  })
}

const operators = { '<': 'lt', '<=': 'lte', '>': 'gt', '>=': 'gte', '=': 'eq', '!=': 'neq' } as const

function conditions(text: string, before: readonly ColumnCondition[] = []): readonly ColumnCondition[] {
  const match = /^\s*(.+?)\s*(<=|>=|!=|<|>|=)\s*(.*?)\s*$/.exec(text)
  if (!match) throw new InvalidArgumentError("Write a condition: 'day >= 2026-01-01'.")
  const value = (match[3] as string).replace(/^'(.*)'$/, '$1')
  return [...before, { column: match[1] as string, op: operators[match[2] as keyof typeof operators], value }]
}

export const sizeOption = (flags: string, description: string) => new Option(flags, description).argParser(byteSize)
export const sortKeysOption = (flags: string, description: string) => new Option(flags, description).argParser(sortKeys)
export const columnsOption = (flags: string, description: string) =>
  new Option(flags, description).argParser((text) => text.split(',').map((name) => name.trim()))
export const conditionsOption = (flags: string, description: string) =>
  new Option(flags, description).argParser(conditions)
export const timeOption = (flags: string, description: string) => new Option(flags, description).argParser(pastTime)
export const countOption = (flags: string, description: string) => new Option(flags, description).argParser(wholeNumber)
export const snapshotsOption = (flags: string, description: string) =>
  new Option(flags, description).argParser(snapshotIds)
export const dryRunOption = () => new Option('--dry-run', 'only tell what would happen')
export const branchOption = () => new Option('--ref <branch>', 'the branch of the lake to change').default('main')

export const tableBranchOption = () => new Option('--table-branch <name>', 'a branch of the table’s own; default: main')

export interface RewriteDeletesFlags {
  readonly ref: string
  readonly tableBranch?: string
  readonly dryRun?: boolean
}

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

export interface CompactFlags {
  readonly ref: string
  readonly strategy: 'binpack' | 'sort' | 'zorder' | 'hilbert'
  readonly by?: readonly SortKey[]
  readonly where?: readonly ColumnCondition[]
  readonly targetSize?: number
  readonly minFiles?: number
  readonly all?: boolean
  readonly tableBranch?: string
  readonly dryRun?: boolean
}

export interface StatsFlags {
  readonly ref: string
  readonly columns?: readonly string[]
  readonly dryRun?: boolean
}

export interface ManifestsFlags {
  readonly ref: string
  readonly targetSize?: number
  readonly all?: boolean
  readonly dryRun?: boolean
}

export interface TableRefFlags {
  readonly ref: string
  readonly snapshot?: readonly bigint[]
  readonly delete?: boolean
}
