import type { Expression } from '@phlo/iceberg'
import type { IcebergSchema, IcebergType, PartitionSpec, SortOrder } from '@phlo/ports'
import type { CanonicalRow } from './witness.js'

/** A change of columns; a path of names joined with dots leads to a nested one. */
export type ColumnChange =
  | {
      readonly add: string
      /** The struct that gets the column; the table itself when there is none. */
      readonly in?: string
      readonly type: IcebergType
      readonly required?: boolean
      readonly default?: unknown
    }
  | { readonly rename: string; readonly to: string }
  | { readonly drop: string }
  | { readonly widen: string; readonly type: string }
  | { readonly optional: string }
  | { readonly first: string }
  | { readonly move: string; readonly after: string }
  | { readonly writeDefault: string; readonly value: unknown }

type Rows = readonly CanonicalRow[]

/** Where a snapshot goes: a branch other than `main`, or nowhere yet. */
interface Target {
  readonly branch?: string
  readonly wap?: string
}

/** A commit of Iceberg Java. */
export type WriteStep =
  | (Target & { readonly do: 'append'; readonly rows: Rows; readonly fast?: boolean })
  | (Target & { readonly do: 'overwrite'; readonly filter: Expression; readonly rows: Rows })
  | (Target & { readonly do: 'replacePartitions'; readonly rows: Rows })
  | (Target & { readonly do: 'delete'; readonly filter: Expression })
  | (Target & {
      readonly do: 'rowDelta'
      /** Rows to delete by position: one delete file for each data file, or for each partition. */
      readonly where?: Expression
      readonly granularity?: 'file' | 'partition'
      /** Rows to delete by the values of columns, within a partition of the spec. */
      readonly equal?: { readonly columns: readonly string[]; readonly rows: Rows; readonly spec?: number }
      readonly rows?: Rows
    })
  | (Target & { readonly do: 'compact' | 'rewriteManifests' })
  | { readonly do: 'addFiles'; readonly paths: readonly string[] }
  | { readonly do: 'schema'; readonly changes: readonly ColumnChange[] }
  | { readonly do: 'spec'; readonly add?: readonly (readonly [string, string])[]; readonly remove?: readonly string[] }
  | { readonly do: 'snapshots'; readonly branch: string; readonly at?: bigint }
  | { readonly do: 'snapshots'; readonly tag: string; readonly at?: bigint }
  | { readonly do: 'snapshots'; readonly removeBranch: string }
  | { readonly do: 'snapshots'; readonly fastForward: string; readonly to: string }
  | { readonly do: 'snapshots'; readonly cherrypick: bigint }
  | { readonly do: 'snapshots'; readonly rollback: bigint }
  | { readonly do: 'snapshots'; readonly setCurrent: bigint }
  | { readonly do: 'properties'; readonly set: Readonly<Record<string, string>> }
  | { readonly do: 'mapNames' }
  | { readonly do: 'upgrade'; readonly version: number }
  | { readonly do: 'expire'; readonly ids: readonly bigint[] }
  /** Sketches of the distinct texts of columns. */
  | {
      readonly do: 'statistics'
      readonly values: Readonly<Record<string, readonly string[]>>
      readonly codec: 'NONE' | 'ZSTD'
    }

/** What Iceberg Java is to do: make a table at `location`, or go on from a metadata file. */
export interface WriteScript {
  readonly location?: string
  readonly create?: {
    readonly schema: IcebergSchema
    readonly spec: PartitionSpec
    readonly order: SortOrder
    readonly properties: Readonly<Record<string, string>>
  }
  readonly metadata?: string
  readonly steps: readonly WriteStep[]
}
