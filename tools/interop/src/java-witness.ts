import { AskedProcess } from './asked-process.js'
import type { CanonicalRow, ReadOptions } from './witness.js'
import type { WriteScript } from './write-script.js'

/** A file that Iceberg Java would read. */
export interface PlannedFile {
  readonly file: string
  readonly deletes: readonly { readonly file: string; readonly content: number; readonly offset: number | null }[]
  /** The filter that is left for the file's rows, as Iceberg Java prints it. */
  readonly residual: string
}

/** What a snapshot did to a data file. */
export interface ChangedFile {
  /** The snapshot's place between the two. */
  readonly ordinal: number
  readonly snapshot: string
  readonly operation: 'insert' | 'delete'
  readonly file: string
}

/** A sketch of a column's distinct values. */
interface ColumnSketch {
  readonly type: string
  readonly fields: readonly number[]
  readonly snapshot: string
  readonly sequence: number
  /** What the file says that the sketch estimates. */
  readonly ndv: string
  /** What Apache DataSketches reads from the sketch. */
  readonly estimate: number
}

/** What to read: with `asOf`, the snapshot that was current at that time, in milliseconds since 1970. */
export interface JavaReadOptions extends ReadOptions {
  readonly ref?: string
  readonly asOf?: number
  readonly columns?: readonly string[]
  /** Whether rows come with `_row_id` and `_last_updated_sequence_number`. */
  readonly lineage?: boolean
}

/** Iceberg Java in a process of its own. */
export class JavaWitness {
  private readonly process: AskedProcess

  constructor() {
    const classpath = process.env['PHLO_INTEROP_CLASSPATH']
    if (classpath === undefined) throw new Error('Jest’s global setup has not run')
    const quickStart = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Xmx512m']
    this.process = new AskedProcess('java', [...quickStart, '-cp', classpath, 'phlo.interop.Witness'])
  }

  close(): Promise<void> {
    return this.process.close()
  }

  read(metadata: string, options: JavaReadOptions = {}): Promise<CanonicalRow[]> {
    return this.process.ask('read', { metadata, ...options })
  }
  plan(metadata: string, options: JavaReadOptions = {}): Promise<PlannedFile[]> {
    return this.process.ask('plan', { metadata, ...options })
  }
  /** Files that appends between two snapshots added, the first left out. */
  incremental(metadata: string, from: bigint, to: bigint): Promise<string[]> {
    return this.process.ask('incremental', { metadata, from, to })
  }
  /** What each snapshot between two did to which file, the first left out. */
  changelog(metadata: string, from: bigint, to: bigint): Promise<ChangedFile[]> {
    return this.process.ask('changelog', { metadata, from, to })
  }
  /** Rows of a metadata table. */
  metadataTable(metadata: string, table: string, snapshot?: bigint): Promise<CanonicalRow[]> {
    return this.process.ask('metadata', { metadata, table, snapshot })
  }
  /** What a table's statistics say of its columns. */
  statistics(metadata: string): Promise<ColumnSketch[]> {
    return this.process.ask('statistics', { metadata })
  }
  /** The metadata as Iceberg Java would write it again. */
  describe(metadata: string): Promise<Readonly<Record<string, unknown>>> {
    return this.process.ask('describe', { metadata })
  }
  /** Makes or changes a table; gives the path of its new metadata and, after each step, its youngest snapshot. */
  async write(script: WriteScript): Promise<{ readonly metadata: string; readonly snapshots: readonly bigint[] }> {
    const { metadata, snapshots } = await this.process.ask<{ metadata: string; snapshots: string[] }>('write', script)
    return { metadata, snapshots: snapshots.map((id) => (id === '' ? 0n : BigInt(id))) }
  }
  /** What contradicts itself in the manifests of any snapshot, as sentences. */
  validate(metadata: string): Promise<string[]> {
    return this.process.ask('validate', { metadata })
  }
}
