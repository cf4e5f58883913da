import path from 'node:path'
import type { Expression } from '@phlo/iceberg'
import type { IcebergSchema, PartitionSpec } from '@phlo/ports'
import { AskedProcess } from './asked-process.js'

/** A row in the canonical form of `python/readers.py`. */
export type CanonicalRow = Readonly<Record<string, unknown>>

export interface DescribedSnapshot {
  readonly id: string
  readonly parent: string | null
  readonly sequence: number
  readonly schema: number
  readonly operation: string
  readonly summary: Readonly<Record<string, string>>
  /** What the snapshot's files add up to. */
  readonly files: number
  readonly records: number
  readonly bytes: number
}

export interface DescribedTable {
  readonly version: number
  readonly uuid: string
  readonly lastColumnId: number
  readonly lastSequence: number
  readonly schema: IcebergSchema
  readonly spec: PartitionSpec
  readonly lastPartitionId: number
  readonly current: string | null
  readonly refs: Readonly<Record<string, string>>
  readonly history: readonly string[]
  readonly snapshots: readonly DescribedSnapshot[]
}

type ByFieldId = Readonly<Record<string, unknown>>

export interface DescribedFile {
  readonly path: string
  readonly format: string
  readonly partition: readonly unknown[]
  readonly records: number
  readonly recordsRight: boolean
  readonly sizeRight: boolean
  readonly splitOffsets: readonly number[]
  readonly sequence: number
  /** What the file's rows say against its bounds, null counts and partition. */
  readonly wrong: readonly string[]
  /** How many values were held against bounds. */
  readonly bounded: number
  readonly lower: ByFieldId
  readonly upper: ByFieldId
  readonly values: ByFieldId
  readonly nulls: ByFieldId
  readonly nans: ByFieldId
  /** The same as PyIceberg computes it of the Parquet file. */
  readonly computed: {
    readonly lower: ByFieldId
    readonly upper: ByFieldId
    readonly values: ByFieldId
    readonly nulls: ByFieldId
    readonly splitOffsets: readonly number[]
  }
}

export interface DescribedManifest {
  readonly content: number
  readonly length: boolean
  readonly sequence: number
  readonly minSequence: number
  readonly counts: boolean
  readonly rows: boolean
  readonly partitions: readonly { readonly null: boolean; readonly lower: unknown; readonly upper: unknown }[]
}

type Properties = Readonly<Record<string, string>>

export interface ReadOptions {
  /** PyIceberg's own, of the store that has the files. */
  readonly properties?: Properties
  readonly snapshot?: string
  readonly filter?: Expression
}

/** PyIceberg and DuckDB's Iceberg extension in a process of their own. */
export class Witness {
  private readonly process: AskedProcess

  constructor() {
    const python = process.env['PHLO_INTEROP_PYTHON']
    if (python === undefined) throw new Error('Jest’s global setup has not run')
    const script = path.join(import.meta.dirname, '..', 'python', 'readers.py')
    this.process = new AskedProcess(python, ['-W', 'ignore', script])
  }

  close(): Promise<void> {
    return this.process.close()
  }

  read(metadata: string, options: ReadOptions = {}): Promise<CanonicalRow[]> {
    return this.ask('read', { metadata, ...options })
  }
  /** Reads a table by the REST catalog that PyIceberg's properties name. */
  readByCatalog(table: string, properties: Properties): Promise<CanonicalRow[]> {
    return this.ask('read', { table, properties })
  }
  plan(metadata: string, options: ReadOptions = {}): Promise<string[]> {
    return this.ask('plan', { metadata, ...options })
  }
  describe(metadata: string): Promise<DescribedTable> {
    return this.ask('describe', { metadata })
  }
  entries(
    metadata: string,
    snapshot?: string,
  ): Promise<{ readonly manifests: readonly DescribedManifest[]; readonly files: readonly DescribedFile[] }> {
    return this.ask('inspect_entries', { metadata, snapshot })
  }
  arrowRows(metadata: string, file: string, snapshot?: string): Promise<CanonicalRow[]> {
    return this.ask('arrow_rows', { metadata, file, snapshot })
  }
  duckdbRows(metadata: string, snapshot?: string): Promise<CanonicalRow[]> {
    return this.ask('duckdb_rows', { metadata, snapshot })
  }
  transform(type: string, transform: string, values: readonly (string | null)[]): Promise<unknown[]> {
    return this.ask('transform_values', { type, transform, values })
  }
  encode(type: string, values: readonly string[]): Promise<string[]> {
    return this.ask('encode_values', { type, values })
  }
  decode(type: string, values: readonly string[]): Promise<unknown[]> {
    return this.ask('decode_values', { type, values })
  }
  /** Makes a table with PyIceberg in the folder; gives the path of its metadata. */
  async create(
    folder: string,
    name: string,
    schema: IcebergSchema,
    partitioning: readonly (readonly [string, string])[] = [],
    properties: Readonly<Record<string, string>> = {},
  ): Promise<string> {
    const { metadata } = await this.ask<{ metadata: string }>('create', {
      folder,
      name,
      schema,
      partitioning,
      properties,
    })
    return metadata
  }
  async register(folder: string, name: string, metadata: string): Promise<void> {
    await this.ask('register', { folder, name, metadata })
  }
  /** Writes a Parquet file whose columns have names and no field ids. */
  async writeParquet(file: string, schema: IcebergSchema, rows: readonly CanonicalRow[]): Promise<void> {
    await this.ask('write_parquet', { path: file, schema, rows })
  }
  /** Changes the table with PyIceberg; gives the path of its new metadata. */
  async write(folder: string, name: string, change: Readonly<Record<string, unknown>>): Promise<string> {
    const { metadata } = await this.ask<{ metadata: string }>('write', { folder, name, ...change })
    return metadata
  }

  private ask<T>(operation: string, request: object): Promise<T> {
    return this.process.ask(operation, request)
  }
}
