/**
 * Apache Iceberg's own words, in the shape of its JSON: table metadata, and the requirements and updates of the REST
 * catalog's commit. Property names are those of the wire, so that unknown fields of newer writers survive a round trip.
 * Snapshot ids are 63-bit and therefore `bigint`; all other numbers are safe integers.
 * Source: https://iceberg.apache.org/spec and the REST catalog's OpenAPI document.
 */

/** A primitive type as the specification writes it: `long`, `decimal(12, 2)`, `fixed[16]`, … */
export type PrimitiveType = string

export interface StructType {
  readonly type: 'struct'
  readonly fields: readonly NestedField[]
}
export interface ListType {
  readonly type: 'list'
  readonly 'element-id': number
  readonly element: IcebergType
  readonly 'element-required': boolean
}
export interface MapType {
  readonly type: 'map'
  readonly 'key-id': number
  readonly key: IcebergType
  readonly 'value-id': number
  readonly value: IcebergType
  readonly 'value-required': boolean
}
export type IcebergType = PrimitiveType | StructType | ListType | MapType

export interface NestedField {
  readonly id: number
  readonly name: string
  readonly required: boolean
  readonly type: IcebergType
  readonly doc?: string
  /** What rows have that were written before the field was added. Format version 3. */
  readonly 'initial-default'?: SingleValue
  /** What new rows get when their writer gives no value. Format version 3. */
  readonly 'write-default'?: SingleValue
}

/** A value in the specification's JSON form. Integers beyond 53 bits are `bigint`. Spec: Appendix D. */
export type SingleValue =
  null | boolean | number | bigint | string | readonly SingleValue[] | { readonly [key: string]: SingleValue }

export interface IcebergSchema extends StructType {
  readonly 'schema-id': number
  readonly 'identifier-field-ids'?: readonly number[]
}

/** A transform as the specification writes it: `identity`, `day`, `bucket[16]`, `truncate[4]`, … */
export type TransformName = string

/** Where a field's values come from: one column, or several for a transform of several arguments (format version 3). */
export interface TransformSource {
  readonly 'source-id'?: number
  readonly 'source-ids'?: readonly number[]
}

export interface PartitionField extends TransformSource {
  readonly 'field-id': number
  readonly name: string
  readonly transform: TransformName
}
export interface PartitionSpec {
  readonly 'spec-id': number
  readonly fields: readonly PartitionField[]
}

export interface SortField extends TransformSource {
  readonly transform: TransformName
  readonly direction: 'asc' | 'desc'
  readonly 'null-order': 'nulls-first' | 'nulls-last'
}
export interface SortOrder {
  readonly 'order-id': number
  readonly fields: readonly SortField[]
}

export type SnapshotOperation = 'append' | 'replace' | 'overwrite' | 'delete'

export interface Snapshot {
  readonly 'snapshot-id': bigint
  readonly 'parent-snapshot-id'?: bigint
  readonly 'sequence-number'?: number
  readonly 'timestamp-ms': number
  /** URI of the manifest list. */
  readonly 'manifest-list'?: string
  /** URIs of the manifests, where old writers of format version 1 made no list. */
  readonly manifests?: readonly string[]
  readonly summary?: { readonly operation: SnapshotOperation } & Readonly<Record<string, string>>
  readonly 'schema-id'?: number
  /** The `_row_id` where the snapshot's new rows begin. Format version 3. */
  readonly 'first-row-id'?: number
  /** At least as many rows as the snapshot gave ids to. Format version 3. */
  readonly 'added-rows'?: number
  /** The encryption key of the manifest list's own key. Format version 3. */
  readonly 'key-id'?: string
}

export interface SnapshotRef {
  readonly 'snapshot-id': bigint
  readonly type: 'branch' | 'tag'
  readonly 'min-snapshots-to-keep'?: number
  readonly 'max-snapshot-age-ms'?: number
  readonly 'max-ref-age-ms'?: number
}

/** A Puffin file with statistics of a snapshot. */
export interface StatisticsFile {
  readonly 'snapshot-id': bigint
  /** URI. */
  readonly 'statistics-path': string
  readonly 'file-size-in-bytes': number
  readonly 'file-footer-size-in-bytes': number
  /** Base64. */
  readonly 'key-metadata'?: string
  readonly 'blob-metadata': readonly BlobMetadata[]
}

export interface BlobMetadata {
  readonly type: string
  readonly 'snapshot-id': bigint
  readonly 'sequence-number': number
  /** Field ids. */
  readonly fields: readonly number[]
  readonly properties?: Readonly<Record<string, string>>
}

