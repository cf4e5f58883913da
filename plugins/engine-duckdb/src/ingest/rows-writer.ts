import type { FileInput } from '@phlo/ports'

/** Rows of a program, in files. */
export interface WrittenRows {
  readonly files: Pick<FileInput, 'format' | 'paths'>
  /** Number of rows before each file's first. */
  readonly rowsBefore: ReadonlyMap<string, number>
}

/** Takes what a program gives, row by row or batch by batch. */
export interface RowsWriter<Item> extends WrittenRows {
  add(item: Item): Promise<void>
  /** Ends the files; call it also when something failed. */
  end(): Promise<void>
  /** Of all files so far. */
  readonly rows: number
}
