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

/** The values that a check's aggregates and scalars gave, by alias, and `total`: how many rows were looked at. */
export type AggregateValues = Readonly<Record<string, unknown>>

/** Figures that a check keeps of what it saw, by name, for the same check's later judgements. */
export type CheckMetrics = Readonly<Record<string, number>>

/** A check's own finding; severity and blocking are the runner's business. */
export interface CheckFinding {
  readonly passed: boolean
  readonly failedCount: number
  readonly totalCount?: number
  /** What was seen, for people: `newest 2001-06-30, 2 h old`. */
  readonly observed?: string
  readonly metrics?: CheckMetrics
}

/** What a check needs the engine to do. */
export type CompiledCheck =
  /** Rows that meet the predicate fail. Shares one scan with others. */
  | { readonly type: 'rows'; readonly failing: string; readonly columns: readonly string[] }
  /** Judged from aggregates over the table. Shares one scan too. */
  | {
      readonly type: 'aggregates'
      /** By alias: one call of an aggregate function each, so that a FILTER may stand behind it. */
      readonly select: Readonly<Record<string, string>>
      /** By alias: a SELECT of one value, of whatever tables. */
      readonly scalars?: Readonly<Record<string, string>>
      /** How many earlier findings of the same check are wanted. Default none. */
      readonly history?: number
      /** `history`: what the check kept of earlier, published states of the asset, newest first; not of the present one. */
      readonly judge: (values: AggregateValues, history: readonly CheckMetrics[]) => CheckFinding
    }
  /** A SELECT of what fails, of its own. `relation` is the SQL that stands for the rows under check. */
  | {
      readonly type: 'query'
      readonly failingRows: (relation: string) => string
      /** A SELECT of one number: of how many the failing ones are. Default: the rows of `relation`. */
      readonly total?: (relation: string) => string
      /** Aggregates of the shared scan that may tell that nothing fails, so that the SELECT is not needed. */
      readonly screen?: {
        readonly select: Readonly<Record<string, string>>
        readonly clean: (values: AggregateValues) => boolean
      }
    }
  /** Decided already, without a look at any row. */
  | { readonly type: 'known'; readonly finding: CheckFinding }

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