/** A data file with one row of statistics for each partition of a snapshot. */
export interface PartitionStatisticsFile {
  readonly 'snapshot-id': bigint
  /** URI. */
  readonly 'statistics-path': string
  readonly 'file-size-in-bytes': number
}

export interface EncryptionKey {
  readonly 'key-id': string
  /** Base64. */
  readonly 'encrypted-key-metadata': string
  readonly 'encrypted-by-id'?: string
  readonly properties?: Readonly<Record<string, string>>
}

export interface TableMetadata {
  readonly 'format-version': number
  readonly 'table-uuid': string
  readonly location: string
  readonly 'last-sequence-number': number
  readonly 'last-updated-ms': number
  readonly 'last-column-id': number
  readonly schemas: readonly IcebergSchema[]
  readonly 'current-schema-id': number
  readonly 'partition-specs': readonly PartitionSpec[]
  readonly 'default-spec-id': number
  readonly 'last-partition-id': number
  readonly properties?: Readonly<Record<string, string>>
  readonly 'current-snapshot-id'?: bigint
  readonly snapshots?: readonly Snapshot[]
  readonly 'snapshot-log'?: readonly { readonly 'timestamp-ms': number; readonly 'snapshot-id': bigint }[]
  readonly 'metadata-log'?: readonly { readonly 'timestamp-ms': number; readonly 'metadata-file': string }[]
  readonly 'sort-orders': readonly SortOrder[]
  readonly 'default-sort-order-id': number
  readonly refs?: Readonly<Record<string, SnapshotRef>>
  readonly statistics?: readonly StatisticsFile[]
  readonly 'partition-statistics'?: readonly PartitionStatisticsFile[]
  /** Above every row id that was given out. Always there in format version 3. */
  readonly 'next-row-id'?: number
  readonly 'encryption-keys'?: readonly EncryptionKey[]
}

/** What must still hold of a table when a commit is applied. */
export type TableRequirement =
  | { readonly type: 'assert-create' }
  | { readonly type: 'assert-table-uuid'; readonly uuid: string }
  | { readonly type: 'assert-ref-snapshot-id'; readonly ref: string; readonly 'snapshot-id': bigint | null }
  | { readonly type: 'assert-last-assigned-field-id'; readonly 'last-assigned-field-id': number }
  | { readonly type: 'assert-current-schema-id'; readonly 'current-schema-id': number }
  | { readonly type: 'assert-last-assigned-partition-id'; readonly 'last-assigned-partition-id': number }
  | { readonly type: 'assert-default-spec-id'; readonly 'default-spec-id': number }
  | { readonly type: 'assert-default-sort-order-id'; readonly 'default-sort-order-id': number }

/** One change of a table's metadata. `-1` for an id to make current means the one added last in the same commit. */
export type TableUpdate =
  | { readonly action: 'assign-uuid'; readonly uuid: string }
  | { readonly action: 'upgrade-format-version'; readonly 'format-version': number }
  | { readonly action: 'add-schema'; readonly schema: IcebergSchema }
  | { readonly action: 'set-current-schema'; readonly 'schema-id': number }
  | { readonly action: 'add-spec'; readonly spec: PartitionSpec }
  | { readonly action: 'set-default-spec'; readonly 'spec-id': number }
  | { readonly action: 'add-sort-order'; readonly 'sort-order': SortOrder }
  | { readonly action: 'set-default-sort-order'; readonly 'sort-order-id': number }
  | { readonly action: 'add-snapshot'; readonly snapshot: Snapshot }
  | ({ readonly action: 'set-snapshot-ref'; readonly 'ref-name': string } & SnapshotRef)
  | { readonly action: 'remove-snapshots'; readonly 'snapshot-ids': readonly bigint[] }
  | { readonly action: 'remove-snapshot-ref'; readonly 'ref-name': string }
  | { readonly action: 'set-location'; readonly location: string }
  | { readonly action: 'set-properties'; readonly updates: Readonly<Record<string, string>> }
  | { readonly action: 'remove-properties'; readonly removals: readonly string[] }
  | { readonly action: 'remove-schemas'; readonly 'schema-ids': readonly number[] }
  | { readonly action: 'remove-partition-specs'; readonly 'spec-ids': readonly number[] }
  | { readonly action: 'set-statistics'; readonly statistics: StatisticsFile }
  | { readonly action: 'remove-statistics'; readonly 'snapshot-id': bigint }
  | { readonly action: 'set-partition-statistics'; readonly 'partition-statistics': PartitionStatisticsFile }
  | { readonly action: 'remove-partition-statistics'; readonly 'snapshot-id': bigint }
  | { readonly action: 'add-encryption-key'; readonly 'encryption-key': EncryptionKey }
  | { readonly action: 'remove-encryption-key'; readonly 'key-id': string }
