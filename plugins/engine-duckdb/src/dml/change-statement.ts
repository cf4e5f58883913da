import type { TableIdentifier } from '@phlo/ports'

/** A part of the user's text, by offsets. */
export interface Span {
  readonly start: number
  readonly end: number
}

/** The table that a statement changes. */
export interface Target {
  readonly table: TableIdentifier
  /** Where it is named. */
  readonly span: Span
  /** The name that the statement's expressions know it by, when that is not its own. */
  readonly alias?: string
}

/** A column's name, and where it stands. */
export interface NamedColumn {
  readonly name: string
  readonly span: Span
}

/** `column = value`; without a value, DEFAULT. */
export interface Assignment {
  readonly column: NamedColumn
  readonly value: Span | undefined
}

/** What a clause of MERGE does with a row. */
export type MergeAction =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'delete' | 'error' }
  /** Without assignments: every column takes the value of the source's column of that name. */
  | { readonly kind: 'update'; readonly assignments: readonly Assignment[] | undefined }
  /** Without columns: all, in the table's order; without values, those of the source's columns of the same names. */
  | {
      readonly kind: 'insert'
      readonly columns: readonly NamedColumn[] | undefined
      readonly values: readonly (Span | undefined)[] | undefined
    }

export interface MergeClause {
  readonly when: 'matched' | 'not-matched-by-target' | 'not-matched-by-source'
  readonly condition: Span | undefined
  readonly action: MergeAction
  /** Where it stands. */
  readonly span: Span
}

/** `key = value` of WITH or SET, in the order of the text. */
export type Properties = Readonly<Record<string, string>>

/** A column of CREATE TABLE, or one that ALTER TABLE adds. */
export interface ColumnDefinition {
  readonly column: NamedColumn
  readonly type: Span
  readonly required: boolean
  readonly defaultValue?: Span
  readonly doc?: string
}

/** A column within structs, from the outermost name to its own. */
export interface ColumnPath {
  readonly path: readonly string[]
  readonly span: Span
}

/** A column or transform to sort by. */
export interface SortItem {
  readonly by: Span
  readonly descending: boolean
  readonly nullsFirst?: boolean
}

export type TableAlteration =
  | ({ readonly kind: 'add-column'; readonly at: ColumnPath; readonly ifNotExists: boolean } & Omit<
      ColumnDefinition,
      'column'
    >)
  | { readonly kind: 'drop-column'; readonly at: ColumnPath; readonly ifExists: boolean }
  | { readonly kind: 'rename-column'; readonly at: ColumnPath; readonly name: string }
  | { readonly kind: 'set-type'; readonly at: ColumnPath; readonly type: Span }
  | { readonly kind: 'set-required'; readonly at: ColumnPath; readonly required: boolean }
  | { readonly kind: 'set-default'; readonly at: ColumnPath; readonly value: Span | undefined }
  | { readonly kind: 'set-doc'; readonly at: ColumnPath | undefined; readonly doc: string | undefined }
  /** Columns and transforms as they are written, for instance `bucket(4, id)`; none for a table without. */
  | { readonly kind: 'set-partitioning'; readonly by: readonly Span[] }
  | { readonly kind: 'set-sort-order'; readonly by: readonly SortItem[] }
  | { readonly kind: 'set-properties'; readonly properties: Properties }
  | { readonly kind: 'remove-properties'; readonly names: readonly string[] }

/**
 * A statement that changes one table, taken apart. Spans are parts of the text that DuckDB reads as they are; `with` is
 * WITH and the common tables that stand before the statement, which all its parts know.
 */
export type ChangeStatement =
  | {
      readonly kind: 'insert'
      readonly with?: Span
      readonly target: Target
      readonly columns: readonly NamedColumn[] | undefined
      /** INSERT … BY NAME. */
      readonly byName: boolean
      /** A SELECT or VALUES; `undefined` for DEFAULT VALUES. */
      readonly query: Span | undefined
    }
  | {
      readonly kind: 'create'
      readonly target: Target
      readonly orReplace: boolean
      readonly ifNotExists: boolean
      readonly columns: readonly ColumnDefinition[] | undefined
      /** Transforms as they are written, for instance `bucket(4, id)`. */
      readonly partitionedBy: readonly Span[]
      readonly sortedBy: readonly SortItem[]
      readonly properties: Properties
      readonly query: Span | undefined
    }
  | {
      readonly kind: 'update'
      readonly with?: Span
      readonly target: Target
      readonly assignments: readonly Assignment[]
      readonly from: Span | undefined
      readonly where: Span | undefined
    }
  | {
      readonly kind: 'delete'
      readonly with?: Span
      readonly target: Target
      readonly using: Span | undefined
      readonly where: Span | undefined
    }
  | {
      readonly kind: 'merge'
      readonly with?: Span
      readonly target: Target
      readonly source: Span
      /** A condition, or the columns of USING. */
      readonly on: Span | readonly NamedColumn[]
      readonly clauses: readonly MergeClause[]
    }
  | { readonly kind: 'truncate'; readonly target: Target }
  | { readonly kind: 'drop'; readonly target: Target; readonly ifExists: boolean }
  | {
      readonly kind: 'alter'
      readonly target: Target
      readonly ifExists: boolean
      readonly alteration: TableAlteration
    }

/** What a SELECT begins with that knows the statement's common tables. */
export function commonTables(statement: { readonly with?: Span }): readonly (Span | string)[] {
  return statement.with ? [statement.with, ' '] : []
}
