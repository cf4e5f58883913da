import type { RecordBatch, Table } from 'apache-arrow'
import { defineManyPort } from './port.js'

/** Something readable as columns: files of one format, or rows from a program. */
export type SourceInput = FileInput | RowsInput

export interface FileInput {
  readonly type: 'files'
  readonly format: 'parquet' | 'csv' | 'ndjson' | 'json'
  /** Absolute paths, in the order in which their rows count as coming. */
  readonly paths: readonly string[]
  /** CSV's separator, one character; found from the header when absent. */
  readonly delimiter?: string
  /** CSV's text for NULL beside the empty field. */
  readonly nullText?: string
  /** CSV's character around fields that hold separators, doubled within them. Default `"`. */
  readonly quote?: string
  /** CSV's character that makes a quote within quotes stand for itself. Default the quote. */
  readonly escape?: string
  /** Lines that start with this character are left out of CSV. */
  readonly comment?: string
  /** Lines to leave out at the beginning of each CSV file. */
  readonly skipLines?: number
  /** The columns of CSV files without a header. */
  readonly columns?: readonly string[]
  /** Of text, a label of the Encoding Standard, for instance `windows-1252`. Default UTF-8. */
  readonly encoding?: string
}

/** A row as a program has it: a plain object. Dates and bigints are allowed; everything else is as JSON has it. */
export type SourceRow = Readonly<Record<string, unknown>>

/** Many rows at once, as Arrow's columns. */
export type SourceBatch = RecordBatch | Table

export interface RowsInput {
  readonly type: 'rows'
  /** Rows one by one, or in batches; not both in one input. */
  readonly rows: AsyncIterable<SourceRow | SourceBatch> | Iterable<SourceRow | SourceBatch>
  /** Names the origin in errors and quarantine. */
  readonly name: string
  /** Where each row comes from, in their order, when they were read from somewhere else before. */
  readonly origins?: readonly RowOrigin[]
}

/** The place of a row in quarantine, see the columns of a quarantine table. */
export interface RowOrigin {
  readonly file: string
  readonly row: number | null
  readonly partition: string | null
}

/** What an asset's function may hand over to have a source plugin read it. */
export interface SourceSpec {
  /** Which source plugin reads it: {@link Source.kind}. */
  readonly kind: string
  readonly options: unknown
}

/** The part of an asset that is wanted. */
export interface SourcePartition {
  /** The partition's key, or `first..last` of a range. */
  readonly key: string
  /** Half-open interval, ISO 8601 text. */
  readonly from: string
  readonly to: string
}

export interface SourceReadContext {
  /** Relative paths start here: the project's folder. */
  readonly projectDir: string
  readonly partition?: SourcePartition
  /**
   * What the last committed read returned: absent at first, and for assets that take in whole what they are asked for
   * (partitions, or everything anew).
   */
  readonly cursor?: unknown
  readonly signal: AbortSignal
}

export interface SourceRead {
  readonly inputs: readonly SourceInput[]
  /**
   * Where the next read goes on; JSON, `undefined` to leave it as it was. Asked for once the inputs were read to their
   * end, committed together with their rows, and given to the next read.
   */
  readonly cursor?: () => unknown
}

/** Reads one kind of source. */
export interface Source {
  readonly kind: string
  /** Throws PHLO_SOURCE_NOT_FOUND, PHLO_CONFIG_INVALID for wrong options, PHLO_SOURCE_FAILED. */
  read(options: unknown, context: SourceReadContext): Promise<SourceRead>
  /**
   * A text that changes whenever the source's data may have changed, found without reading the data; `undefined` when
   * that cannot be told.
   */
  version(options: unknown, context: SourceReadContext): Promise<string | undefined>
}

export const SourcePort = defineManyPort<Source>('Source')
