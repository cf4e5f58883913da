/** The type of values of which DuckDB would read microseconds. */
export const momentInNanoseconds = 'TIMESTAMPTZ_NS'

/** A column of a Parquet file, or what is within one. */
export interface StoredField {
  readonly name: string
  /** Iceberg's field id, which files of other writers may lack. */
  readonly id?: number
  readonly kind: 'value' | 'struct' | 'list' | 'map'
  /** DuckDB's name for the type of a value, where the file was looked at, or {@link momentInNanoseconds}. */
  readonly type?: string
  /** The fields of a struct, the element of a list, the key and the value of a map. */
  readonly children: readonly StoredField[]
}

/** The columns of a Parquet file. Files of one layout share the object. */
export interface FileLayout {
  readonly fields: readonly StoredField[]
}
