import { InvalidArgumentError, Option } from 'commander'

const units = { m: 60_000, h: 3_600_000, d: 86_400_000 }

/** `30m`, `12h`, `7d` as milliseconds. */
export const spanOption = (flags: string, description: string) =>
  new Option(flags, description).argParser((text) => {
    const span = /^(\d+)([mhd])$/.exec(text)
    if (!span) throw new InvalidArgumentError('Write 30m, 12h or 7d.')
    return Number(span[1]) * units[span[2] as keyof typeof units]
  })

/** Options of `run` and `plan`. */
export interface RunFlags {
  readonly partition?: string
  readonly from?: string
  readonly to?: string
  readonly force?: boolean
}

export interface QueryFlags {
  readonly ref: string
  readonly snapshot: readonly string[]
  readonly format?: 'table' | 'csv' | 'json' | 'ndjson' | 'arrow'
  readonly limit: string
  readonly explain?: boolean
}

export interface CollectionFlags {
  /** Milliseconds. */
  readonly history?: number
  /** Milliseconds. */
  readonly safetyAge?: number
  readonly allowYoung?: boolean
  readonly list?: 'kept' | 'gone' | 'all'
  readonly delete?: boolean
}
