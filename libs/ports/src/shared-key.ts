import type { TableMetadata } from './iceberg-model.js'

/** What a manifest tells of a data file, as far as its rows cannot be read without it. Spec: "Data File Fields". */
export interface DescribedFile {
  /** URI. */
  readonly path: string
  readonly format: string
  readonly specId: number
  /** One value for each field of the partition spec, in its order. */
  readonly partition: readonly (boolean | number | bigint | string | Uint8Array | null)[]
  readonly recordCount: number
  readonly fileSize: number
}

/** Two groups of one table's data files, which may hold rows of one key. */
export interface SharedKeyRequest {
  /** Describes the files of both groups. */
  readonly metadata: TableMetadata
  /** Ids of fields of the current schema, outside lists and maps. */
  readonly keyIds: readonly number[]
  readonly ours: readonly DescribedFile[]
  readonly theirs: readonly DescribedFile[]
}

/**
 * A key that rows of both groups have, as the values' text in the order of `keyIds`, or `undefined` when there certainly is
 * none. NULL counts as a value, and rows that deletes are about as rows.
 */
export type SharedKeyLookup = (request: SharedKeyRequest) => Promise<readonly string[] | undefined>
