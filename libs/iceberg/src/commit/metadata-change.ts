import type { TableMetadata, TableRequirement, TableUpdate } from '@phlo/ports'

/** Updates of a table's metadata, and what has to hold for them. */
export interface MetadataChange {
  readonly updates: readonly TableUpdate[]
  readonly requirements?: readonly TableRequirement[]
}

/** The table that others have left, and where its branches stood when the change was made. */
export interface ChangedSince {
  readonly base: TableMetadata
  readonly started: (branch: string) => bigint | undefined
}

/** Writes what a snapshot needs, again for every attempt to commit it. */
export interface Producer {
  readonly snapshotId: bigint
  /** On top of `metadata`; checks what others did `since`, if anybody could. */
  stage(metadata: TableMetadata, now: number, since?: ChangedSince): Promise<MetadataChange>
  /** Keys of files that were written and that the last attempt does not need, or of all that were written. */
  abandoned(which: 'unneeded' | 'all'): string[]
}
