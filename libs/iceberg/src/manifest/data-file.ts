import type { Value } from '../types/value.js'

/** Versions of the table format that are read and written. Spec: "Format Versioning". */
export type FormatVersion = 1 | 2 | 3

/** What a file in a manifest holds. Spec: "Manifests", `content`. */
export const fileContent = { data: 0, positionDeletes: 1, equalityDeletes: 2 } as const
export type FileContent = (typeof fileContent)[keyof typeof fileContent]

/** A data or delete file as a manifest describes it. Spec: "Data File Fields". */
export interface DataFile {
  readonly content: FileContent
  /** The partition spec that `partition` is of. */
  readonly specId: number
  /** URI. */
  readonly path: string
  /** `PARQUET`, `AVRO`, `ORC` or, for deletion vectors, `PUFFIN`. */
  readonly format: string
  /** One value for each field of the partition spec, in its order. */
  readonly partition: readonly (Value | null)[]
  readonly recordCount: number
  readonly fileSize: number
  /** By field id; bytes on disk. */
  readonly columnSizes?: ReadonlyMap<number, number>
  readonly valueCounts?: ReadonlyMap<number, number>
  readonly nullCounts?: ReadonlyMap<number, number>
  readonly nanCounts?: ReadonlyMap<number, number>
  /** By field id; single-value binary form, perhaps truncated. */
  readonly lowerBounds?: ReadonlyMap<number, Uint8Array>
  readonly upperBounds?: ReadonlyMap<number, Uint8Array>
  readonly keyMetadata?: Uint8Array
  readonly splitOffsets?: readonly number[]
  readonly equalityIds?: readonly number[]
  readonly sortOrderId?: number
  /** Version 3: `_row_id` of the first row. */
  readonly firstRowId?: number
  /** URI of the one data file that a file of position deletes is about; always there for deletion vectors. */
  readonly referencedDataFile?: string
  /** Where in the Puffin file a deletion vector lies, in bytes. */
  readonly contentOffset?: number
  readonly contentSize?: number
}

/** A deletion vector, as opposed to a file of positions. Spec: "Deletion Vectors". */
export function isDeletionVector(file: DataFile): boolean {
  return file.content === fileContent.positionDeletes && file.format.toUpperCase() === 'PUFFIN'
}

export const entryStatus = { existing: 0, added: 1, deleted: 2 } as const
export type EntryStatus = (typeof entryStatus)[keyof typeof entryStatus]

/** A line of a manifest. Sequence numbers and snapshot id are those after inheritance. Spec: "Manifest Entry Fields". */
export interface ManifestEntry {
  readonly status: EntryStatus
  readonly snapshotId: bigint
  readonly sequenceNumber: number
  readonly fileSequenceNumber: number
  readonly file: DataFile
}

/** Range of one partition field's values over a manifest. Spec: `field_summary`. */
export interface FieldSummary {
  readonly containsNull: boolean
  readonly containsNan?: boolean
  readonly lowerBound?: Uint8Array
  readonly upperBound?: Uint8Array
}

/** A line of a manifest list. Spec: "Manifest Lists". */
export interface ManifestFile {
  /** URI. */
  readonly path: string
  readonly length: number
  readonly specId: number
  /** 0 for data files, 1 for delete files. */
  readonly content: 0 | 1
  readonly sequenceNumber: number
  readonly minSequenceNumber: number
  readonly addedSnapshotId: bigint
  /** Version 1 lets writers leave the counts out. */
  readonly addedFiles?: number | undefined
  readonly existingFiles?: number | undefined
  readonly deletedFiles?: number | undefined
  readonly addedRows?: number | undefined
  readonly existingRows?: number | undefined
  readonly deletedRows?: number | undefined
  readonly partitions?: readonly FieldSummary[]
  readonly keyMetadata?: Uint8Array
  /** Version 3: the `_row_id` from which data files without one of their own are numbered. */
  readonly firstRowId?: number | undefined
}
