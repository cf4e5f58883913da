import type { AssetCheck, CheckScope, Severity } from '@phlo/core'
import { declaredAt } from './declared-at.js'

/** What every check can be told. */
export interface CheckOptions {
  /** Under this name its results are kept. */
  readonly name?: string
  /** Default `error`. */
  readonly severity?: Severity
  /** Whether a failure keeps the run from being published. Default true. */
  readonly blocking?: boolean
  /** The share of failing rows that still passes, 0 to 1. */
  readonly allow?: number
  /** The share of failing rows up to which a failure only warns. */
  readonly warn?: number
  /** `partition` (default): the rows of the run's partitions. `table`: all rows. `{ days }`: those of the last days. */
  readonly scope?: CheckScope
  /** The column that tells a row's partition. Default: that of the asset's partitions. */
  readonly partitionColumn?: string
  /**
   * `table` (default): on the run's branch, before it is published. `drift`: on main, once it is published, so that it
   * keeps nothing back.
   */
  readonly layer?: 'table' | 'drift'
}

/** A check on columns of these names, which lets the compiler hold it against a table. */
export interface Check<out Column extends string> {
  readonly check: AssetCheck
  /** Never set: carries the names. */
  readonly columns?: Column
}

/** A check of a kind, with what it was told. */
export function makeCheck<Column extends string>(
  kind: string,
  options: unknown,
  name: string,
  given: CheckOptions = {},
  defaultScope: CheckScope = 'partition',
): Check<Column> {
  const location = declaredAt()
  return {
    check: {
      kind,
      options,
      name: given.name ?? name,
      severity: given.severity ?? 'error',
      blocking: given.blocking ?? true,
      ...(given.allow !== undefined && { allowThreshold: given.allow }),
      ...(given.warn !== undefined && { warnThreshold: given.warn }),
      scope: given.scope ?? defaultScope,
      ...(given.partitionColumn !== undefined && { partitionColumn: given.partitionColumn }),
      layer: given.layer ?? 'table',
      source: 'phlo',
      ...(location && { location }),
    },
  }
}
