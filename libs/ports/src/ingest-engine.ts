import type { TransformName } from './iceberg-model.js'
import { definePort } from './port.js'
import type { StatementProgress } from './query-engine.js'
import type { RowSchema } from './row-schema.js'
import type { SourceInput } from './source.js'
import type { TableIdentifier } from './table-identifier.js'

/**
 * Which of several new rows with one key counts: the `first` or `last` in the source's order or, with `orderBy`, the one
 * with the smallest or greatest value of that column; of equal ones the first or last in the source's order.
 */
export interface RowChoice {
  readonly keep: 'first' | 'last'
  /**
   * A column that is never NULL. The table's own row counts as well: one that comes late, and is not the one to keep, is
   * left out. Only its values decide then, not how rows are divided into batches.
   */
  readonly orderBy?: string
}

/**
 * How new rows meet the table's. Key columns are never NULL.
 * - `append`: they are added.
 * - `overwrite`: they replace the rows of the partition interval, or all rows when there is none.
 * - `merge`: they replace the rows with the same key. `keep` `hash`: of several new rows with one key, all that differ in
 *   any column count.
 * - `insert-only`: those whose key the table has not are added; the others are left out.
 * - `delete-insert`: they replace the rows whose values of the columns `by` are those of any new row, or without `by` the
 *   table's partitions that they belong to. New rows with one key all stay.
 * - `scd2`: a history of each key, see {@link historyColumns}. Rows that differ from the key's current one in any column
 *   close it and become the current one. With `absent` `close`, the batch is all that the source has: the current rows of
 *   keys that it lacks are closed, unless a row of it was rejected, which may be of any key.
 * - `cdc`: they are changes. Of each key the last one by `position` (columns that are never NULL; then by the source's
 *   order) counts, unless the table's row is of a greater one. Where `operation` has one of the values `deletes`, the
 *   key's row is deleted (`hard`), or stays as it is with this operation and position (`soft`); such a change needs
 *   values of key, operation and position alone. With every other operation, the change is the row.
 */
export type WriteStrategy =
  | { readonly kind: 'append' }
  | { readonly kind: 'overwrite' }
  | ({ readonly kind: 'merge'; readonly key: readonly string[] } & (RowChoice | { readonly keep: 'hash' }))
  | ({ readonly kind: 'insert-only'; readonly key: readonly string[] } & RowChoice)
  | { readonly kind: 'delete-insert'; readonly by?: readonly string[] }
  | ({ readonly kind: 'scd2'; readonly key: readonly string[]; readonly absent: 'close' | 'keep' } & RowChoice)
  | {
      readonly kind: 'cdc'
      readonly key: readonly string[]
      readonly position: readonly string[]
      readonly operation: { readonly column: string; readonly deletes: readonly string[] }
      readonly deletion: 'hard' | 'soft'
    }

/**
 * The columns that a history (`scd2`) has behind those of its schema: since when a row holds, until when (NULL for the
 * current one; it is the time at which the next one was taken in), and whether it is the current one of its key.
 */
export const historyColumns = { validFrom: 'valid_from', validTo: 'valid_to', isCurrent: 'is_current' } as const

/** Columns that say where a row comes from, which a table may have behind those of its schema. */
export const bronzeColumns = [
  'ingestion_timestamp',
  'source_system',
  'source_file',
  'record_hash',
  '_phlo_run_id',
  '_phlo_partition_date',
  '_phlo_row_id',
] as const
export type BronzeColumn = (typeof bronzeColumns)[number]

export interface BronzeRequest {
  readonly columns: readonly BronzeColumn[]
  readonly sourceSystem: string
  /** IANA name of the time zone in whose days `_phlo_partition_date` counts the partition column's instants. Default: UTC. */
  readonly timezone?: string
}

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
  readonly bronze?: BronzeRequest
  /** What a column that the schema does not know means: an error, or that it is left out. */
  readonly unexpectedColumns: 'freeze' | 'discard_value'
  readonly runId: string
  readonly doc?: string
  /** Table properties set in the same commit as the data. */
  readonly properties?: Readonly<Record<string, string>>
  /** Further ones that only reading tells: asked for once the inputs were read to their end. */
  readonly propertiesRead?: (read: {
    /** Of {@link greatestOf}, among the valid rows: text of its type, times with six digits of a second. */
    readonly greatest?: string
  }) => Readonly<Record<string, string>>
  /** A column whose greatest value is told to {@link propertiesRead}. */
  readonly greatestOf?: string
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
  /** Rows that changed nothing: the table has them already, or later ones of their key. Absent where there are none. */
  readonly unchanged?: number
  /** Rows of the table that were deleted or closed, since the source has them no more. Absent where there are none. */
  readonly deleted?: number
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
  /**
   * The columns of files by what all their rows hold: an ingestion with them takes every row. Throws PHLO_SOURCE_NOT_FOUND,
   * PHLO_SOURCE_EMPTY, PHLO_SOURCE_MALFORMED.
   */
  infer(input: SourceInput, signal?: AbortSignal): Promise<RowSchema>
  close(): Promise<void>
}

export const IngestEnginePort = definePort<IngestEngine>('IngestEngine')
