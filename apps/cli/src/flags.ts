import { durationPattern, parseDuration } from '@phlo/core'
import { InvalidArgumentError, Option } from 'commander'

/** `30m`, `12h`, `7d` as milliseconds. */
export const spanOption = (flags: string, description: string) =>
  new Option(flags, description).argParser((text) => {
    if (!durationPattern.test(text)) throw new InvalidArgumentError('Write 30m, 12h or 7d.')
    return parseDuration(text)
  })

/** Options of `run` and `plan`. */
export interface RunFlags {
  readonly partition?: string
  readonly from?: string
  readonly to?: string
  readonly force?: boolean
}

/** A whole number from 1 on. */
export const countOption = (flags: string, description: string) =>
  new Option(flags, description).argParser((text) => {
    if (!/^[1-9]\d{0,5}$/.test(text)) throw new InvalidArgumentError('Write a whole number, 1 or more.')
    return Number(text)
  })

export interface BackfillFlags {
  readonly from?: string
  readonly to?: string
  readonly parallel: number
  readonly branchPerPartition?: boolean
  readonly resume?: boolean
  readonly status?: boolean
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
