import {
  type BronzeRequest,
  formatIdentifier,
  type RowSchema,
  type RowsInput,
  type SourceInput,
  type SourceLocation,
  type SourceSpec,
  type SqlPlace,
  type TableIdentifier,
  type WriteStrategy,
} from '@phlo/ports'
import type { RetryPolicy } from '../run/retrying.js'
import type { CursorColumn } from '../run/watermark.js'
import type { PartitionDefinition } from '../partitions/partition-definition.js'

/** An asset's name everywhere: its table's, `namespace.name`. */
export type AssetKey = string

export function assetKey(target: TableIdentifier): AssetKey {
  return formatIdentifier(target)
}

export type Severity = 'warn' | 'error'

/** The rows of so many days: back from the run's last partition, or from now where there is none. */
export interface RollingWindow {
  readonly days: number
  /** The column that dates the rows. Default: that of the asset's partitions. */
  readonly column?: string
}

/**
 * Which rows a check looks at: those of the run's partitions (all rows, where the asset has no partitions), all rows, or
 * those of the last days.
 */
export type CheckScope = 'partition' | 'table' | RollingWindow

/** A check as an asset has it. */
export interface AssetCheck {
  /** The check kind, for instance `range`. */
  readonly kind: string
  /** The kind's own options. */
  readonly options: unknown
  /** Under this name its results are kept. */
  readonly name: string
  readonly severity: Severity
  /** A failed check of severity `error` that blocks keeps the run from being published. */
  readonly blocking: boolean
  /** The share of failing rows that still passes, 0 to 1. */
  readonly allowThreshold?: number
  /** The share of failing rows up to which the failure is only a warning. */
  readonly warnThreshold?: number
  readonly scope: CheckScope
  /** The column that tells a row's partition, for the scope `partition`. Default: that of the asset's partitions. */
  readonly partitionColumn?: string
  /** `table`: on the run's branch, before it is published. `drift`: on main, afterwards, so that it keeps nothing back. */
  readonly layer: 'table' | 'drift'
  /** Where the check comes from: `phlo` or `dbt`. */
  readonly source: string
  readonly location?: SourceLocation
}

interface AssetBase {
  readonly key: AssetKey
  readonly target: TableIdentifier
  readonly group?: string
  readonly description?: string
  readonly tags: readonly string[]
  /** Assets that must be there before this one. */
  readonly upstream: readonly AssetKey[]
  readonly checks: readonly AssetCheck[]
  /** Changes whenever what the asset does changes. */
  readonly codeVersion: string
  readonly location?: SourceLocation
}

/** How an asset's new rows meet the old ones. */
export type AssetStrategy = WriteStrategy

/** How old a table may be. Milliseconds. */
export interface Freshness {
  readonly warnAfter: number
  readonly failAfter: number
}

/** What an asset's own function is given. */
export interface LoadContext {
  /** The partition or range of partitions that is wanted; absent for assets without partitions. */
  readonly partition?: LoadPartition
  /** Where an asset with a `cursor` reads on: from the greatest value that it took in, less the lag; absent at first. */
  readonly cursor?: { readonly column: string; readonly from: string }
  readonly run: { readonly id: string; readonly ref: string }
  readonly signal: AbortSignal
  /** Runs SQL at the run's branch and gives the rows. */
  readonly query: (sql: string) => Promise<readonly Readonly<Record<string, unknown>>[]>
}

export interface LoadPartition {
  /** `2001-06-30`, or `2001-06-01..2001-06-30` for a range. */
  readonly key: string
  /** Half-open interval, ISO 8601 text. */
  readonly start: string
  readonly end: string
}

type Rows = RowsInput['rows']

/** What an asset's function may return. */
export type LoadResult = SourceSpec | SourceInput | Rows

/** An asset that brings data in: from a source, or from a function. */
export interface IngestionAsset extends AssetBase {
  readonly kind: 'ingestion'
  readonly schema: RowSchema
  readonly strategy: AssetStrategy
  readonly partitions?: PartitionDefinition
  /** Further Iceberg partition fields behind that of the partitions. */
  readonly partitionBy: readonly { readonly column: string; readonly transform: string }[]
  readonly unexpectedColumns: 'freeze' | 'discard_value'
  /** Any rejected row fails the asset. */
  readonly strict: boolean
  /** What is read: always the same source, or what a function says. */
  readonly source:
    | { readonly kind: 'static'; readonly spec: SourceSpec }
    | { readonly kind: 'function'; readonly load: (context: LoadContext) => LoadResult | Promise<LoadResult> }
  readonly cron?: string
  readonly freshness?: Freshness
  /** Columns that say where its rows come from. */
  readonly bronze?: Pick<BronzeRequest, 'columns' | 'sourceSystem'>
  /** How long its rows stay, in milliseconds, and which column tells their age. */
  readonly retention?: { readonly keep: number; readonly column?: string }
  /** The column by which it knows what it has read. */
  readonly cursor?: CursorColumn
  /** How often taking it in is tried. Default: once. */
  readonly retries?: RetryPolicy
  /** How long taking it in may last. Milliseconds. */
  readonly timeout?: number
}

/** An asset that a SELECT over other tables makes. */
export interface ModelAsset extends AssetBase {
  readonly kind: 'model'
  readonly sql: string
  /** Where a place of the SQL stands in the user's own text. */
  readonly locate?: (place: SqlPlace) => SourceLocation
  /** Tables that the SQL reads, whether assets or not. */
  readonly inputs: readonly TableIdentifier[]
  readonly partitionBy: readonly string[]
  readonly columnDocs: Readonly<Record<string, string>>
}

export type Asset = IngestionAsset | ModelAsset

/** The table of an asset's rejected rows. */
export function quarantineOf(target: TableIdentifier): TableIdentifier {
  return { namespace: ['quarantine'], name: `${target.namespace.join('_')}_${target.name}` }
}
