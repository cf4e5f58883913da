import type { IcebergType } from './iceberg-model.js'

/**
 * What a row must be, in words that every engine can compile: made from a zod schema by `@phlo/schema`, or by hand.
 */
export interface RowSchema {
  readonly columns: readonly ColumnSchema[]
  /** Conditions over several columns of a row. */
  readonly rules?: readonly RowRule[]
}

export interface ColumnSchema {
  readonly name: string
  /** Nested types carry placeholder field ids of 0; the table's schema assigns the real ones. */
  readonly type: IcebergType
  /** False when NULL is allowed. */
  readonly required: boolean
  /** True when a file may lack the column altogether; it then reads as NULL. */
  readonly optional: boolean
  readonly rules: readonly ColumnRule[]
  /** No two rows of the table share a value. */
  readonly unique: boolean
  readonly doc?: string
  /** For instance `pii`. */
  readonly classification?: string
  /** Names that the column had before: a table's column of such a name becomes this one and keeps its field id. */
  readonly formerNames?: readonly string[]
}

/** A condition on one column's value that a NULL always meets. */
export type ColumnRule =
  | { readonly kind: 'min'; readonly value: RuleValue; readonly exclusive: boolean }
  | { readonly kind: 'max'; readonly value: RuleValue; readonly exclusive: boolean }
  | { readonly kind: 'multiple-of'; readonly value: number }
  | { readonly kind: 'finite' }
  | { readonly kind: 'in'; readonly values: readonly RuleValue[] }
  | { readonly kind: 'not-in'; readonly values: readonly RuleValue[] }
  /** Lengths count code points. */
  | { readonly kind: 'min-length'; readonly value: number }
  | { readonly kind: 'max-length'; readonly value: number }
  /** A regular expression in RE2's syntax that must be found somewhere in the text. */
  | { readonly kind: 'pattern'; readonly regex: string; readonly caseInsensitive: boolean; readonly format?: string }
  | { readonly kind: 'starts-with'; readonly value: string }
  | { readonly kind: 'ends-with'; readonly value: string }
  | { readonly kind: 'includes'; readonly value: string }

/** A condition over several columns of a row. */
export type RowRule =
  /** Met also where one of the two is NULL. */
  | {
      readonly kind: 'compare'
      readonly name: string
      readonly left: string
      readonly operator: ComparisonOperator
      readonly right: string
    }
  /** At least one of them has a value. */
  | { readonly kind: 'any-of'; readonly name: string; readonly columns: readonly string[] }
  /** All of them have a value, or none has. */
  | { readonly kind: 'all-or-none'; readonly name: string; readonly columns: readonly string[] }

export type ComparisonOperator = '<' | '<=' | '=' | '<>' | '>=' | '>'

/** Dates and times are ISO 8601 text. */
export type RuleValue = string | number | bigint | boolean
