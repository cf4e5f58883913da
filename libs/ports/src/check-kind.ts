import { defineManyPort } from './port.js'
import type { SqlDialect } from './sql-dialect.js'
import type { StandardSchema } from './standard-schema.js'
import type { TableIdentifier } from './table-identifier.js'

/** What a check is compiled for. */
export interface CheckContext {
  readonly table: TableIdentifier
  /** Names and Iceberg types of the table's columns. */
  readonly columns: readonly { readonly name: string; readonly type: unknown }[]
  readonly dialect: SqlDialect
  readonly now: Date
}

/** The values that a check's aggregates gave, by alias. */
export type AggregateValues = Readonly<Record<string, unknown>>

/** A check's own finding; severity and blocking are the runner's business. */
export interface CheckFinding {
  readonly passed: boolean
  readonly failedCount: number
  readonly totalCount?: number
  /** What was seen, for people: `newest 2001-06-30, 2 h old`. */
  readonly observed?: string
}

/** What a check needs the engine to do. */
export type CompiledCheck =
  /** Rows that meet the predicate fail. Shares one scan with others of its kind. */
  | { readonly type: 'rows'; readonly failing: string; readonly columns: readonly string[] }
  /** Judged from aggregates over the table. Shares one scan too. */
  | {
      readonly type: 'aggregates'
      /** SQL aggregate by alias. */
      readonly select: Readonly<Record<string, string>>
      readonly judge: (values: AggregateValues) => CheckFinding
    }
  /** A SELECT of the failing rows, of its own. `relation` is the SQL that stands for the rows under check. */
  | { readonly type: 'query'; readonly failingRows: (relation: string) => string }

/** One kind of check, for instance `range`. */
export interface CheckKind<Options = unknown> {
  readonly kind: string
  readonly options: StandardSchema<Options>
  /** The columns that the check names, so that a missing one is an error before anything runs. */
  columns(options: Options): readonly string[]
  /** A short description, for instance `delay in [-120, 2000]`. */
  describe(options: Options): string
  compile(options: Options, context: CheckContext): CompiledCheck
}

export const CheckKindPort = defineManyPort<CheckKind>('CheckKind')
