import type { TransformName } from './iceberg-model.js'
import { definePort } from './port.js'
import type { StatementProgress } from './query-engine.js'
import type { RowSchema } from './row-schema.js'
import type { SourceInput } from './source.js'
import type { TableIdentifier } from './table-identifier.js'

/**
 * How new rows meet the table's.
 * - `append`: they are added.
 * - `overwrite`: they replace the rows of the partition interval, or all rows when there is none.
 * - `merge`: they replace the rows with the same key; `keep` says which of several new rows with one key counts:
 *   the `first` or `last` in the source's order, or (`hash`) all that differ in any column.
 */
export type WriteStrategy =
  | { readonly kind: 'append' }
  | { readonly kind: 'overwrite' }
  | { readonly kind: 'merge'; readonly key: readonly string[]; readonly keep: 'first' | 'last' | 'hash' }

/** Half-open interval `[from, to)` of a partition column; ISO 8601 text of the column's own type. */
export interface PartitionInterval {
  readonly column: string
  readonly from: string
  readonly to: string
}

export interface IngestPartitioning {
  readonly column: string
  readonly transform: TransformName
}

export interface IngestRequest {
  readonly target: TableIdentifier
  /** Table for rejected rows; made when the first one comes. */
  readonly quarantine: TableIdentifier
  readonly ref: string
  readonly schema: RowSchema
  readonly inputs: readonly SourceInput[]
  readonly strategy: WriteStrategy
  /** Only rows of this interval are taken; others are counted and left. */
  readonly interval?: PartitionInterval
  /** Iceberg partition fields of a table that is made new. */
  readonly partitioning?: readonly IngestPartitioning[]
  /** What a column that the schema does not know means: an error, or that it is left out. */
  readonly unexpectedColumns: 'freeze' | 'discard_value'
  readonly runId: string
  readonly doc?: string
  /** Table properties set in the same commit as the data. */
  readonly properties?: Readonly<Record<string, string>>
  /** Further ones that only reading tells: asked for once the inputs were read to their end. */
  readonly propertiesRead?: () => Readonly<Record<string, string>>
  /** Kept in the snapshot's summary. */
  readonly summary?: Readonly<Record<string, string>>
  readonly message: string
  readonly author?: string
  readonly onProgress?: (progress: StatementProgress) => void
  readonly signal?: AbortSignal
}

/** How many rows broke one rule. */
export interface RejectedRule {
  /** For instance `delay min`; stable for a given schema. */
  readonly rule: string
  readonly rows: number
}

export interface IngestResult {
  /** Rows of the interval that the source held. */
  readonly read: number
  readonly written: number
  readonly rejected: number
  /** Rows that gave way to another with the same key in the same batch. */
  readonly duplicates: number
  /** Rows outside the interval, left alone. */
  readonly outside: number
  /** One row may break several rules. */
  readonly rejectedRules: readonly RejectedRule[]
  /** SQL that shows this run's rejected rows; absent when there are none. */
  readonly rejectedSql?: string
  readonly files: number
  readonly bytes: number
  readonly snapshotId: bigint
}

/**
 * Brings a source's data into an Iceberg table: reads it as columns, casts without loss, splits valid from invalid rows
 * by the schema, writes Parquet, and commits data, rejected rows and properties to the branch as one commit.
 *
 * Throws PHLO_SOURCE_EMPTY, PHLO_SOURCE_MALFORMED, PHLO_SCHEMA_COLUMN_MISSING, PHLO_SCHEMA_COLUMN_UNEXPECTED,
 * PHLO_SCHEMA_BREAKING, PHLO_COMMIT_CONFLICT, PHLO_RUN_CANCELLED; nothing is committed then.
 */
export interface IngestEngine {
  ingest(request: IngestRequest): Promise<IngestResult>
  close(): Promise<void>
}

export const IngestEnginePort = definePort<IngestEngine>('IngestEngine')
